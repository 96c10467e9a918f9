"""Deterministic CBOR (RFC 8949, 4.2.1), as far as the formats use it: integers, byte and text
strings, arrays, null. Every head is as short as possible, so what decodes is canonical."""


class Malformed(ValueError):
    """Not canonical CBOR of the kinds used."""


def decode(data: bytes):
    """Decodes one item that fills `data`."""
    value, end = item(data, 0)
    if end != len(data):
        raise Malformed("bytes follow the structure")
    return value


def item(data: bytes, at: int):
    """Decodes the item at `at`; gives it and where it ends."""
    if at >= len(data):
        raise Malformed("cut short")
    major, info = data[at] >> 5, data[at] & 31
    if major == 7:
        if info in (20, 21, 22):
            return {20: False, 21: True, 22: None}[info], at + 1
        raise Malformed("a simple value that the formats do not use")
    number, at = head(data, at, info)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        end = at + number
        if end > len(data):
            raise Malformed("cut short")
        return (data[at:end] if major == 2 else data[at:end].decode("utf-8")), end
    if major == 4:
        items = []
        for _ in range(number):
            value, at = item(data, at)
            items.append(value)
        return items, at
    raise Malformed("a kind that the formats do not use")


def head(data: bytes, at: int, info: int):
    """The number in an item's head."""
    if info < 24:
        return info, at + 1
    if info > 27:
        raise Malformed("indefinite length")
    size = 1 << (info - 24)
    number = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    if at + 1 + size > len(data):
        raise Malformed("cut short")
    least = (24, 0x100, 0x1_0000, 0x1_0000_0000)[info - 24]
    if number < least:
        raise Malformed("a head longer than needed")
    return number, at + 1 + size


def encode(value) -> bytes:
    """The one encoding of a value."""
    if value is None or isinstance(value, bool):
        return bytes([{False: 0xF4, True: 0xF5, None: 0xF6}[value]])
    if isinstance(value, int):
        return start(1, -1 - value) if value < 0 else start(0, value)
    if isinstance(value, bytes):
        return start(2, len(value)) + value
    if isinstance(value, str):
        return start(3, len(value.encode())) + value.encode()
    return start(4, len(value)) + b"".join(encode(inner) for inner in value)


def start(major: int, number: int) -> bytes:
    """An item's head, as short as possible."""
    if number < 24:
        return bytes([major << 5 | number])
    size = next(power for power in range(4) if number < 1 << (8 << power))
    return bytes([major << 5 | 24 + size]) + number.to_bytes(1 << size, "big")


def skip(data: bytes, at: int, count: int) -> int:
    """Where the `count` items from `at` end."""
    for _ in range(count):
        _, at = item(data, at)
    return at
