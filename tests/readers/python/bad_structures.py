"""Structures of records, the ledger, evidence and shares in forms that readers refuse."""

import bad_bodies
import bad_rules
import cbor
from bad_shapes import forms
from suites import SUITES
from vectors import accepted, changed, refused

SUITE = "international"
# What is read: the code of its refusals, of another version, and whether it has a version.
CODES = {
    "statement": ("statement.", True),
    "attachment": ("attachment.form", False),
    "disclosure": ("disclosure.encoding", False),
    "signatures": ("cbor.", False),
    "core": ("cbor.", True),
    "envelope": ("record.", True),
    "slot": ("record.", True),
    "genesis": ("genesis.", True),
    "transaction": ("transaction.", True),
    "checkpoint": ("cbor.", False),
    "block": ("cbor.", False),
    "receipt": ("proof.encoding", False),
    "refusal": ("proof.encoding", False),
    "entry": ("proof.encoding", False),
    "consistency": ("cbor.", False),
    "page": ("proof.encoding", False),
    "evidence": ("evidence.", True),
    "share-state": ("cbor.", True),
}
# Structures that a reader says are of another version, whatever follows it.
TELL_VERSION = {"envelope": "record", "slot": "record", "genesis": "genesis", "evidence": "evidence"}
OTHER_VERSIONS = ("version 1", "version 23", "version 256")
# Forms that the formats allow: of lists, of byte strings of any length, of fields that may be absent.
ALLOWED = {
    ("signatures", "one field less"),
    ("entry", "a byte string one byte longer"),
    ("entry", "a byte string one byte shorter"),
    ("share-state", "a list as null"),
    ("evidence", "one field less"),
    (9, "one field less"),
    (16, "one field less"),
    (17, "one field less"),
}
MEDIA_TYPES = {
    "no media type": "", "a media type without a subtype": "text/", "a media type of two lines": "a/b\nc",
    "a media type beyond ASCII": "a/é", "a media type of 129 bytes": "a/" + "b" * 127,
}
MALFORMED = "transaction.malformed"
BODY_FORMS = ("a longer head", "one field less", "one field more, 0", "an array of indefinite length")


def of_records(record: dict):
    hexed = lambda name: bytes.fromhex(record[name])
    core = cbor.decode(hexed("envelope"))[1]
    for what, data in {
        "statement": hexed("statement"),
        "attachment": bytes.fromhex(record["attachments"]["small_piece"]),
        "disclosure": hexed("disclosed_entry_1"),
        "signatures": hexed("signatures"),
        "core": core,
        "envelope": hexed("envelope"),
        "slot": hexed("slot"),
    }.items():
        yield from structure(what, data)
    twice = cbor.decode(hexed("signatures"))
    name, code = "signatures: a key signs twice", "cbor."
    yield changed(base_of("signatures", hexed("signatures")), name, cbor.encode(twice[:1] * 2), code)
    yield from carried()
    yield from bad_bodies.statements(hexed("statement"))
    yield from bad_bodies.attachments(bytes.fromhex(record["attachments"]["small_piece"]))


