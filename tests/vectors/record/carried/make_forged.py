"""Makes forged.json: carried signatures over file.pdf by one who holds the keys of an authority.

Some hold and some do not, by the rules of docs/formats/record.md; `accepted` says which. The authorities
`roots` and `stamp_roots` are those that policy names, and are kept with each signature. Private keys are
thrown away. Needs the Python of tests/readers/python. Usage: python make_forged.py
"""

import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).resolve().parent
FILE = (HERE / "file.pdf").read_bytes()
# tests/readers/python/forge.py seals at 2026-11-23 01:00.
BEGIN, END, SEALED = b"260101000000Z", b"400101000000Z", b"20261123010000Z"


def tlv(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big") if len(data) > 127 else b""
    return bytes([tag, 128 | len(length) if length else len(data)]) + length + data


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    data = bytes([first * 40 + second])
    for number in rest:
        digits = [number & 127]
        while number := number >> 7:
            digits.insert(0, number & 127 | 128)
        data += bytes(digits)
    return tlv(6, data)


def number(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


SHA256, WITH_ECDSA, BARE_RSA, WITH_RSA = (
    seq(oid(text), *parameters) for text, *parameters in (
        ("2.16.840.1.101.3.4.2.1",), ("1.2.840.10045.4.3.2",),
        ("1.2.840.113549.1.1.1", b"\5\0"), ("1.2.840.113549.1.1.11", b"\5\0"),
    )
)
TRUE, UNNAMED, FALSE = b"\1\1\xff", b"\1\1\1", b"\1\1\0"
SIGNS, ENCIPHERS, ISSUES = b"\7\x80", b"\5\x20", b"\2\4"
STAMPS, ANSWERS = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"
DATA, TST_INFO = "1.2.840.113549.1.7.1", "1.2.840.113549.1.9.16.1.4"


def extension(kind: str, value: bytes, critical: bytes = TRUE) -> bytes:
    return seq(oid(kind), critical, tlv(4, value))


def usage(bits: bytes, critical: bytes = TRUE) -> bytes:
    return extension("2.5.29.15", tlv(3, bits), critical)


def authority(longest: int | None = None) -> list:
    length = [] if longest is None else [number(longest)]
    return [usage(ISSUES), extension("2.5.29.19", seq(TRUE, *length))]


def purpose(kind: str) -> bytes:
    return extension("2.5.29.37", seq(oid(kind)))


class Party:
    """A name, a key and the certificate that `by` made for it; without `by` its own."""

    def __init__(self, name: str, by=None, extensions=(usage(SIGNS),), begin=BEGIN, end=END, key=None, form=None, serial=None):
        self.name, self.serial = seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(12, name.encode())))), serial or number(len(name) + 1)
        self.key, self.by = key or ec.generate_private_key(ec.SECP256R1()), by or self
        self.algorithm = WITH_RSA if isinstance(self.key, rsa.RSAPrivateKey) else WITH_ECDSA
        public = self.key.public_key()
        if form:
            point = public.public_bytes(Encoding.X962, form)
            self.spki = seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), tlv(3, b"\0", point))
        else:
            self.spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        valid = seq(tlv(0x17, begin), tlv(0x17, end))
        rest = [valid, self.name, self.spki, tlv(0xA3, seq(*extensions))]
        tbs = seq(tlv(0xA0, number(2)), self.serial, self.by.algorithm, self.by.name, *rest)
        self.der = seq(tbs, self.by.algorithm, tlv(3, b"\0", self.by.sign(tbs)))

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def attribute(kind: str, *values: bytes) -> bytes:
    return seq(oid(kind), tlv(0x31, *values))


