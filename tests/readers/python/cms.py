"""Signatures that hospitals' own systems made: CMS with what is kept beside it (docs/formats/record.md)."""

from datetime import timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

import certificates
import der
from certificates import DIGESTS, Certificate
from suites import SUITES, Refused, equal

SIGNED_DATA = {"1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2"}
DATA = {"1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.1"}
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
TST_INFO = "1.2.840.113549.1.9.16.1.4"


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
            [octets] = content[0].list(0xA0)
            self.content = octets.must(der.OCTETS).content
        [self.signer] = rest[-1].list(der.SET)
        inside = [node for node in rest[:-1] if node.tag == 0xA0]
        self.certificates = [Certificate(node.raw) for group in inside for node in group if node.tag == 48]
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
        pairs = [node.list() for node in self.attributes]
        found = {oid.oid: values.list(der.SET) for oid, values in pairs}
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
    at = time / 1000
    if token:
        at = stamped(token, signed.signature, kept, trusted(kept, policy[4]))
    path = certificates.path(signer, others, trusted(kept, policy[3]), certificates.document, at)
    above = path[1] if len(path) > 1 else signer
    for answer in answers:
        check_answer(answer, signer, above, at)
    return signer.name


def trusted(kept: list, digests: list) -> list:
    return [one for one in kept if SUITES["international"].hash(one.raw) in digests]


def stamped(token: bytes, signature: bytes, kept: list, roots: list) -> float:
    """The time in a time-stamp token (RFC 3161), in seconds."""
    signed = Signed(token)
    if signed.kind.oid != TST_INFO:
        raise Refused("no time-stamp")
    _, _, imprint, _, time = der.read(signed.content).list()[:5]
    algorithm, digest = imprint.list()
    equal("the time-stamp's digest", digest.content, hashed(algorithm.list()[0].oid, signature))
    others = kept + signed.certificates
    authority = signed.signed_by(others)
    signed.verify(authority, signed.content)
    certificates.path(authority, others, roots, certificates.time_stamp, time.time)
    return time.time


def check_answer(answer: bytes, signer: Certificate, issuer: Certificate, at: float):
    """Refused when an answer of the issuer's says that the signer's certificate was revoked by then."""
    serial = int.from_bytes(der.read(signer.serial).content, "big", signed=True)
    try:
        revoked = revoked_in_ocsp(ocsp.load_der_ocsp_response(answer), serial, issuer)
    except ValueError:
        revoked = revoked_in_list(x509.load_der_x509_crl(answer), serial, issuer)
    if revoked is not None and revoked.replace(tzinfo=timezone.utc).timestamp() <= at:
        raise Refused("the signer's certificate was revoked")


def revoked_in_list(answer, serial: int, issuer: Certificate):
    above = x509.load_der_x509_certificate(issuer.raw)
    entry = answer.get_revoked_certificate_by_serial_number(serial)
    if answer.issuer != above.subject or not answer.is_signature_valid(above.public_key()):
        return None
    return entry and entry.revocation_date_utc


def revoked_in_ocsp(answer, serial: int, issuer: Certificate):
    """Answers that the issuer itself signed; those of delegates are left alone."""
    try:
        oid = answer.signature_algorithm_oid.dotted_string
        certificates.verify(issuer.key, oid, None, answer.tbs_response_bytes, answer.signature)
    except Refused:
        return None
    return answer.revocation_time_utc if answer.serial_number == serial else None
