"""DER (ITU-T X.690), as much of it as certificates and CMS need."""

from datetime import datetime, timezone

from suites import Refused

INTEGER, BITS, OCTETS, OID, UTC, GENERALIZED, SEQUENCE, SET = 2, 3, 4, 6, 23, 24, 48, 49


class Node:
    """A value: its tag, its bytes with and without the head."""

    def __init__(self, data: bytes, at: int = 0):
        self.tag, length, start = data[at], data[at + 1], at + 2
        if self.tag & 31 == 31:
            raise Refused("a long tag")
        if length > 127:
            count = length & 127
            length = int.from_bytes(data[start : start + count], "big")
            start += count
            shortest = max(1, (length.bit_length() + 7) // 8)
            if length < 128 or count != shortest:
                raise Refused("a length that is not the shortest")
        self.end = start + length
        if self.end > len(data):
            raise Refused("a value cut short")
        self.raw, self.content = data[at : self.end], data[start : self.end]

    def __iter__(self):
        at = 0
        while at < len(self.content):
            child = Node(self.content, at)
            at = child.end
            yield child

    def list(self, tag: int = SEQUENCE) -> list:
        self.must(tag)
        return list(self)

    def must(self, *tags: int) -> "Node":
        if self.tag not in tags:
            raise Refused(f"tag {self.tag} instead of {tags}")
        return self

    @property
    def oid(self) -> str:
        self.must(OID)
        numbers, number = [], 0
        for byte in self.content:
            number = number << 7 | byte & 127
            if not byte & 128:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    @property
    def bits(self) -> bytes:
        """A bit string of whole bytes."""
        self.must(BITS)
        if self.content[0]:
            raise Refused("bits that are no bytes")
        return self.content[1:]

    @property
    def time(self) -> float:
        """Seconds since 1970."""
        text = self.must(UTC, GENERALIZED).content.decode("ascii")
        form = "%y%m%d%H%M%SZ" if self.tag == UTC else "%Y%m%d%H%M%SZ"
        if "." in text:
            form = form.replace("%SZ", "%S.%fZ")
        return datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()


def read(data: bytes) -> Node:
    """One value and nothing after it."""
    node = Node(data)
    if node.end != len(data):
        raise Refused("bytes follow")
    return node