def cms(signer: Party, data=FILE, kind=DATA, named=None, inside=False, others=(), more=(), placed=sorted, signed=sorted, bare=False):
    """A SignedData and its signature's value."""
    digest = tlv(4, hashlib.sha256(data).digest())
    listed = [attribute("1.2.840.113549.1.9.3", oid(named or kind)), attribute("1.2.840.113549.1.9.4", digest), *more]
    value = signer.sign(data if bare else tlv(0x31, *signed(listed)))
    name = seq(signer.by.name, signer.serial)
    algorithm = BARE_RSA if signer.algorithm == WITH_RSA else WITH_ECDSA
    info = seq(number(1), name, SHA256, *([] if bare else [tlv(0xA0, *placed(listed))]), algorithm, tlv(4, value))
    content = seq(oid(kind), *([tlv(0xA0, tlv(4, data))] if inside else []))
    kept = tlv(0xA0, *sorted({party.der for party in (signer, *others)}))
    parts = seq(number(1), tlv(0x31, SHA256), content, kept, tlv(0x31, info))
    return seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, parts)), value


def stamp(value: bytes, time: bytes, by: Party, kind=TST_INFO, version=1) -> bytes:
    imprint = seq(SHA256, tlv(4, hashlib.sha256(value).digest()))
    content = seq(number(version), oid("1.2.3.4"), imprint, number(5), tlv(0x18, time))
    return cms(by, content, kind, inside=True)[0]


def single(whom: Party, revoked: bytes | None) -> bytes:
    point = whom.by.spki[-65:]
    digests = [tlv(4, hashlib.sha1(data).digest()) for data in (whom.by.name, point)]
    name = seq(seq(oid("1.3.14.3.2.26"), b"\5\0"), *digests, whom.serial)
    state = tlv(0x80) if revoked is None else tlv(0xA1, tlv(0x18, revoked))
    return seq(name, state, tlv(0x18, b"20" + BEGIN))


def answer(by: Party, *singles: bytes, made=b"20261101000000Z", inside=()) -> bytes:
    """An OCSP answer."""
    tbs = seq(tlv(0xA1, by.name), tlv(0x18, made), seq(*singles))
    certificates = [tlv(0xA0, seq(*(party.der for party in inside)))] if inside else []
    basic = seq(tbs, WITH_ECDSA, tlv(3, b"\0", by.sign(tbs)), *certificates)
    return seq(tlv(10, b"\0"), tlv(0xA0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, basic))))


def revoked_list(by: Party, serial: bytes, time: bytes, name: bytes = b"") -> bytes:
    tbs = seq(number(1), WITH_ECDSA, name or by.name, tlv(0x17, BEGIN), tlv(0x17, END), seq(seq(serial, tlv(0x17, time))))
    return seq(tbs, WITH_ECDSA, tlv(3, b"\0", by.sign(tbs)))


ROOT, STAMP_ROOT = Party("Root", extensions=authority()), Party("Stamp root", extensions=authority())
DOCTOR = Party("Dr. Forged", ROOT)
STAMPER = Party("Stamper", STAMP_ROOT, [usage(SIGNS), purpose(STAMPS)])
DELEGATE = Party("Delegate of Root", ROOT, [usage(SIGNS), purpose(ANSWERS)])


def case(accepted: bool, name: str, made, answers=(), token=b"", chain=(), file=FILE) -> dict:
    parts = {"cms": made[0], "chain": chain, "answers": answers, "stamp": token}
    if file != FILE:
        parts["file"] = file
    texts = {key: [one.hex() for one in part] if isinstance(part, (list, tuple)) else part.hex() for key, part in parts.items()}
    return {"name": name, "accepted": accepted, **texts}


def by(accepted: bool, name: str, *extensions: bytes, **more) -> dict:
    """A signature under a certificate that differs."""
    return case(accepted, name, cms(Party("Dr. Forged", ROOT, extensions or [usage(SIGNS)], **more)))


