"""Checks over the pinned evidence packs of both suites (docs/formats/evidence.md)."""

import cbor
import evidence
import shapes
from suites import Refused, equal, must_refuse


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    genesis, body = bytes.fromhex(vector["genesis"]), vector["body"].encode()
    whole, part = bytes.fromhex(vector["whole"]), bytes.fromhex(vector["part"])
    record = bytes.fromhex(vector["record"])

    expect("verified", whole, genesis, body, record)
    expect("seal_only", whole, genesis, None, record)
    expect("verified_in_part", part, genesis, None, record)
    yield "the whole pack is verified, without its body the seal only, in part what is shown"

    inside = cbor.decode(whole)
    inside[6][1][0].append(body)  # After the files.
    expect("verified", cbor.encode(inside), genesis, None, record)
    yield "a pack that carries its body is verified by itself"

    yield from carried(vector)

    for pack in (whole, part):
        if expect("", pack, None, body, record).ledger_is_known:
            raise Refused("an unknown ledger taken for a known one")
    without = cbor.decode(whole)[:13]
    fails("genesis", cbor.encode(without), None, body)
    expect("verified", cbor.encode(without), genesis, body, record)
    yield "without the reader's genesis the pack's own is taken, and told as unknown"

    checkpoint = cbor.decode(bytes.fromhex(vector["checkpoint"]))
    shapes.checkpoint(checkpoint)
    equal("checkpoint", cbor.encode(checkpoint), cbor.encode(cbor.decode(whole)[8][1]))
    yield "the pinned checkpoint is the receipt's"

    for name, pack in (("whole", whole), ("part", part)):
        for at in range(len(pack)):
            must_fail(f"byte {at}", pack[:at] + bytes([pack[at] ^ 1]) + pack[at + 1 :], body)
        yield f"{name}: each of {len(pack)} bytes is refused when one bit of it changes"
        for at in range(0, len(pack), 7):
            must_refuse(f"a pack cut at {at}", evidence.Pack, pack[:at])
        must_refuse("a byte more", evidence.Pack, pack + b"\0")
    must_refuse_body(whole, genesis, body)
    yield "a pack cut short or longer, and another body, are refused"


def carried(vector: dict):
    """Signatures of the hospital's own system, over a file in the pack and over the body."""
    genesis = bytes.fromhex(vector["genesis"])
    of, over = vector["carried"], vector["carried_body"]
    pack, record = bytes.fromhex(of["pack"]), bytes.fromhex(of["record"])
    [signer] = expect("verified", pack, genesis, None, record).carried
    fields = cbor.decode(pack)
    [[kind, file]] = fields[6][1][0][3]
    for files in ([], [[kind, file + b" "]], [["text/plain", file]], [[kind, file]] * 2):
        fields[6][1][0][3] = files
        fails("carried", cbor.encode(fields), genesis, None)
    yield f"{signer} signed the file beside the record; another file, none or one too many is refused"

    pack, record = bytes.fromhex(over["pack"]), bytes.fromhex(over["record"])
    [signer] = expect("verified", pack, genesis, over["body"].encode(), record).carried
    if expect("seal_only", pack, genesis, None, record).not_checked != ["content", "carried"]:
        raise Refused("a signature checked without its file")
    yield f"{signer} signed the body itself; without it her signature is told as not checked"


def report(pack: bytes, genesis: bytes | None, body: bytes | None) -> evidence.Report:
    return evidence.verify(pack, genesis, body)


def expect(outcome: str, pack: bytes, genesis, body, record: bytes) -> evidence.Report:
    """The report on a pack, which has to be of this outcome and on a record in force."""
    found = report(pack, genesis, body)
    if found.failed or (outcome and found.outcome != outcome):
        raise Refused(f"{found.outcome} instead of {outcome}") from found.why
    equal("record", found.record, record)
    if found.standing[0][0] != "in_force":
        raise Refused("another standing")
    return found


def fails(code: str, pack: bytes, genesis, body):
    """The pack fails at this check and no other."""
    found = report(pack, genesis, body)
    if found.failed != f"evidence.{code}":
        raise Refused(f"evidence.{code} expected, not {found.failed or found.outcome}")


def must_fail(what: str, pack: bytes, body: bytes):
    """A changed pack is refused, also by whoever has nothing but its own genesis."""
    try:
        found = report(pack, None, body)
    except evidence.REFUSALS:
        return
    if not found.failed:
        raise Refused(f"{what} changed without notice")


def must_refuse_body(pack: bytes, genesis: bytes, body: bytes):
    for other in (body + b" ", body[:-1], b"{}", body.replace(b"e", b"E", 1)):
        fails("content", pack, genesis, other)
