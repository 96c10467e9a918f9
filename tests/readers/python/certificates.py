"""Certificates, their keys and their paths to a root (RFC 5280), for signatures that hospitals' systems made."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

import der
from suites import SUITES, Refused

MOST_ISSUERS = 8
EC_KEY, SM2_CURVE = "1.2.840.10045.2.1", "1.2.156.10197.1.301"
SM3, SM2_SM3 = "1.2.156.10197.1.401", "1.2.156.10197.1.501"
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(), "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(), SM3: hashes.SM3(),
}
RSA = "1.2.840.113549.1.1.1"
# A signature's algorithm → the digest in its name.
WITH_DIGEST = {
    "1.2.840.113549.1.1.11": "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.12": "2.16.840.1.101.3.4.2.2",
    "1.2.840.113549.1.1.13": "2.16.840.1.101.3.4.2.3", "1.2.840.10045.4.3.2": "2.16.840.1.101.3.4.2.1",
    "1.2.840.10045.4.3.3": "2.16.840.1.101.3.4.2.2",
}
BASIC, USAGE, EXTENDED, KEY_IDENTIFIER = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.14"
HARMLESS = {BASIC, USAGE, EXTENDED, "2.5.29.17", "2.5.29.18", "2.5.29.32"}
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
SIGNS, NOT_DENIED, ISSUES = 0, 1, 5  # Bits of a key's usage.
NAMES = {"2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C"}


class Certificate:
    """The fields that are looked at."""

    def __init__(self, data: bytes):
        self.raw = data
        self.tbs, self.algorithm, signature = der.read(data).list()
        self.signature = signature.bits
        fields = [node for node in self.tbs.list() if node.tag != 0xA0]
        serial, algorithm, issuer, validity, subject, key = fields[:6]
        if algorithm.raw != self.algorithm.raw:
            raise Refused("two algorithms")
        self.serial, self.issuer, self.subject = serial.raw, issuer.raw, subject
        self.start, self.over = (node.time for node in validity.list())
        self.key = key.raw
        extensions = [node for node in fields[6:] if node.tag == 0xA3]
        self.extensions = dict(map(extension, next(iter(extensions[0])))) if extensions else {}

    def value(self, oid: str):
        return der.read(self.extensions[oid][1]) if oid in self.extensions else None

    @property
    def name(self) -> str:
        """As RFC 4514 writes it: the last part first."""
        parts = [part for group in self.subject.list() for part in group.list(der.SET)]
        texts = [[node.oid, text.content.decode()] for node, text in (part.list() for part in parts)]
        return ",".join(f"{NAMES.get(oid, oid)}={text}" for oid, text in reversed(texts))

    def uses(self, bit: int) -> bool:
        usage = self.value(USAGE)
        if usage is None:
            return True
        bits = usage.must(der.BITS).content[1:]
        return bit < 8 * len(bits) and bool(bits[bit // 8] >> (7 - bit % 8) & 1)

    def check_use(self, purpose, time: float):
        if not self.start <= time <= self.over:
            raise Refused("a certificate outside its validity")
        critical = {oid for oid, (is_critical, _) in self.extensions.items() if is_critical}
        if not critical <= HARMLESS or not purpose(self):
            raise Refused("a certificate for another purpose")


def extension(node: der.Node):
    oid, *critical, value = node.list()
    return oid.oid, (bool(critical and critical[0].content != b"\0"), value.must(der.OCTETS).content)


def document(certificate: Certificate) -> bool:
    return certificate.uses(SIGNS) or certificate.uses(NOT_DENIED)


def time_stamp(certificate: Certificate) -> bool:
    extended = certificate.value(EXTENDED)
    purposes = [node.oid for node in extended.list()] if extended else []
    return certificate.uses(SIGNS) and purposes == [TIME_STAMPING]


def issuer(below: int):
    def issues(certificate: Certificate) -> bool:
        basic = certificate.value(BASIC)
        if basic is None:
            return False
        fields = basic.list()
        authority = bool(fields) and fields[0].tag == 1 and fields[0].content != b"\0"
        most = [int.from_bytes(node.content, "big") for node in fields if node.tag == der.INTEGER]
        return authority and not (most and most[0] < below) and certificate.uses(ISSUES)

    return issues


def path(signer: Certificate, others: list, roots: list, purpose, time: float) -> list:
    """From the signer to a root; all valid at `time`."""
    signer.check_use(purpose, time)
    found = [signer]
    known = {root.raw for root in roots}
    while found[-1].raw not in known:
        above = [one for one in roots + others if one.raw != found[-1].raw and is_issued(found[-1], one)]
        if not above or len(found) > MOST_ISSUERS:
            raise Refused("no path to a root of policy")
        above[0].check_use(issuer(len(found) - 1), time)
        found.append(above[0])
    return found


def is_issued(certificate: Certificate, by: Certificate) -> bool:
    if certificate.issuer != by.subject.raw:
        return False
    try:
        oid = certificate.algorithm.list()[0].oid
        verify(by.key, oid, None, certificate.tbs.raw, certificate.signature)
    except Refused:
        return False
    return True


def verify(key: bytes, algorithm: str, digest: str | None, message: bytes, signature: bytes):
    """A signature under a key; `digest` is what CMS names beside a bare key's algorithm."""
    algorithm_of, bits = der.read(key).list()
    kind, *curve = algorithm_of.list()
    if kind.oid == EC_KEY and curve[0].oid == SM2_CURVE:
        if algorithm == SM2_SM3 and digest in (None, SM3) or digest == SM3:
            r, s = (node.must(der.INTEGER).content for node in der.read(signature).list())
            fixed = b"".join(int.from_bytes(half, "big").to_bytes(32, "big") for half in (r, s))
            return SUITES["national"].verify_point(bits.bits[1:], message, fixed)
        raise Refused("an unknown algorithm")
    named = WITH_DIGEST.get(algorithm, digest if algorithm == RSA else None)
    if named is None or named == SM3 or digest not in (None, named):
        raise Refused("an unknown algorithm")
    public = load_der_public_key(key)
    try:
        if isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048 and ".113549." in algorithm:
            public.verify(signature, message, padding.PKCS1v15(), DIGESTS[named])
        elif isinstance(public, ec.EllipticCurvePublicKey) and ".10045." in algorithm:
            if public.curve.name not in ("secp256r1", "secp384r1"):
                raise Refused("an unknown curve")
            public.verify(signature, message, ec.ECDSA(DIGESTS[named]))
        else:
            raise Refused("an unknown algorithm")
    except InvalidSignature:
        raise Refused("the signature does not hold") from None
