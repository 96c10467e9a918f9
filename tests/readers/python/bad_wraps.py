"""Wrapped messages (keys.md, “Wrap”) that must not open, made by one who knows the rules."""

from bad_keys import flip
from curves import MONTGOMERY, little
from points import P as FIELD
from suites import CURVE, N, SUITES, be, decompress, sm2
from vectors import accepted, refused

SEED = bytes([0x31]) + bytes([0x22]) * 31
CONTEXT, SECRET = b"a context", bytes(range(32))


def wraps():
    yield from international(SUITES["international"])
    yield from national(SUITES["national"])


def wrapped(name: str, suite: str, data: bytes, good: bool = False, context: bytes = CONTEXT):
    make = accepted if good else refused
    return make(name, "wrapped", suite, data, seed=SEED.hex(), context=context.hex())


def seal(suite, public: bytes, enc: bytes, shared: bytes) -> bytes:
    """HPKE's sender, given the outcome of the exchange."""
    key, nonce = suite.schedule(enc, public, shared, CONTEXT)
    return enc + suite.seal(key, b"", SECRET, nonce)


def international(suite):
    private = suite.private(SEED)
    public = suite.encryption_public(private)
    ours = lambda name, data, **more: wrapped(name, "international", data, **more)
    sender = suite.private(bytes(32))
    enc = suite.encryption_public(sender)
    shared = suite.exchange(sender, public)
    good = seal(suite, public, enc, shared)
    yield ours("an HPKE message", good, good=True)
    yield ours("another context", good, context=b"another context")
    for at in (0, 31, 32, len(good) - 1):
        yield ours(f"byte {at} changed", flip(good, at, 1))
    yield ours("cut short", good[:-1])
    yield ours("a byte more", good + b"\0")
    yield ours("nothing but the key", enc)
    high = enc[:-1] + bytes([enc[-1] | 0x80])
    yield ours("a sender's key with bit 255", seal(suite, public, high, shared))
    above = little(9 + FIELD)
    yield ours("a sender's key above p", seal(suite, public, above, suite.exchange(private, little(9))))
    for u in MONTGOMERY:
        point = little(u)
        yield ours(f"a sender's key of small order, u = {u:x}"[:46], seal(suite, public, point, bytes(32)))


def national(suite):
    private = suite.private(SEED)
    public = suite.encryption_public(private)
    ours = lambda name, data, **more: wrapped(name, "national", data, **more)
    good = seal_sm2(suite, public)
    yield ours("an SM2 message", good, good=True)
    yield ours("another context", good, context=b"another context")
    for name, at in (("tag", 0), ("C1", 1), ("C3", 65), ("C2", 97), ("ciphertext", 129)):
        yield ours(f"{name} changed", flip(good, at, 1))
    yield ours("the tag at the end changed", flip(good, len(good) - 1, 1))
    for tag in (0, 2, 3, 5, 6, 7):
        yield ours(f"tag {tag:02x}", bytes([tag]) + good[1:])
    yield ours("C1 = nothing", b"\4" + bytes(64) + good[65:])
    yield ours("C1 the opposite point", b"\4" + opposite(good[1:65]) + good[65:])
    yield ours("C2 before C3", good[:65] + good[97:129] + good[65:97] + good[129:])
    yield ours("cut short", good[:-1])
    yield ours("a byte more", good + b"\0")
    yield ours("without a ciphertext", good[:129])


def opposite(point: bytes) -> bytes:
    return point[:32] + be(int(CURVE["p"], 16) - int.from_bytes(point[32:], "big"), 32)


def seal_sm2(suite, public: bytes) -> bytes:
    """SM2 encryption (GB/T 32918.4, C1C3C2) of a fixed z with a fixed scalar."""
    scalar, z = 0xABCDEF % N, bytes([0x77]) * 32
    tool = sm2.CryptSM2("", "")
    c1 = bytes.fromhex(tool._kg(scalar, CURVE["g"]))
    shared = bytes.fromhex(tool._kg(scalar, decompress(public).hex()))
    stream = suite.hash(shared + be(1, 4))
    c2 = bytes(a ^ b for a, b in zip(z, stream))
    c3 = suite.hash(shared[:32] + z + shared[32:])
    key = suite.hkdf(z, "medfolder/national-wrap", CONTEXT)
    return b"\4" + c1 + c3 + c2 + suite.seal(key, b"", SECRET)
