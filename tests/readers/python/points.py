"""What a public key may be (docs/formats/keys.md): one encoding per key, and no small order."""

from functools import lru_cache

from cbor import Malformed

# Curve25519, as edwards25519 (RFC 8032, 5.1) and as Montgomery's (RFC 7748).
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ORDER = 2**252 + 27742317777372353535851937790883648493


def edwards(data: bytes):
    """The point (x, y) that 32 bytes name, by the one encoding that it has."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if len(data) != 32 or y >= P:
        raise Malformed("no encoding of a point")
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT % P
    if v * x * x % P != u or (x == 0 and sign):
        raise Malformed("no point of the curve")
    return (P - x if x & 1 != sign else x), y


def add(a, b):
    """The sum of two points of edwards25519."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def small(point) -> bool:
    """Eight times the point is nothing."""
    for _ in range(3):
        point = add(point, point)
    return point == (0, 1)


@lru_cache(maxsize=4_096)
def check_edwards(data: bytes):
    """A point of an Ed25519 key or an R: canonical, and not of small order."""
    if small(edwards(data)):
        raise Malformed("a point of small order")


@lru_cache(maxsize=4_096)
def check_montgomery(data: bytes):
    """An X25519 key: u below p, and not of small order."""
    u = int.from_bytes(data, "little")
    if len(data) != 32 or u >= P:
        raise Malformed("no encoding of an X25519 key")
    for _ in range(3):  # x-only doubling (RFC 7748's curve); a zero divisor is the neutral point.
        below = 4 * u * (u * u + 486662 * u + 1) % P
        if below == 0:
            raise Malformed("a key of small order")
        u = pow(u * u - 1, 2, P) * pow(below, -1, P) % P


def check_signature(data: bytes):
    """The halves of an Ed25519 signature, before its equation."""
    if len(data) != 64 or int.from_bytes(data[32:], "little") >= ORDER:
        raise Malformed("S is not below the order")
    check_edwards(data[:32])
