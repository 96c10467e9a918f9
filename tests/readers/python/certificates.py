"""Certificates, their keys and their paths to a root (RFC 5280), for signatures that hospitals' systems made."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

import der
from suites import SUITES, A, B, P, Refused

MOST_ISSUERS = 8
EC_KEY, SM2_CURVE = "1.2.840.10045.2.1", "1.2.156.10197.1.301"
SM3, SM2_SM3 = "1.2.156.10197.1.401", "1.2.156.10197.1.501"
# What CMS may name beside the digest: SM2 with SM3, SM2 signing, the curve.
SM2_SIGNS = (SM2_SM3, "1.2.156.10197.1.301.1", SM2_CURVE)
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
TIME_STAMPING, OCSP_SIGNING = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"
SIGNS, NOT_DENIED, ISSUES = 0, 1, 5  # Bits of a key's usage.
NAMES = {"2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C"}


class Certificate:
    """The fields that are looked at."""

    def __init__(self, data: bytes):
        """Refused when it is not DER throughout or names an extension twice."""
        self.raw = data
        der.read(data).check()
        self.tbs, self.algorithm, signature = der.read(data).list()
        self.signature = signature.bits
        fields = [node for node in self.tbs.list() if node.tag != 0xA0]
        if any(node.uint not in (1, 2) for group in self.tbs if group.tag == 0xA0 for node in group):
            raise Refused("an unknown version, or version 1 spelled out")
        serial, self.named, issuer, validity, subject, key = fields[:6]
        if not 0 < len(serial.must(der.INTEGER).content) <= 21:
            raise Refused("a number too long")
        self.serial, self.issuer, self.subject = serial.raw, issuer.raw, subject
        self.start, self.over = (node.time for node in validity.list())
        self.key = key.raw
        extensions = [node for node in fields[6:] if node.tag == 0xA3]
        listed = [extension(node) for group in extensions for [nodes] in [group.list(0xA3)] for node in nodes.list()]
        self.extensions = dict(listed)
        if len(self.extensions) != len(listed):
            raise Refused("an extension twice")

    def value(self, oid: str):
        return der.read(self.extensions[oid][1]) if oid in self.extensions else None

    @property
    def name(self) -> str:
        """As RFC 4514 writes it: the last part first."""
        parts = [part for group in self.subject.list() for part in group.list(der.SET)]
        texts = [[node.oid, text.content.decode(errors="replace")] for node, text in (part.list() for part in parts)]
        return ",".join(f"{NAMES.get(oid, oid)}={text}" for oid, text in reversed(texts))

    def uses(self, bit: int) -> bool:
        usage = self.value(USAGE)
        if usage is None:
            return True
        bits = usage.must(der.BITS).content[1:]
        return bit < 8 * len(bits) and bool(bits[bit // 8] >> (7 - bit % 8) & 1)

    def check_use(self, purpose):
        critical = {oid for oid, (is_critical, _) in self.extensions.items() if is_critical}
        if not critical <= HARMLESS or not purpose(self):
            raise Refused("a certificate for another purpose")


def extension(node: der.Node):
    oid, *critical, value = node.list()
    if len(critical) > 1 or critical and not critical[0].flag:
        raise Refused("what is not critical, said so")
    return oid.oid, (bool(critical), value.must(der.OCTETS).content)


def document(certificate: Certificate) -> bool:
    return certificate.uses(SIGNS) or certificate.uses(NOT_DENIED)


def time_stamp(certificate: Certificate) -> bool:
    extended = certificate.value(EXTENDED)
    purposes = [node.oid for node in extended.list()] if extended else []
    return certificate.uses(SIGNS) and purposes == [TIME_STAMPING]


def ocsp(certificate: Certificate) -> bool:
    extended = certificate.value(EXTENDED)
    return bool(extended) and certificate.uses(SIGNS) and OCSP_SIGNING in [node.oid for node in extended.list()]


def issuer(below: int):
    def issues(certificate: Certificate) -> bool:
        basic = certificate.value(BASIC)
        if basic is None:
            return False
        fields = basic.list()
        authority = bool(fields) and fields[0].tag == der.BOOLEAN and fields[0].flag
        most = [node.uint for node in fields if node.tag == der.INTEGER]
        if most and most[0] > 255:
            return False
        return authority and not (most and most[0] < below) and certificate.uses(ISSUES)

    return issues


def path(signer: Certificate, others: list, roots: list, purpose, time: int, grace: int = 0) -> list:
    """From the signer to a root: the first issuer counts, roots before others."""
    signer.check_use(purpose)
    found = [signer]
    known = {root.raw for root in roots}
    while found[-1].raw not in known:
        above = (one for one in roots + others if one.raw != found[-1].raw and is_issued(found[-1], one))
        if len(found) > MOST_ISSUERS or (one := next(above, None)) is None:
            raise Refused("no path to a root of policy")
        one.check_use(issuer(len(found) - 1))
        found.append(one)
    check_validity(found, time, grace)
    return found


def check_validity(found: list, time: int, grace: int):
    """All valid at `time`, or all at once when the first of them ended, at most `grace` before."""
    then = min(time, *(one.over for one in found))
    if time - then > grace or any(one.start > then for one in found):
        raise Refused("a certificate outside its validity")


def is_issued(certificate: Certificate, by: Certificate) -> bool:
    if certificate.issuer != by.subject.raw or certificate.named.raw != certificate.algorithm.raw:
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
    if kind.oid == EC_KEY:
        if not curve or curve[0].tag != der.OID or bits.bits[:1] != b"\4":
            raise Refused("an unknown curve, or a point that is not in full")
        if curve[0].oid == SM2_CURVE:
            return verify_sm2(bits.bits[1:], algorithm, digest, message, signature)
    named = WITH_DIGEST.get(algorithm, digest if algorithm == RSA else None)
    if named not in DIGESTS or named == SM3 or digest not in (None, named):
        raise Refused("an unknown algorithm")
    try:
        public = load_der_public_key(key)
        if isinstance(public, rsa.RSAPublicKey) and kind.oid == RSA and ".113549." in algorithm:
            check_rsa(public)
            public.verify(signature, message, padding.PKCS1v15(), DIGESTS[named])
        elif isinstance(public, ec.EllipticCurvePublicKey) and ".10045." in algorithm:
            if public.curve.name not in ("secp256r1", "secp384r1"):
                raise Refused("an unknown curve")
            public.verify(signature, message, ec.ECDSA(DIGESTS[named]))
        else:
            raise Refused("an unknown algorithm")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise Refused("the signature does not hold") from None


def check_rsa(public: rsa.RSAPublicKey):
    exponent = public.public_numbers().e
    if not 2048 <= public.key_size <= 8192 or not 3 <= exponent < 2**33 or exponent % 2 == 0:
        raise Refused("an RSA key of another size")


def verify_sm2(point: bytes, algorithm: str, digest: str | None, message: bytes, signature: bytes):
    if (digest, algorithm) != (None, SM2_SM3) and (digest != SM3 or algorithm not in SM2_SIGNS):
        raise Refused("an unknown algorithm")
    x, y = (int.from_bytes(half, "big") for half in (point[:32], point[32:]))
    if len(point) != 64 or max(x, y) >= P or (x**3 + A * x + B - y * y) % P:
        raise Refused("a point off the curve")
    r, s = (node.uint for node in der.read(signature).list())
    SUITES["national"].verify_point(point, message, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
