"""Making what an honest signer never makes: points and signatures outside of the rules of keys.md."""

import hashlib

from points import ORDER, P, add, edwards
from signing import sm2_sign
from suites import A as SM2_A, B as SM2_B, P as SM2_P, USER_ID

BASE = edwards(bytes([0x58]) + b"\x66" * 31)
NOTHING = (0, 1)
LABEL = b"medfolder/record-signature\0"


def times(scalar: int, point):
    total = NOTHING
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def encoded(point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def order_eight():
    """A point of order 8: L times any point that has a part of small order."""
    y = 2
    while True:
        try:
            point = times(ORDER, edwards(little(y)))
        except ValueError:
            y += 1
            continue
        if times(4, point) != NOTHING:
            return point
        y += 1


def small_order() -> list:
    """The eight points of small order."""
    point = order_eight()
    return [times(k, point) for k in range(8)]


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + LABEL + message).digest(), "little") % ORDER


def ed25519(secret: int, nonce: int, message: bytes, twist_key=NOTHING, twist_r=NOTHING):
    """Key and signature whose key and R carry a part of small order; nonce 0 leaves R to it alone."""
    key = encoded(add(times(secret, BASE), twist_key))
    r = encoded(add(times(nonce, BASE), twist_r))
    s = (nonce + challenge(r, key, message) * secret) % ORDER
    return key, r + little(s)


def equation(key: bytes, signature: bytes, message: bytes, cofactor: int) -> bool:
    """Cofactor · S · B = cofactor · (R + h · A)."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    right = add(edwards(r), times(challenge(r, key, message), edwards(key)))
    return times(cofactor, times(s, BASE)) == times(cofactor, right)


def sm2_signature(private: int, message: bytes, user: bytes = USER_ID) -> bytes:
    return sm2_sign(private, LABEL + message, user)


def sm2_off_curve() -> int:
    """An x that no point of SM2's curve has."""
    x = 1
    while pow(x**3 + SM2_A * x + SM2_B, (SM2_P - 1) // 2, SM2_P) == 1:
        x += 1
    return x


def sm2_twice() -> int:
    """An x below 2^256 − p that a point has, so that x + p would name it, too."""
    x = 0
    while pow(x**3 + SM2_A * x + SM2_B, (SM2_P - 1) // 2, SM2_P) != 1:
        x += 1
    return x


# Points of X25519 of small order: u of order 2, 4, 8 and 8, and of order 4 on the twist.
MONTGOMERY = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
]
