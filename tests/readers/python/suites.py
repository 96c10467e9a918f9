"""The two suites of docs/formats/keys.md, over the packages `cryptography` and `gmssl`."""

import hmac as python_hmac
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gmssl import sm2

import points

TAG = 16
ZERO_NONCE = bytes(12)


class Refused(ValueError):
    """A check that does not hold."""


def be(number: int, length: int) -> bytes:
    return number.to_bytes(length, "big")


class Suite:
    """What both suites share."""

    algorithm: hashes.HashAlgorithm

    def hash(self, data: bytes) -> bytes:
        digest = hashes.Hash(self.algorithm)
        digest.update(data)
        return digest.finalize()

    def labelled(self, label: str, data: bytes) -> bytes:
        return self.hash(label.encode() + b"\0" + data)

    def hmac(self, key: bytes, data: bytes) -> bytes:
        mac = HMAC(key, self.algorithm)
        mac.update(data)
        return mac.finalize()

    def hkdf(self, secret: bytes, label: str, data: bytes = b"") -> bytes:
        extracted = self.hmac(bytes(32), secret)
        return self.hmac(extracted, label.encode() + b"\0" + data + b"\1")

    def cipher(self, key: bytes):
        raise NotImplementedError

    def seal(self, key: bytes, aad: bytes, plaintext: bytes, nonce: bytes = ZERO_NONCE) -> bytes:
        encryptor = Cipher(self.cipher(key), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(aad)
        return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag

    def open(self, key: bytes, aad: bytes, sealed: bytes, nonce: bytes = ZERO_NONCE) -> bytes:
        if len(sealed) < TAG:
            raise Refused("no ciphertext")
        mode = modes.GCM(nonce, sealed[-TAG:])
        decryptor = Cipher(self.cipher(key), mode).decryptor()
        decryptor.authenticate_additional_data(aad)
        try:
            return decryptor.update(sealed[:-TAG]) + decryptor.finalize()
        except InvalidTag:
            raise Refused("the ciphertext does not open") from None


class International(Suite):
    """SHA-256, Ed25519, HPKE with X25519, AES-256-GCM."""

    algorithm = hashes.SHA256()
    key_length = 32

    def cipher(self, key):
        return algorithms.AES(key)

    def check_verifying(self, public: bytes):
        points.check_edwards(public)

    def check_encryption(self, public: bytes):
        points.check_montgomery(public)

    def verify(self, public: bytes, label: str, data: bytes, signature: bytes):
        self.check_verifying(public)
        points.check_signature(signature)
        if not holds_ed25519(public, label.encode() + b"\0" + data, signature):
            raise Refused("the signature does not hold")

    def signing_public(self, seed: bytes) -> bytes:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def private(self, seed: bytes):
        """DeriveKeyPair of RFC 9180, 7.1.3, for DHKEM(X25519, HKDF-SHA-256)."""
        suite = b"KEM" + be(0x20, 2)
        extracted = self._extract(suite, b"", b"dkp_prk", seed)
        return X25519PrivateKey.from_private_bytes(
            self._expand(suite, extracted, b"sk", b"", 32)
        )

    def encryption_public(self, private) -> bytes:
        return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def unwrap(self, private, context: bytes, wrapped: bytes) -> bytes:
        """HPKE base mode (RFC 9180), info = context, no associated data."""
        enc, sealed = wrapped[:32], wrapped[32:]
        self.check_encryption(enc)
        key, nonce = self.schedule(
            enc, self.encryption_public(private), self.exchange(private, enc), context
        )
        return self.open(key, b"", sealed, nonce)

    def exchange(self, private, public: bytes) -> bytes:
        return private.exchange(X25519PublicKey.from_public_bytes(public))

    def schedule(self, enc: bytes, public: bytes, shared: bytes, context: bytes):
        """Key and nonce that follow from an exchange's outcome."""
        kem = b"KEM" + be(0x20, 2)
        extracted = self._extract(kem, b"", b"eae_prk", shared)
        kem_context = enc + public
        secret = self._expand(kem, extracted, b"shared_secret", kem_context, 32)
        suite = b"HPKE" + be(0x20, 2) + be(1, 2) + be(2, 2)
        psk_id = self._extract(suite, b"", b"psk_id_hash", b"")
        info = self._extract(suite, b"", b"info_hash", context)
        schedule = b"\0" + psk_id + info
        extracted = self._extract(suite, secret, b"secret", b"")
        key = self._expand(suite, extracted, b"key", schedule, 32)
        return key, self._expand(suite, extracted, b"base_nonce", schedule, 12)

    def _extract(self, suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return self.hmac(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)

    def _expand(self, suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
        labelled = be(length, 2) + b"HPKE-v1" + suite + label + info
        return self.hmac(key, labelled + b"\1")[:length]


CURVE = sm2.default_ecc_table
P, N = int(CURVE["p"], 16), int(CURVE["n"], 16)
A, B = int(CURVE["a"], 16), int(CURVE["b"], 16)
USER_ID = b"1234567812345678"


class National(Suite):
    """SM3, SM2, SM4-GCM."""

    algorithm = hashes.SM3()
    key_length = 33

    def cipher(self, key):
        return algorithms.SM4(key[:16])

    def check_verifying(self, public: bytes):
        decompress(public)

    check_encryption = check_verifying

    def verify(self, public: bytes, label: str, data: bytes, signature: bytes):
        self.verify_point(decompress(public), label.encode() + b"\0" + data, signature)

    def verify_point(self, point: bytes, data: bytes, signature: bytes):
        """`point` is x ‖ y."""
        entity = be(len(USER_ID) * 8, 2) + USER_ID + be(A, 32) + be(B, 32)
        entity += bytes.fromhex(CURVE["g"]) + point
        message = self.hash(self.hash(entity) + data)
        r, s = signature[:32], signature[32:]
        if len(s) != 32 or not all(0 < int.from_bytes(half, "big") < N for half in (r, s)):
            raise Refused("no signature")
        if not holds_sm2(point, message, signature):
            raise Refused("the signature does not hold")

    def signing_public(self, seed: bytes) -> bytes:
        return self.encryption_public(self.private(seed))

    def private(self, seed: bytes) -> int:
        for counter in range(256):
            candidate = self.hkdf(seed, "medfolder/sm2-scalar", bytes([counter]))
            if 1 <= int.from_bytes(candidate, "big") <= N - 2:
                return int.from_bytes(candidate, "big")
        raise Refused("no scalar")

    def encryption_public(self, private: int) -> bytes:
        point = bytes.fromhex(sm2.CryptSM2("", "")._kg(private, CURVE["g"]))
        return bytes([2 + (point[63] & 1)]) + point[:32]

    def unwrap(self, private: int, context: bytes, wrapped: bytes) -> bytes:
        if len(wrapped) < 129 or wrapped[0] != 4:
            raise Refused("no wrap")
        z = self.decrypt(private, wrapped[1:65], wrapped[65:97], wrapped[97:129])
        return self.open(self.hkdf(z, "medfolder/national-wrap", context), b"", wrapped[129:])


    def decrypt(self, private: int, c1: bytes, c3: bytes, c2: bytes) -> bytes:
        """SM2 encryption of 32 bytes; gmssl's own function does not look at C3."""
        if decompress(bytes([2 + (c1[63] & 1)]) + c1[:32]) != c1:
            raise Refused("C1 is no point of the curve")
        shared = bytes.fromhex(sm2.CryptSM2("", "")._kg(private, c1.hex()))
        z = bytes(a ^ b for a, b in zip(c2, self.hash(shared + be(1, 4))))
        equal("C3", self.hash(shared[:32] + z + shared[32:]), c3)
        return z


@lru_cache(maxsize=4_096)  # Changed packs repeat most signatures.
def holds_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """OpenSSL's check: the equation without the cofactor, R compared as bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=4_096)
def holds_sm2(point: bytes, message: bytes, signature: bytes) -> bool:
    """gmssl's check."""
    checker = sm2.CryptSM2(private_key="", public_key="")
    checker.public_key = point.hex()  # The constructor strips leading 0 and 4 off a key.
    return bool(checker.verify(signature.hex(), message))


@lru_cache(maxsize=4_096)
def decompress(public: bytes) -> bytes:
    """x ‖ y of a compressed SEC 1 point on SM2's curve."""
    x = int.from_bytes(public[1:], "big")
    if x >= P:
        raise Refused("no encoding of a point")
    square = (pow(x, 3, P) + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    if len(public) != 33 or public[0] not in (2, 3) or y * y % P != square:
        raise Refused("no point of the curve")
    if y & 1 != public[0] & 1:
        y = P - y
    return be(x, 32) + be(y, 32)


def equal(name: str, found: bytes, expected: bytes):
    """A check by comparison; the name goes to whoever reads the output."""
    if not python_hmac.compare_digest(found, expected):
        raise Refused(name)


def must_refuse(what: str, check, *arguments):
    """A check that has to fail. Malformed shapes count: they make a reader stumble."""
    try:
        check(*arguments)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError):
        return
    raise Refused(f"{what} was not noticed")


def must_refuse_flips(what: str, data: bytes, step: int, check):
    """`check(data)` must hold, and fail for a flipped bit in every `step`th byte."""
    check(data)
    for at in range(0, len(data), step):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        must_refuse(f"{what}: a change at byte {at}", check, changed)


SUITES = {"international": International(), "national": National()}
