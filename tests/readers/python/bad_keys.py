"""Keys, signatures and wrapped messages that keys.md refuses."""

from curves import (
    MONTGOMERY, challenge, ed25519, encoded, equation, little, order_eight, sm2_off_curve,
    sm2_signature, sm2_twice, small_order,
)
from points import ORDER, P, edwards
from suites import N, P as SM2_P, SUITES, be, decompress
from vectors import accepted, refused

SEED = bytes([0x30]) + bytes([0x11]) * 31
MESSAGE = b"a message"
INTERNATIONAL, NATIONAL = SUITES["international"], SUITES["national"]


def keys():
    for what in ("verifying-key", "encryption-key"):
        yield from sm2_keys(what)
    yield from ed25519_keys()
    yield from x25519_keys()


def sm2_keys(what: str):
    good = NATIONAL.signing_public(SEED)
    x, point = good[1:], decompress(good)
    bad = lambda name, data: refused(name, what, "national", data, "key")
    yield accepted("an SM2 key", what, "national", good)
    yield accepted("the opposite point", what, "national", bytes([5 - good[0]]) + x)
    for tag in (0, 1, 4, 5, 6, 7):
        yield bad(f"tag {tag:02x} of 33 bytes", bytes([tag]) + x)
    yield bad("the point written in full", b"\4" + point)
    for tag in (6, 7):
        yield bad(f"the hybrid form, tag {tag:02x}", bytes([tag]) + point)
    yield bad("the point at infinity", b"\0")
    yield bad("no point of the curve", b"\2" + be(sm2_off_curve(), 32))
    yield bad("x + p", b"\2" + be(sm2_twice() + SM2_P, 32))
    yield bad("32 bytes", x)
    yield bad("34 bytes", good + b"\0")
    yield bad("nothing", b"")
    if what == "verifying-key":
        yield bad("an Ed25519 key", INTERNATIONAL.signing_public(SEED))


def ed25519_keys():
    good = INTERNATIONAL.signing_public(SEED)
    bad = lambda name, data: refused(name, "verifying-key", "international", data, "key")
    yield accepted("an Ed25519 key", "verifying-key", "international", good)
    mixed, _ = ed25519(0x1234567, 1, MESSAGE, twist_key=order_eight())
    yield accepted("a key of mixed order", "verifying-key", "international", mixed)
    for k, point in enumerate(small_order()):
        yield bad(f"small order, point {k}", encoded(point))
    for y in (0, 1):  # x = 0 with its sign set, and the second encodings of small points.
        for sign in (0, 1):
            yield bad(f"y = p + {y}, sign {sign}", little(P + y | sign << 255))
    yield bad("x = 0 with its sign set, y = 1", little(1 | 1 << 255))
    yield bad("x = 0 with its sign set, y = p − 1", little(P - 1 | 1 << 255))
    for y in range(2, 19):
        for sign in (0, 1):
            yield bad(f"y = p + {y}, sign {sign}", little(P + y | sign << 255))
    yield bad("no point of the curve", little(next_off_curve()))
    yield bad("31 bytes", good[:31])
    yield bad("33 bytes", good + b"\0")
    yield bad("an SM2 key", NATIONAL.signing_public(SEED))


def next_off_curve() -> int:
    for y in range(2, 100):
        try:
            edwards(little(y))
        except ValueError:
            return y


def x25519_keys():
    good = INTERNATIONAL.encryption_public(INTERNATIONAL.private(SEED))
    what, suite = "encryption-key", "international"
    yield accepted("an X25519 key", what, suite, good)
    for u in MONTGOMERY:
        yield refused(f"small order, u = {u:x}"[:40], what, suite, little(u), "key")
        yield refused(f"small order with bit 255, u = {u:x}"[:52], what, suite, little(u | 1 << 255), "key")
    for more in range(19):
        yield refused(f"u = p + {more}", what, suite, little(P + more), "key")
    yield refused("bit 255 set", what, suite, good[:31] + bytes([good[31] | 128]), "key")
    yield refused("31 bytes", what, suite, good[:31], "key")
    yield refused("33 bytes", what, suite, good + b"\0", "key")
    yield refused("an SM2 key", what, suite, NATIONAL.signing_public(SEED), "key")


def signatures():
    yield from ed25519_signatures()
    yield from sm2_signatures()


