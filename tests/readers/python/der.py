"""DER (ITU-T X.690), as much of it as certificates and CMS need."""

import re
from datetime import datetime, timezone

from suites import Refused

BOOLEAN, INTEGER, BITS, OCTETS, OID, ENUMERATED = 1, 2, 3, 4, 6, 10
UTC, GENERALIZED, SEQUENCE, SET = 23, 24, 48, 49
TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d*[1-9]))?Z", re.ASCII)
DEEPEST = 16


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
    def time(self) -> int:
        """Milliseconds since 1970, of whole seconds."""
        self.must(UTC, GENERALIZED)
        text = self.content.decode("ascii")
        if self.tag == UTC:
            text = ("20" if text[:2] < "50" else "19") + text
        return milliseconds(text, False)

    @property
    def exact_time(self) -> int:
        """The same of a GeneralizedTime that may have a fraction; less than a millisecond is cut off."""
        return milliseconds(self.must(GENERALIZED).content.decode("ascii"), True)

    @property
    def flag(self) -> bool:
        if self.must(BOOLEAN).content not in (b"\0", b"\xff"):
            raise Refused("neither true nor false")
        return self.content == b"\xff"

    @property
    def uint(self) -> int:
        self.must(INTEGER).check_integer()
        if self.content[0] & 128:
            raise Refused("less than zero")
        return int.from_bytes(self.content, "big")

    def check_integer(self):
        first, *rest = self.content
        if rest and (first == 0 and rest[0] < 128 or first == 255 and rest[0] > 127):
            raise Refused("a number that is not the shortest")

    def ordered(self, tag: int = SET) -> list:
        """The values of a SET OF, in DER's order and none twice."""
        values = self.list(tag)
        if any(one.raw >= after.raw for one, after in zip(values, values[1:])):
            raise Refused("a set out of order")
        return values

    def check(self, deep: int = 0):
        """DER throughout; what lies in an octet string is looked at where it is used."""
        if deep > DEEPEST:
            raise Refused("too deep")
        if self.tag == BOOLEAN:
            self.flag
        elif self.tag == INTEGER:
            self.check_integer()
        elif self.tag == SET:
            self.ordered()
        if self.tag & 32:
            for child in self:
                child.check(deep + 1)


def milliseconds(text: str, fraction: bool) -> int:
    found = TIME.fullmatch(text)
    if not found or found[7] and not fraction:
        raise Refused("no time")
    *numbers, part = found.groups()
    time = datetime(*map(int, numbers), tzinfo=timezone.utc)
    if time.year < 1970:
        raise Refused("a time before 1970")
    return int(time.timestamp()) * 1000 + int(((part or "") + "000")[:3])


def read(data: bytes) -> Node:
    """One value and nothing after it."""
    node = Node(data)
    if node.end != len(data):
        raise Refused("bytes follow")
    return node
