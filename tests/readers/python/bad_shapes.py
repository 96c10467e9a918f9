"""Changes of form that every structure's reader must refuse: the bytes stay readable, but are not the
one encoding, or not of the shape (docs/formats: “CBOR”, RFC 8949, 4.2.1)."""

import cbor


def forms(data: bytes, versioned: bool):
    """Names and bytes of what a structure may not be."""
    start = cbor.head(data, 0, data[0] & 31)[1]
    count = cbor.head(data, 0, data[0] & 31)[0]
    inside = data[start:]
    ends = [cbor.skip(data, start, k) for k in range(count + 1)]
    yield "a byte more", data + b"\0"
    yield "the same once more", data + data
    yield "cut short by a byte", data[:-1]
    yield "nothing", b""
    yield "a longer head", long_head(data)
    yield "an array of indefinite length", b"\x9f" + inside + b"\xff"
    yield "a tagged array", b"\xd9\xd9\xf7" + data
    yield "within a list", b"\x81" + data
    yield "within a byte string", cbor.encode(data)
    yield "one field less", head(count - 1) + data[start : ends[count - 1]]
    yield "one field more, null", head(count + 1) + inside + b"\xf6"
    yield "one field more, 0", head(count + 1) + inside + b"\0"
    yield "the first field as a text", data[:start] + b"\x61a" + data[ends[1] :]
    yield "the first field left out as null", data[:start] + b"\xf6" + data[ends[1] :]
    if versioned:
        rest = data[ends[1] :]
        yield "version 1", data[:start] + b"\1" + rest
        yield "version 23", data[:start] + b"\x17" + rest
        yield "version 1 and a field more", head(count + 1) + b"\1" + rest + b"\0"
        yield "version 1 and nothing else", b"\x81\1"
        yield "version 1 and a list of another kind", b"\x83\1\x82\xf6\xf6\x40"
        yield "version 0 in two bytes", data[:start] + b"\x18\0" + rest
        yield "version 256", data[:start] + b"\x19\1\0" + rest
        yield "version −1", data[:start] + b"\x20" + rest
        yield "version false", data[:start] + b"\xf4" + rest
        yield "version 0.0", data[:start] + b"\xf9\0\0" + rest
    at, end = last_number(data, 0) or (0, 0)
    if end:
        yield "the last number 2⁵³", data[:at] + b"\x1b\0\x20" + bytes(6) + data[end:]
    for kind, (at, end) in first_of_each(data, start).items():
        yield from of_kind(kind, data, at, end)


def head(count: int) -> bytes:
    return cbor.start(4, count)


def long_head(data: bytes, at: int = 0) -> bytes:
    """The item's head in one step more bytes than it needs."""
    number, end = cbor.head(data, at, data[at] & 31)
    info = data[at] & 31
    size = 1 if info < 24 else 2 << (info - 24)
    if size > 8:
        raise ValueError("no longer head")
    step = {1: 24, 2: 25, 4: 26, 8: 27}[size]
    return data[:at] + bytes([data[at] & 0xE0 | step]) + number.to_bytes(size, "big") + data[end:]


def first_of_each(data: bytes, at: int, depth: int = 0) -> dict:
    """Where the first item of each major kind below the outermost array lies."""
    found = {}
    while at < len(data):
        major = data[at] >> 5
        end = cbor.item(data, at)[1]
        if major not in found:
            found[major] = at, end
        if major == 4:
            number, inside = cbor.head(data, at, data[at] & 31)
            if number and depth < 4:
                for kind, place in first_of_each(data[:end], inside, depth + 1).items():
                    found.setdefault(kind, place)
        at = end
    return found


def last_number(data: bytes, at: int):
    """Where the last unsigned integer below an item lies."""
    end = cbor.item(data, at)[1]
    if data[at] >> 5 == 0:
        return at, end
    found = None
    if data[at] >> 5 == 4:
        count, at = cbor.head(data, at, data[at] & 31)
        for _ in range(count):
            found = last_number(data, at) or found
            at = cbor.skip(data, at, 1)
    return found


NAMES = {0: "number", 2: "byte string", 3: "text", 4: "list"}


def of_kind(kind: int, data: bytes, at: int, end: int):
    """Another writing of one inner item."""
    if kind not in NAMES:
        return
    name = NAMES[kind]
    before, rest = data[:at], data[end:]
    try:
        yield f"a {name} with a longer head", long_head(data, at)
    except ValueError:
        pass
    _, inside = cbor.head(data, at, data[at] & 31)
    body = data[inside:end]
    if kind in (2, 3):
        piece = cbor.start(kind, len(body)) + body
        yield f"a {name} in chunks", before + bytes([kind << 5 | 31]) + piece + b"\xff" + rest
        other = bytes([data[at] ^ 0x20])
        yield f"a {name} as the other kind", before + other + data[at + 1 :]
    if kind == 2 and body:
        yield "a byte string one byte longer", before + cbor.encode(body + b"\0") + rest
        yield "a byte string one byte shorter", before + cbor.encode(body[:-1]) + rest
    if kind == 3 and body:
        yield "a text that is not UTF-8", before + data[at:inside] + b"\xff" + body[1:] + rest
    if kind == 4:
        yield "a list of indefinite length", before + b"\x9f" + body + b"\xff" + rest
        yield "a list as null", before + b"\xf6" + rest
    if kind == 0:
        yield "a number as null", before + b"\xf6" + rest
        yield "a number above 64 bits", before + b"\xc2\x49\1" + bytes(8) + rest
