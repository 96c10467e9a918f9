"""A grant's keys, scope, items and receipts, and what a host keeps of a share.

Follows docs/formats/share.md, “Grant” and “What the host keeps”.
"""

import unicodedata

import cbor
import shape
from link import HASH, decode64, encode64
from suites import Refused, Suite, be, equal

TEN_MINUTES = 600_000

# A share's state at its host.
locked = shape.Optional(shape.uint)
passcode = shape.array(shape.digest, shape.uint, shape.small(5), locked)
opening = shape.array(
    shape.uint, shape.digest, shape.uint, shape.uint, shape.uint, shape.blob,
    shape.Optional(shape.blob),
)
state = shape.array(
    shape.version, shape.uint, shape.null_or(shape.uint), shape.null_or(shape.uint), shape.uint,
    shape.null_or(shape.uint), shape.null_or(passcode), shape.uint, shape.uint, shape.digest,
    shape.uint, shape.boolean, shape.many(opening),
)


class Grant:
    """What a share's seed leads to on a chain."""

    def __init__(self, suite: Suite, seed: bytes):
        self.suite, self.seed = suite, seed
        self.public = suite.signing_public(suite.hkdf(seed, "medfolder/grant-key"))
        self.id = suite.labelled("medfolder/grant-id", self.public)

    def scope(self, records: list) -> bytes:
        if not 1 <= len(records) <= 10_000:
            raise Refused("the number of records")
        salt = self.suite.hkdf(self.seed, "medfolder/grant-scope-salt", be(len(records), 4))
        return self.suite.labelled("medfolder/grant-scope", salt + cbor.encode(records))


def items(bitmap: bytes) -> list:
    """The positions in the scope that a bitmap names."""
    if bitmap[-1:] == b"\0":
        raise Refused("a zero byte at the bitmap's end")
    return [k for k in range(len(bitmap) * 8) if bitmap[k // 8] >> k % 8 & 1]


def receipt(suite, grant, time, session, salt, recipient, value="") -> bytes:
    """The digest that goes into the ledger; the deadline is ten minutes after the opening."""
    fields = [0, grant, time, session, salt, recipient, value, time + 600_000]
    return suite.labelled("medfolder/access-receipt", cbor.encode(fields))


access_record = shape.array(
    shape.version, shape.digest, shape.uint, shape.digest, shape.digest, shape.text, shape.text,
    shape.uint,
)


class Receipt:
    """A host's signed record of a reader's opening."""

    def __init__(self, suite: Suite, given: dict):
        self.suite, self.signature = suite, bytes.fromhex(given["signature"])
        self.genesis, self.digest = (bytes.fromhex(given[name]) for name in ("genesis", "digest"))
        record = decode64(given["record"])
        fields = cbor.decode(record)
        access_record(fields)
        _, self.grant, self.time, _, _, _, self.value, self.deadline = fields
        equal("digest", suite.labelled("medfolder/access-receipt", record), self.digest)

    def check(self, host: bytes, value: str, now: int):
        """For whoever sent `value` and was answered at `now`."""
        if self.value != value or self.deadline > self.time + TEN_MINUTES:
            raise Refused("the receipt of another request, or a later deadline")
        if abs(self.time - now) > TEN_MINUTES:
            raise Refused("a host's clock that is off")
        data = self.genesis + self.digest
        self.suite.verify(host, "medfolder/access-promise", data, self.signature)


def typed(code: str) -> str:
    """A passcode as it counts: NFKC, without white space."""
    return "".join(c for c in unicodedata.normalize("NFKC", code) if not c.isspace())


class Host:
    """A host's secrets for one share."""

    def __init__(self, pepper: bytes, share: bytes):
        self.pepper, self.share = pepper, share

    def mac(self, label: str, data: bytes) -> bytes:
        return HASH.hmac(self.pepper, label.encode() + b"\0" + self.share + data)

    def passcode(self, generation: int, code: str) -> bytes:
        return self.mac("medfolder/share-passcode", be(generation, 4) + typed(code).encode())

    def opening(self, kind: int, *texts: str) -> bytes:
        parts = [be(len(text.encode()), 8) + text.encode() for text in texts]
        return self.mac("medfolder/share-opening", bytes([kind]) + b"".join(parts))

    def token(self, file: int, number: int, expires: int) -> str:
        claim = be(file, 4) + be(number, 4) + be(expires, 8)
        return encode64(claim + self.mac("medfolder/share-location", claim))

    def read_token(self, token: str, now: int):
        """The file and opening of a location."""
        data = decode64(token)
        claim = data[:16]
        equal("location", self.mac("medfolder/share-location", claim), data[16:])
        if now >= int.from_bytes(claim[8:], "big"):
            raise Refused("a location that has expired")
        return int.from_bytes(claim[:4], "big"), int.from_bytes(claim[4:8], "big")


def read_state(data: bytes) -> list:
    fields = cbor.decode(data)
    state(fields)
    return fields