def attributes():
    twice = [attribute("1.2.3.4.5", tlv(4, b"a")), attribute("1.2.3.4.5", tlv(4, b"b"))]
    backwards = lambda listed: sorted(listed)[::-1]
    yield case(True, "an attribute that nobody knows", cms(DOCTOR, more=twice[:1]))
    yield case(False, "an attribute that nobody knows, twice", cms(DOCTOR, more=twice))
    yield case(False, "attributes out of order, signed as they stand", cms(DOCTOR, placed=backwards, signed=backwards))
    yield case(False, "attributes out of order, signed in order", cms(DOCTOR, placed=backwards))
    values = [attribute("1.2.3.4.5", tlv(4, b"b"), tlv(4, b"a"))]
    yield case(False, "an attribute's values out of order", cms(DOCTOR, more=values))
    yield case(True, "a signature without attributes", cms(DOCTOR, bare=True))
    yield case(False, "one over other data", cms(DOCTOR, kind="1.2.3.4.5", bare=True))
    file = tlv(0x31, twice[0])
    yield case(False, "one over a file that is attributes", cms(DOCTOR, file, bare=True), file=file)
    yield case(True, "attributes over a file that is attributes", cms(DOCTOR, file), file=file)
    yield case(False, "an attribute of another content type", cms(DOCTOR, named="1.2.3.4.5"))


def certificates():
    yield by(True, "a doctor of the forged authority")
    yield by(False, "key usage twice, signing first", usage(SIGNS), usage(ENCIPHERS))
    yield by(False, "key usage twice, enciphering first", usage(ENCIPHERS), usage(SIGNS))
    yield by(False, "critical written as 01", usage(SIGNS, UNNAMED))
    yield by(False, "not critical, and said so", usage(SIGNS, FALSE))
    yield by(False, "a serial number that is not the shortest", serial=b"\2\2\0\5")
    yield by(True, "an extension that nobody knows", usage(SIGNS), extension("1.2.3.4", b"\5\0", b""))
    yield by(False, "a critical extension that nobody knows", usage(SIGNS), extension("1.2.3.4", b"\5\0"))
    yield by(False, "a point that is not in full", form=PublicFormat.CompressedPoint)
    for bits in (2047, 2048):
        key = rsa.generate_private_key(65537, bits)
        yield by(bits == 2048, f"RSA of {bits} bits", key=key)
    yield by(True, "a certificate that ended thirty days before the seal", end=b"261024010000Z")
    yield by(False, "a certificate that ended earlier than thirty days before the seal", end=b"261024005959Z")
    yield by(False, "a certificate that begins after the seal", begin=b"261123010001Z")
    for below in (7, 8):
        above, between = ROOT, []
        for depth in range(below):
            above = Party(f"Authority {'I' * depth}", above, authority())
            between.append(above)
        yield case(below == 7, f"{below + 1} issuers", cms(Party("Dr. Deep", above), others=between))
    middle = Party("Authority of none below", ROOT, authority(0))
    yield case(True, "an authority that may have none below it", cms(Party("Dr. One", middle), others=[middle]))
    lower = Party("Authority too deep", middle, authority())
    yield case(False, "an authority below it", cms(Party("Dr. Two", lower), others=[middle, lower]))
    ended = Party("Twice", ROOT, authority(), end=b"260201000000Z")
    again = Party("Twice", ROOT, authority(), key=ended.key)
    for accepted, chain in ((False, [ended, again]), (True, [again, ended])):
        made = cms(Party("Dr. Twice", again))
        yield case(accepted, f"the {'second' if accepted else 'first'} of two issuers had ended", made, chain=[p.der for p in chain])


def stamps():
    made = cms(DOCTOR)
    at = lambda time, who=STAMPER, **more: stamp(made[1], time, who, **more)
    yield case(True, "a time-stamp with a fraction of a second", made, token=at(b"20261101120000.5Z"))
    yield case(False, "a fraction that ends in zero", made, token=at(b"20261101120000.50Z"))
    yield case(True, "a time-stamp five minutes after the seal", made, token=at(b"20261123010500Z"))
    yield case(False, "a time-stamp later than that", made, token=at(b"20261123010500.001Z"))
    yield case(False, "a time-stamp ten years after the seal", made, token=at(b"20361123010000Z"))
    yield case(False, "a time-stamp from before the certificates", made, token=at(b"20251123010000Z"))
    yield case(False, "a time-stamp that says it is something else", made, token=at(SEALED, kind="1.2.3.4.5"))
    yield case(False, "a time-stamp of version 2", made, token=at(SEALED, version=2))
    plain = Party("One who stamps nothing", STAMP_ROOT)
    yield case(False, "a time-stamp by a key for other purposes", made, token=at(SEALED, plain))
    brief = Party("Dr. Brief", ROOT, end=b"260701000000Z")
    made = cms(brief)
    yield case(True, "a certificate that had ended by the seal, not by the time-stamp", made, token=stamp(made[1], b"20260601000000Z", STAMPER))
    yield case(False, "a certificate that had ended by the time-stamp", made, token=stamp(made[1], b"20260701000001Z", STAMPER))


