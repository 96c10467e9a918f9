"""Signatures that hospitals' own systems made: CMS with what is kept beside it (docs/formats/record.md)."""

from cryptography.hazmat.primitives import hashes

import certificates
import der
import revocation
from certificates import DIGESTS, Certificate
from suites import SUITES, Refused, equal

SIGNED_DATA = {"1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2"}
DATA = {"1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.1"}
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
FIVE_MINUTES, THIRTY_DAYS = 300_000, 30 * 24 * 3_600_000


class Signed:
    """A SignedData with one signer."""

    def __init__(self, data: bytes):
        kind, inner = der.read(data).list()
        if kind.oid not in SIGNED_DATA:
            raise Refused("no SignedData")
        [inner] = inner.list(0xA0)
        _, _, content, *rest = inner.list()
        self.kind, *content = content.list()
        self.content = None
        if content:
            [inside] = content
            [octets] = inside.list(0xA0)
            self.content = octets.must(der.OCTETS).content
        [self.signer] = rest[-1].list(der.SET)
        inside = [node for node in rest[:-1] if node.tag == 0xA0]
        self.certificates = [Certificate(node.raw) for group in inside for node in group]
        _, self.identity, digest, *rest = self.signer.list()
        self.digest = digest.list()[0].oid
        self.attributes = rest.pop(0) if rest[0].tag == 0xA0 else None
        self.algorithm, self.signature = rest[0].list()[0].oid, rest[1].must(der.OCTETS).content

    def signed_by(self, known: list) -> Certificate:
        for certificate in known:
            if self.identity.tag == der.SEQUENCE:
                issuer, serial = self.identity.list()
                if (certificate.issuer, certificate.serial) == (issuer.raw, serial.raw):
                    return certificate
            elif (value := certificate.value(certificates.KEY_IDENTIFIER)) is not None:
                if value.content == self.identity.content:
                    return certificate
        raise Refused("the signer's certificate is missing")

    def verify(self, signer: Certificate, file: bytes):
        if self.content not in (None, file):
            raise Refused("another file inside")
        message = file
        if self.attributes is not None:
            self.check_attributes(file)
            message = b"\x31" + self.attributes.raw[1:]  # Signed with the tag of a SET OF.
        elif self.kind.oid not in DATA or are_attributes(file):
            raise Refused("no attributes")
        certificates.verify(signer.key, self.algorithm, self.digest, message, self.signature)

    def check_attributes(self, file: bytes):
        pairs = [node.list() for node in self.attributes.ordered(0xA0)]
        found = {oid.oid: values.ordered() for oid, values in pairs}
        if len(found) != len(pairs):
            raise Refused("an attribute twice")
        [digest], [kind] = found[MESSAGE_DIGEST], found[CONTENT_TYPE]
        equal("the file's digest", digest.must(der.OCTETS).content, hashed(self.digest, file))
        if kind.raw != self.kind.raw:
            raise Refused("another content type")


def are_attributes(file: bytes) -> bool:
    try:
        return all(node.list()[0].tag == der.OID for node in der.read(file).list(der.SET))
    except (ValueError, IndexError):
        return False


def hashed(oid: str, data: bytes) -> bytes:
    digest = hashes.Hash(DIGESTS[oid])
    digest.update(data)
    return digest.finalize()


def check(fields: list, file: bytes, policy: list, time: int) -> str:
    """The signer's name; `fields` are those of a carried signature, `time` the seal's, in ms."""
    _, _, cms, kept, answers, token = fields
    kept, signed = [Certificate(data) for data in kept], Signed(cms)
    others = kept + signed.certificates
    signer = signed.signed_by(others)
    signed.verify(signer, file)
    at, grace = time, THIRTY_DAYS
    if token:
        at, grace = stamped(token, signed.signature, kept, trusted(kept, policy[4])), 0
        if at > time + FIVE_MINUTES:
            raise Refused("a time-stamp of after the seal")
    roots = trusted(kept, policy[3])
    path = certificates.path(signer, others, roots, certificates.document, at, grace)
    above = path[1] if len(path) > 1 else signer
    for answer in answers:
        revocation.check(answer, signer, above, others, at)
    return signer.name


def trusted(kept: list, digests: list) -> list:
    return [one for one in kept if SUITES["international"].hash(one.raw) in digests]


def stamped(token: bytes, signature: bytes, kept: list, roots: list) -> int:
    """The time in a time-stamp token (RFC 3161), in ms."""
    signed = Signed(token)
    if signed.kind.oid != TST_INFO or signed.content is None:
        raise Refused("no time-stamp")
    version, _, imprint, _, time = der.read(signed.content).list()[:5]
    if version.uint != 1:
        raise Refused("a time-stamp of another version")
    algorithm, digest = imprint.list()
    equal("the time-stamp's digest", digest.must(der.OCTETS).content, hashed(algorithm.list()[0].oid, signature))
    others = kept + signed.certificates
    authority = signed.signed_by(others)
    signed.verify(authority, signed.content)
    certificates.path(authority, others, roots, certificates.time_stamp, time.exact_time)
    return time.exact_time