def carried():
    """Carried signatures and their files."""
    hash_of = SUITES[SUITE].hash
    one = lambda data, kind: [1, [hash_of(data), kind, b"cms", [], [], b""]]
    pdf = "application/pdf"
    base = accepted("signatures, one carried", "signatures", SUITE, cbor.encode([one(b"a", pdf)]))
    yield base
    for name, kind in MEDIA_TYPES.items():
        yield changed(base, f"signatures, one carried: {name}", cbor.encode([one(b"a", kind)]), "cbor.")
    beside = lambda files, signed: cbor.encode([files, cbor.encode([one(*each) for each in signed])])
    ours = lambda name, files, signed, make=refused: make(name, "files", SUITE, beside(files, signed))
    a, b = [pdf, b"a"], [pdf, b"b"]
    yield ours("files: one, signed twice", [a], [(b"a", pdf)] * 2, accepted)
    yield ours("files: one under two media types", [a, ["a/b", b"a"]], [(b"a", pdf), (b"a", "a/b")], accepted)
    yield ours("files: one twice", [a, a], [(b"a", pdf)] * 2)
    yield ours("files: one that nobody signed", [a, b], [(b"a", pdf)])
    yield ours("files: one that is not there", [a], [(b"a", pdf), (b"b", pdf)])
    yield ours("files: under another media type", [a], [(b"a", "a/b")])
    yield ours("files: nine", [[pdf, bytes([n])] for n in range(9)], [(bytes([n]), pdf) for n in range(9)])
    for name, make, over in (("16 MiB", accepted, 0), ("a byte more than 16 MiB", refused, 1)):
        halves = [(8 << 20) + over, 8 << 20]
        signatures = cbor.encode([one(bytes([k]) * length, pdf) for k, length in enumerate(halves)])
        parts = [(b"\x82\x82", 1)]
        for k, length in enumerate(halves):
            parts += [(b"\x82" + cbor.encode(pdf) + cbor.start(2, length), 1), (bytes([k]), length)]
        yield make(f"files: {name}", "files", SUITE, [*parts, (cbor.encode(signatures), 1)])


def of_ledger(ledger: dict):
    checkpoint = bytes.fromhex(ledger["checkpoint"])
    file = bytes.fromhex(ledger["genesis"]["file"])
    yield from structure("genesis", file)
    yield from bad_rules.genesis(file)
    yield from bad_rules.transactions(ledger["transactions"])
    yield from structure("checkpoint", checkpoint)
    yield from structure("block", bytes.fromhex(min(ledger["blocks"], key=len)))
    yield from structure("receipt", bytes.fromhex(ledger["receipt"]["proof"]))
    results = [[bytes(32), 0], [bytes([1]) * 32, 9]]
    yield from structure("refusal", cbor.encode([results, cbor.decode(checkpoint)]))
    yield from structure("entry", bytes.fromhex(ledger["present"]["proof"]))
    yield from structure("consistency", bytes.fromhex(ledger["consistency"]["proof"]))
    page = cbor.decode(bytes.fromhex(ledger["card"]["page"]))
    page[2] = page[2][:1]
    yield from structure("page", cbor.encode(page))
    yield from transactions(ledger["transactions"])


def transactions(given: list):
    first = {}
    for one in given:
        first.setdefault(one["number"], bytes.fromhex(one["stored"]))
    yield from structure("transaction", first[19])
    for number, stored in sorted(first.items()):
        base = accepted(f"transaction of type {number}", "transaction", SUITE, stored)
        yield base
        start, end = cbor.skip(stored, 1, 3), cbor.skip(stored, 1, 4)
        for name, body in forms(stored[start:end], versioned=False):
            if name in BODY_FORMS and (number, name) not in ALLOWED:
                data = stored[:start] + body + stored[end:]
                yield changed(base, f"{base['name']}: body, {name}", data, MALFORMED)
        fields = cbor.decode(stored)
        for name, other in (("type 0", 0), ("type 22", 22), ("another type", number % 21 + 1)):
            fields[1] = other
            yield changed(base, f"{base['name']}: {name}", cbor.encode(fields), "transaction.")
        data = cbor.encode(cbor.decode(stored)[:4] + [[bytes(64)] * 3])
        yield changed(base, f"{base['name']}: three signatures", data, MALFORMED)


def of_shares(share: dict):
    yield from structure("share-state", bytes.fromhex(share["host"]["state"]))


def of_evidence(pack: dict):
    """In part, because a whole pack's first byte string of free length lies deep."""
    yield from structure("evidence", bytes.fromhex(pack["part"]))


def base_of(what: str, data: bytes) -> dict:
    return accepted(what, what, SUITE, data)


def structure(what: str, data: bytes):
    code, versioned = CODES[what]
    base = base_of(what, data)
    yield base
    for name, bad in forms(data, versioned):
        if (what, name) in ALLOWED:
            continue
        other = what in TELL_VERSION and name.startswith(OTHER_VERSIONS)
        yield changed(base, f"{what}: {name}", bad, f"{TELL_VERSION[what]}.version" if other else code)