def answers():
    made, then = cms(DOCTOR), b"20260601000000Z"
    revoked = single(DOCTOR, then)
    with_answer = lambda accepted, name, *given, **more: case(accepted, name, made, given, **more)
    yield with_answer(False, "revoked, says the issuer", answer(ROOT, revoked))
    yield with_answer(False, "revoked, says a delegate", answer(DELEGATE, revoked, inside=[DELEGATE]))
    yield with_answer(False, "revoked, says a delegate whose certificate is kept", answer(DELEGATE, revoked), chain=[DELEGATE.der])
    yield with_answer(True, "not revoked, says a delegate", answer(DELEGATE, single(DOCTOR, None), inside=[DELEGATE]))
    both = [single(DOCTOR, None), revoked]
    yield with_answer(False, "revoked, says the second part of an answer", answer(ROOT, *both))
    yield with_answer(True, "another is revoked", answer(ROOT, single(Party("Dr. Somebody else", ROOT), then)))
    plain = Party("No delegate", ROOT)
    yield with_answer(True, "revoked, says one who may not answer", answer(plain, revoked, inside=[plain]))
    stamper = Party("Stamps only", ROOT, [usage(SIGNS), purpose(STAMPS)])
    yield with_answer(True, "revoked, says one who may do something else", answer(stamper, revoked, inside=[stamper]))
    other = Party("Delegate of another", STAMP_ROOT, [usage(SIGNS), purpose(ANSWERS)])
    yield with_answer(True, "revoked, says another's delegate", answer(other, revoked, inside=[other]))
    late = answer(DELEGATE, revoked, inside=[DELEGATE], made=b"20251231235959Z")
    yield with_answer(True, "revoked, said a delegate before it was one", late)
    yield with_answer(True, "an answer that says to try later", seq(tlv(10, b"\3")))
    yield with_answer(False, "an answer that cannot be read", seq())
    yield with_answer(False, "an answer of an unknown state", seq(tlv(10, b"\7")))
    listed = lambda time, by=ROOT: revoked_list(by, DOCTOR.serial, time, ROOT.name)
    yield with_answer(False, "revoked, says a list", listed(b"260601000000Z"))
    yield with_answer(False, "revoked when it was sealed, says a list", listed(SEALED[2:]))
    yield with_answer(True, "revoked after the seal, says a list", listed(b"261123010001Z"))
    yield with_answer(True, "revoked, says a list of another's", listed(b"260601000000Z", STAMP_ROOT))
    renamed = revoked_list(ROOT, DOCTOR.serial, b"260601000000Z", STAMP_ROOT.name)
    yield with_answer(True, "revoked, says a list under another name", renamed)
    token = stamp(made[1], b"20260531000000Z", STAMPER)
    yield with_answer(True, "revoked after the time-stamp, says a list", listed(b"260601000000Z"), token=token)


def main():
    cases = [*attributes(), *certificates(), *stamps(), *answers()]
    sub = seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(12, b"Invented issuing CA sm2"))))
    made = {
        "roots": [ROOT.der.hex()], "stamp_roots": [STAMP_ROOT.der.hex()],
        "list_of_sm2_name": revoked_list(ROOT, DOCTOR.serial, b"260601000000Z", sub).hex(), "cases": cases,
    }
    text = json.dumps(made, ensure_ascii=False, indent=1)
    (HERE / "forged.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