def signature(name: str, suite: str, key: bytes, data: bytes, good: bool = False, message=MESSAGE):
    make = accepted if good else refused
    return make(name, "signature", suite, data, key=key.hex(), message=message.hex())


def ed25519_signatures():
    secret, nonce, torsion = 0x7654321, 0x1234567, order_eight()
    ours = lambda *given, **more: signature(given[0], "international", *given[1:], **more)
    key, good = ed25519(secret, nonce, MESSAGE)
    yield ours("an Ed25519 signature", key, good, good=True)
    yield ours("another message", key, good, message=b"another message")
    s = int.from_bytes(good[32:], "little")
    yield ours("S + L", key, good[:32] + little(s + ORDER))
    yield ours("S + 8 L", key, good[:32] + little(s + 8 * ORDER))
    yield ours("S = L", key, good[:32] + little(ORDER))
    yield ours("R of the sign turned over", key, flip(good, 31, 128))
    yield ours("S plus one", key, flip(good, 32, 1))
    for k, point in enumerate(small_order()):
        _, bad = ed25519(secret, 0, MESSAGE, twist_r=point)
        yield ours(f"R of small order, point {k}, the equation {holds(key, bad)}", key, bad)
    second = little(P + 1)
    s = challenge(second, key, MESSAGE) * secret % ORDER
    yield ours("R of small order in a second encoding, y = p + 1", key, second + little(s))
    for k in (1, 2, 4):
        twist = small_order()[k]
        _, bad = ed25519(secret, nonce, MESSAGE, twist_r=twist)
        yield ours(f"R of mixed order {8 // k}: {cofactored(key, bad)}", key, bad)
    yield from mixed_keys(secret, nonce, torsion)
    other, _ = ed25519(secret + 1, nonce, MESSAGE)
    yield ours("another key", other, good)
    yield ours("the signature of the other suite", key, sm2_signature(secret, MESSAGE))
    yield ours("zeros", key, bytes(64))


def mixed_keys(secret: int, nonce: int, torsion):
    """A key of mixed order: its signatures hold strictly where 8 divides h, else only with cofactor."""
    found = set()
    for number in range(1, 1000):
        message = f"message {number}".encode()
        key, data = ed25519(secret, nonce, message, twist_key=torsion)
        strict = equation(key, data, message, 1)
        assert equation(key, data, message, 8)
        if strict in found:
            continue
        found.add(strict)
        name = f"a key of mixed order, the equation without cofactor {'holds' if strict else 'fails'}"
        yield signature(name, "international", key, data, good=strict, message=message)
        if len(found) == 2:
            return


def holds(key: bytes, data: bytes) -> str:
    return "holds" if equation(key, data, MESSAGE, 1) else "holds with cofactor"


def cofactored(key: bytes, data: bytes) -> str:
    assert equation(key, data, MESSAGE, 8) and not equation(key, data, MESSAGE, 1)
    return "accepted with cofactor"


def flip(data: bytes, at: int, bits: int) -> bytes:
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def sm2_signatures():
    private = NATIONAL.private(NATIONAL.hkdf(SEED, "a"))
    key = NATIONAL.encryption_public(private)
    ours = lambda *given, **more: signature(given[0], "national", key, *given[1:], **more)
    good = sm2_signature(private, MESSAGE)
    r, s = good[:32], good[32:]
    yield ours("an SM2 signature", good, good=True)
    yield ours("another message", good, message=b"another message")
    yield ours("another user id", sm2_signature(private, MESSAGE, user=b"1234567812345679"))
    for name, number in (("0", 0), ("n", N), ("n + 1", N + 1), ("2²⁵⁶ − 1", 2**256 - 1)):
        yield ours(f"r = {name}", be(number, 32) + s)
        yield ours(f"s = {name}", r + be(number, 32))
    yield ours("r + s = n", r + be(N - int.from_bytes(r, "big"), 32))
    yield ours("n − s", r + be(N - int.from_bytes(s, "big"), 32))
    yield ours("r and s the other way round", s + r)
    yield ours("the signature of the other suite", ed25519(0x7654321, 0x1234567, MESSAGE)[1])
    yield ours("zeros", bytes(64))
    other = NATIONAL.encryption_public(private + 1)
    yield signature("another key", "national", other, good)
    yield signature("the opposite key", "national", bytes([5 - key[0]]) + key[1:], good)


