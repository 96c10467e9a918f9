"""Signatures of keys made from seeds (docs/formats/keys.md); what is made here is made once."""

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from suites import CURVE, N, SUITES, USER_ID, A, B, be, sm2


@lru_cache(maxsize=None)
def public(suite: str, seed: bytes) -> bytes:
    return SUITES[suite].signing_public(seed)


@lru_cache(maxsize=None)
def sign(suite: str, seed: bytes, label: str, data: bytes) -> bytes:
    message = label.encode() + b"\0" + data
    if suite == "international":
        return Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    return sm2_sign(SUITES[suite].private(seed), message)


def sm2_sign(private: int, message: bytes, user: bytes = USER_ID) -> bytes:
    """The nonce is a digest of key and message, so that the same bytes come out each time."""
    suite = SUITES["national"]
    tool = sm2.CryptSM2(private_key=f"{private:064x}", public_key="")
    point = bytes.fromhex(tool._kg(private, CURVE["g"]))
    entity = be(len(user) * 8, 2) + user + be(A, 32) + be(B, 32)
    digest = suite.hash(suite.hash(entity + bytes.fromhex(CURVE["g"]) + point) + message)
    nonce = int.from_bytes(suite.hmac(be(private, 32), digest), "big") % N
    return bytes.fromhex(tool.sign(digest, f"{nonce:064x}"))
