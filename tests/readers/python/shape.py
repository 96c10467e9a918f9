"""Shapes of decoded structures, in the words of docs/formats: kind, length and number of each field.

A shape is a function that takes a decoded value and raises `Malformed` unless it fits.
"""

from cbor import Malformed

TOP = 2**64


def fail(what: str, value):
    raise Malformed(f"{what} expected, not {type(value).__name__}")


def uint(value):
    if type(value) is not int or not 0 <= value < 2**53:
        fail("uint", value)


def small(most: int):
    """A uint up to `most`."""

    def check(value):
        uint(value)
        if value > most:
            raise Malformed(f"a number above {most}")

    return check


def integer(value):
    if type(value) is not int or not -TOP <= value < TOP:
        fail("int", value)


def boolean(value):
    if type(value) is not bool:
        fail("bool", value)


def text(value):
    if not isinstance(value, str):
        fail("text", value)


def blob(value):
    if not isinstance(value, bytes):
        fail("bytes", value)


def bitmap(value):
    """Bytes of which the last says something."""
    blob(value)
    if value[-1:] == b"\0":
        raise Malformed("a zero byte at the end")


def octets(*lengths: int):
    """A byte string of one of these lengths."""

    def check(value):
        blob(value)
        if len(value) not in lengths:
            raise Malformed(f"{len(value)} bytes where {lengths} belong")

    return check


member = visit = area = octets(16)
digest = octets(32)
signature = octets(64)
key = octets(32, 33)


def one_of(*numbers: int):
    """A uint that is one of these."""

    def check(value):
        uint(value)
        if value not in numbers:
            raise Malformed(f"{value} is none of {numbers}")

    return check


version = one_of(0)


def null_or(shape):
    return lambda value: value is None or shape(value)


class Optional:
    """`x?`: left out at the end of an array, null elsewhere."""

    def __init__(self, shape):
        self.shape = shape


def array(*shapes):
    """An array of fixed order."""
    least = max((i + 1 for i, s in enumerate(shapes) if not isinstance(s, Optional)), default=0)

    def check(value):
        if not isinstance(value, list):
            fail("array", value)
        if not least <= len(value) <= len(shapes):
            raise Malformed(f"{len(value)} fields where {len(shapes)} belong")
        if len(value) > least and value[-1] is None:
            raise Malformed("null at the end")
        for shape, inner in zip(shapes, value):
            if not isinstance(shape, Optional):
                shape(inner)
            elif inner is not None:
                shape.shape(inner)

    return check


def many(shape, least: int = 0, most: int = TOP):
    """An array of any number of one shape."""

    def check(value):
        if not isinstance(value, list):
            fail("array", value)
        if not least <= len(value) <= most:
            raise Malformed(f"{len(value)} elements")
        for inner in value:
            shape(inner)

    return check


def choice(**kinds):
    """`[ number, [ fields ] ]`; the names are for who reads the shape: `n1_hospital=array(…)`."""
    numbered = {int(name[1:].split("_")[0]): shape for name, shape in kinds.items()}

    def check(value):
        if not isinstance(value, list) or len(value) != 2:
            fail("choice", value)
        uint(value[0])
        if value[0] not in numbered:
            raise Malformed(f"no choice {value[0]}")
        numbered[value[0]](value[1])

    return check
