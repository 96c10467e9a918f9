"""What is kept beside a signature about revocation: OCSP answers (RFC 6960) and lists (RFC 5280), docs/formats/record.md."""

from cryptography.hazmat.primitives import hashes

import certificates
import der
from certificates import DIGESTS, Certificate, is_issued
from suites import Refused

BASIC = "1.3.6.1.5.5.7.48.1.1"
STATES = (0, 1, 2, 3, 5, 6)
NAMING = DIGESTS | {"1.3.14.3.2.26": hashes.SHA1()}  # Names certificates only.
GOOD, REVOKED, UNKNOWN = 0x80, 0xA1, 0x82


def check(answer: bytes, signer: Certificate, issuer: Certificate, others: list, at: int):
    """Refused when an answer that counts says that the signer's certificate was revoked by then, or cannot be read."""
    first = der.read(answer).list()[0]
    if first.tag == der.ENUMERATED:
        times = in_ocsp(der.read(answer).list(), signer, issuer, others)
    else:
        times = in_list(answer, signer, issuer)
    if any(time <= at for time in times):
        raise Refused("the signer's certificate was revoked")


def is_signed(by: Certificate, algorithm: der.Node, message: bytes, signature: der.Node) -> bool:
    try:
        certificates.verify(by.key, algorithm.list()[0].oid, None, message, signature.bits)
    except Refused:
        return False
    return True


def in_list(answer: bytes, signer: Certificate, issuer: Certificate) -> list:
    """When the issuer's list says the signer's certificate was revoked, as often as it says so."""
    signed, algorithm, signature = der.read(answer).list()
    version, named, name, this, *rest = signed.list()
    if version.uint != 1:
        raise Refused("a list of another version")
    this.time
    if rest and rest[0].tag in (der.UTC, der.GENERALIZED):
        rest.pop(0).time
    entries = rest[0].list() if rest and rest[0].tag == der.SEQUENCE else []
    found = [(serial.must(der.INTEGER).raw, time.time) for serial, time, *_ in (entry.list() for entry in entries)]
    if name.raw != signer.issuer or named.raw != algorithm.raw:
        return []
    if not is_signed(issuer, algorithm, signed.raw, signature):
        return []
    return [time for serial, time in found if serial == signer.serial]


def in_ocsp(parts: list, signer: Certificate, issuer: Certificate, others: list) -> list:
    """The same of an answer that the issuer signed, or one whom it certified for that."""
    status, *rest = parts
    if len(status.content) != 1 or status.content[0] not in STATES:
        raise Refused("an unknown state")
    if status.content != b"\0" or not rest:
        return []
    [inner] = rest[0].list(0xA0)
    kind, octets = inner.list()
    if kind.oid != BASIC:
        return []
    signed, algorithm, signature, *groups = der.read(octets.must(der.OCTETS).content).list()
    inside = [Certificate(node.raw) for group in groups for [nodes] in [group.list(0xA0)] for node in nodes.list()]
    fields = [node for node in signed.list() if node.tag != 0xA0]
    made, singles = fields[1].must(der.GENERALIZED).time, [node.list() for node in fields[2].list()]
    read = [(single[0].list(), revoked_at(single[1]), single[2].time) for single in singles]

    def answers(one: Certificate) -> bool:
        if not is_signed(one, algorithm, signed.raw, signature):
            return False
        return one is issuer or may_answer(one, made) and is_issued(one, issuer)

    if not any(map(answers, [issuer, *inside, *others])):
        return []
    return [time for name, time, _ in read if time is not None and names(name, signer, issuer)]


def revoked_at(status: der.Node):
    if status.tag == REVOKED:
        return list(status)[0].must(der.GENERALIZED).time
    if status.tag not in (GOOD, UNKNOWN):
        raise Refused("an unknown state of a certificate")
    return None


def may_answer(one: Certificate, made: int) -> bool:
    try:
        one.check_use(certificates.ocsp)
        certificates.check_validity([one], made, 0)
    except (ValueError, IndexError):
        return False
    return True


def names(identity: list, signer: Certificate, issuer: Certificate) -> bool:
    algorithm, name, key, serial = identity
    oid = algorithm.list()[0].oid
    if oid not in NAMING or serial.raw != signer.serial:
        return False
    hashed = [hashes.Hash(NAMING[oid]) for _ in range(2)]
    hashed[0].update(issuer.subject.raw)
    hashed[1].update(der.read(issuer.key).list()[1].bits)
    return [one.finalize() for one in hashed] == [name.content, key.content]
