"""Evidence that proves nothing: packs that break one check each, forged with every key at hand."""

import bad_carried
import cbor
import state
from forge import (
    BODY, CARD, CARRIED, DAY, DOCTOR, HEIGHT, HOST, MEMBER, OLD_SEAL, OTHER, POSITION, SEAL, SEALED_AT, THIEF,
    TIME, VISIT, Plan, World, make, seed, staff,
)
from suites import SUITES
from vectors import accepted, changed

MINUTE = 60_000
ENDED, COMPROMISED = 1, 2


def packs():
    for name in SUITES:
        world = World(name)
        genesis = accepted(f"the forged consortium, {name}", "genesis", name, world.file)
        yield genesis
        given = {"genesis": genesis["name"]}
        base = accepted(f"an honest pack, {name}", "evidence", name, make(world, Plan()), **given)
        yield base
        part = accepted(f"an honest part, {name}", "evidence", name, make(world, Plan(), True), **given)
        yield part
        for what, plan in GOOD.items():
            good = changed(base, f"{what}, {name}", make(world, plan(world)), **given)
            yield good | {"accepted": True}
        for what, (code, plan) in BAD.items():
            code = f"evidence.{code}"
            yield changed(base, f"{what}, {name}", make(world, plan(world)), code, fails=code, **given)
        if name == "international":
            yield from carried(world, base, given)
        for what, (code, change) in BAD_PARTS.items():
            data, code = make(world, Plan(pack=change), True), f"evidence.{code}"
            yield changed(part, f"{what}, {name}", data, code, fails=code, **given)


def carried(world: World, base: dict, given: dict):
    """Signatures by the rules of record.md, and beside them; neither suite has others."""
    for what, plan in bad_carried.plans(True).items():
        yield changed(base, what, make(world, plan(world)), **given) | {"accepted": True}
    for what, plan in bad_carried.plans(False).items():
        code = "evidence.carried"
        yield changed(base, what, make(world, plan(world)), code, fails=code, **given)


def at(place: tuple, change):
    """A change of one field of the pack, or of a list in it."""

    def changed_pack(fields: list) -> list:
        inner = fields
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = change(inner[place[-1]])
        return fields

    return changed_pack


def entry(**changes):
    return lambda world: Plan(staff_entry=lambda world, signer: staff(world, signer, **changes))


def entry_of(other: bytes):
    return lambda world: Plan(staff_entry=lambda world, signer: staff(world, other))


def ended(position: int, time: int, reason: int, declared=None):
    end = [position, time, reason] + ([None, declared] if declared is not None else [])
    return entry(end=end)


def seal_of(place: int, value):
    return lambda world: Plan(seal_body=lambda body: body[:place] + [value] + body[place + 1 :])


def replacing(mark: int, named: bytes | None):
    """A seal that puts the record into the place of another one, and what its statement names."""
    body = lambda b: [*b[:7], mark, [[b[8][0][0], EARLIER]], [[VISIT, 5, [bytes(32)]]]]
    return lambda world: Plan(seal_body=body, statement=lambda f: [*f[:9], named, *f[10:]])


def statement_of(place: int, value):
    return lambda world: Plan(statement=lambda f: f[:place] + [value] + f[place + 1 :])


def sealed_of(place: int, value):
    return lambda world: Plan(sealed_entry=lambda e: e[:place] + [value] + e[place + 1 :])


def past(*keys, sealer: bytes):
    """A member's past keys: pairs of a seed and the first position without it."""
    add = lambda world: lambda e: [e[0], [[2, world.key(key), until] for key, until in keys]]
    return lambda world: Plan(members_entry=add(world), sealer=sealer)


def claimed(time: int):
    return lambda world: Plan(claimed=time)


def older(whose: str):
    """An entry under a checkpoint whose log ends before the seal."""
    return lambda world: Plan(**{f"{whose}_checkpoint": {"size": POSITION}})


def other_member(world):
    return Plan(members_entry=lambda entry: [world.member(OTHER, 0xB0), []])


def pack_of(place: tuple, change):
    return lambda world: Plan(pack=at(place, change))


def grace(over: int):
    """A signature from before an ordinary end that lies 30 days, and so much more, before the seal."""
    end = SEALED_AT - 30 * DAY - over
    entry = lambda world, signer: staff(world, signer, **{"from": 0, "end": [3, end, ENDED]})
    return lambda world: Plan(claimed=end - 1, staff_entry=entry)


def absent(world):
    """The proof that the state has no entry of the member."""
    change = lambda _: world.entry(state.MEMBER, MEMBER, None)
    return Plan(pack=at((11,), change))


def swapped(world):
    """Another body, with its own digest beside it."""
    other = BODY.replace(b"1", b"2")
    return Plan(pack=at((6, 1, 0), lambda whole: [world.suite.hash(other), *whole[1:4], other]))


def other_status(world):
    return Plan(pack=at((10,), lambda _: world.entry(state.RECORD, MEMBER + bytes(32), [2, [2, 7]])))


def file(name: str) -> bytes:
    return (CARRIED / name).read_bytes()


PDF = ["application/pdf", file("file.pdf")]
P256 = ["p256-detached.cms", ["p256-root.der"], [], ""]
STAMPED = ["p256-detached.cms", ["p256-root.der", "stamp-root.der"], ["good.ocsp", "good.crl"], "p256-stamp.der"]
SM2 = ["sm2-detached.cms", ["sm2-doctor.der", "sm2-sub.der", "sm2-root.der"], [], ""]


def signed(cms: str, chain: list, answers: list, stamp: str, **changes):
    """A signature of the hospital's own system over file.pdf; the file lies in the pack."""
    parts = [PDF[1], PDF[0], file(cms), *([file(name) for name in names] for names in (chain, answers))]
    parts.append(file(stamp) if stamp else b"")
    return lambda world: Plan(**({"carried": [parts], "files": [PDF]} | changes))


def unlike(plan: list, **others):
    """`plan` with other parts."""
    names = ("cms", "chain", "answers", "stamp")
    return signed(*(dict(zip(names, plan)) | others).values())


def changed_cms(world):
    plan = signed(*P256)(world)
    plan.carried[0][2] = plan.carried[0][2][:-1] + flip(plan.carried[0][2][-1:])
    return plan


def before_certificates(world):
    """The same, sealed a year before."""
    plan = signed(*P256)(world)
    plan.sealed_entry = lambda entry: [*entry[:2], SEALED_AT - 365 * DAY, entry[3]]
    plan.claimed = TIME - 365 * DAY
    plan.staff_entry = lambda world, signer: staff(world, signer, **{"from": 0})
    return plan


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def one_or_two(signatures: list) -> list:
    return signatures[:1] if len(signatures) == 2 else signatures * 2


def more(number: int) -> int:
    return number + 1


def again(items: list) -> list:
    return items + items[:1]


EARLIER = [VISIT, 5, 0]

GOOD = {
    "replacing another": replacing(0, CARD),
    "delivered again": replacing(2, None),
    "claimed five minutes ahead": claimed(SEALED_AT + 5 * MINUTE),
    "claimed at the start of validity": entry(**{"from": TIME}),
    "ended after the seal": ended(POSITION + 1, SEALED_AT, COMPROMISED),
    "ended thirty days before, claimed before that": grace(0),
    "declared compromised after the seal": ended(3, TIME + 1, COMPROMISED, POSITION + 1),
    "a seal key of its time": past((OLD_SEAL, POSITION + 1), sealer=OLD_SEAL),
    "the second of two past seal keys": past((HOST, POSITION), (OLD_SEAL, POSITION + 1), sealer=OLD_SEAL),
    "replaced": lambda world: Plan(standing=[1, [bytes(32), [bytes(16), 1, 0], 7]]),
    "withdrawn": lambda world: Plan(standing=[2, [2, 7]]),
    "a status of a later day": lambda world: Plan(status_checkpoint={"height": 99, "time": TIME + DAY}),
    "no author's key named": lambda world: Plan(author=None),
    "signed by the hospital's system, too": signed(*P256),
    "signed by the hospital's system with a time-stamp and answers": signed(*STAMPED),
    "signed by the hospital's system with SM2": signed(*SM2),
    "two signers": lambda world: Plan(signers=[DOCTOR, THIEF]),
}

BAD = {
    "another ledger": ("genesis", pack_of((1,), flip)),
    **{
        f"the certificate of the {name} changed": ("checkpoint", pack_of((*place, 1, 1, 0), flip))
        for name, place in {
            "receipt": (8, 1), "seal": (9, 1), "status": (10, 1), "member": (11, 1), "staff": (12, 0, 1, 1),
        }.items()
    },
    "a checkpoint of another time": ("checkpoint", pack_of((8, 1, 0, 9), more)),
    "no signature of the engine": ("checkpoint", pack_of((8, 1, 1, 1, 0), lambda _: bytes(64))),
    "an engine's signature too few or too many": ("checkpoint", pack_of((8, 1, 1, 1), one_or_two)),
    "a checkpoint of version 1": ("checkpoint", lambda world: Plan(status_checkpoint={"version": 1})),
    "a checkpoint of another ledger": ("checkpoint", lambda world: Plan(status_checkpoint={"genesis": CARD})),
    "another position": ("inclusion", pack_of((8, 0, 0), more)),
    "another size of the log": ("inclusion", pack_of((8, 0, 1), more)),
    "a longer path": ("inclusion", pack_of((8, 0, 2), again)),
    "a member's entry from before the seal": ("member", older("member")),
    "the member's absence": ("member", absent),
    "a withdrawal in place of the seal": (
        "seal", lambda world: Plan(seal_type=10, seal_body=lambda body: [CARD, MEMBER])
    ),
    "sealed with the host's key": ("seal", lambda world: Plan(sealer=HOST)),
    "sealed with another member's key": ("seal", lambda world: Plan(sealer=seed(2, 0xB0))),
    "sealed with a key of the past": ("seal", past((OLD_SEAL, POSITION), sealer=OLD_SEAL)),
    "sealed with a key of the future": ("seal", past((OLD_SEAL, POSITION + 1), sealer=SEAL)),
    "an entry that names another member": ("seal", other_member),
    "the seal's entry of another card": ("seal", sealed_of(0, bytes(32))),
    "the seal's entry of another position": ("seal", sealed_of(1, POSITION + 1)),
    "the seal's entry of other records": ("seal", sealed_of(3, bytes(32))),
    "another record in the seal": ("leaf", seal_of(8, [[bytes(32)]])),
    "another core": ("leaf", pack_of((2,), flip)),
    "another content root": ("leaf", pack_of((3,), flip)),
    "other signatures": ("leaf", pack_of((4,), lambda data: data[:-1] + flip(data[-1:]))),
    "a statement of another member": ("statement", statement_of(1, OTHER)),
    "a statement of another visit": ("statement", statement_of(2, bytes(16))),
    "a statement that replaces nothing, in the place of another": ("statement", replacing(0, None)),
    "a late one, too": ("statement", replacing(1, None)),
    "a statement that replaces another, in nothing's place": ("statement", statement_of(9, CARD)),
    "a statement of two lines": ("statement", statement_of(5, "a\nb")),
    "a statement that ends before it starts": ("statement", statement_of(8, [TIME, TIME - 1, TIME])),
    "another statement": ("statement", pack_of((5, 4), lambda data: data.replace(b"Note", b"Nope"))),
    "a statement said to be a frame": ("statement", pack_of((5, 0), more)),
    "the statement as piece 1": ("statement", pack_of((5, 1), more)),
    "another number of pieces": ("statement", pack_of((5, 2), more)),
    "another body": ("content", pack_of((6, 1, 0, 4), lambda body: body.replace(b"1", b"2"))),
    "another body under its digest": ("content", swapped),
    "a body that is no JSON": ("content", pack_of((6, 1, 0, 4), lambda body: body + b"x")),
    "a salt changed": ("content", pack_of((6, 1, 0, 1, 0), flip)),
    "a salt too many": ("content", pack_of((6, 1, 0, 1), again)),
    "a salt too few": ("content", pack_of((6, 1, 0, 1), lambda salts: salts[:-1])),
    "an attachment that is not the statement's": (
        "content", pack_of((6, 1, 0, 2), lambda _: [cbor.encode([bytes(32), 1, "a", "a/b"])])
    ),
    "more attachments in the statement": ("content", statement_of(11, 1)),
    "the author did not sign": ("author", lambda world: Plan(signers=[THIEF])),
    "a signature under another label": ("signature", lambda world: Plan(signature_label="medfolder/login")),
    "no entry for the signer": ("signature", pack_of((12,), lambda staff: [])),
    "the entry of another key": ("signature", entry_of(THIEF)),
    "the signer's absence": ("signature", lambda world: Plan(staff_entry=lambda world, signer: None)),
    "a signer of another member": ("signature", entry(member=OTHER)),
    "a signer's entry from before the seal": ("signature", older("staff")),
    "claimed before validity": ("signature", entry(**{"from": TIME + 1})),
    "claimed at the end of validity": ("signature", entry(until=TIME)),
    "claimed more than five minutes ahead": ("signature", claimed(SEALED_AT + 5 * MINUTE + 1)),
    "enrolled at the seal's position": ("signature", entry(position=POSITION)),
    "enrolled after the seal": ("signature", entry(position=POSITION + 1)),
    "ended before, claimed at its end": ("signature", ended(3, TIME, ENDED)),
    "ended more than thirty days before": ("signature", grace(1)),
    "compromised before the seal": ("signature", ended(3, TIME + 1, COMPROMISED)),
    "ended at the seal's position, compromised": ("signature", ended(POSITION, TIME + 1, COMPROMISED)),
    "declared compromised at the seal": ("signature", ended(3, TIME + 1, COMPROMISED, POSITION)),
    "another custody": ("leaf", pack_of((4,), lambda data: data.replace(b"\0\x58\x40", b"\1\x58\x40"))),
    "a carried file changed": ("carried", signed(*P256, files=[[PDF[0], PDF[1] + b" "]])),
    "a carried file missing": ("carried", signed(*P256, files=[])),
    "a carried file twice": ("carried", signed(*P256, files=[PDF, PDF])),
    "a carried file of another kind": ("carried", signed(*P256, files=[["text/plain", PDF[1]]])),
    "a file that nobody signed": ("carried", lambda world: Plan(files=[PDF])),
    "a carried signature changed": ("carried", changed_cms),
    "a carried signature over another file": ("carried", unlike(P256, cms="visit.json.p7s")),
    "a carried signature of another signer": ("carried", unlike(STAMPED, cms="rsa-detached.cms")),
    "a carried signature with a key for other purposes": ("carried", unlike(P256, cms="p256-web.cms")),
    "a carried signature by one whom a doctor certified": ("carried", unlike(P256, cms="p256-rogue.cms")),
    "a carried signature that is none": ("carried", unlike(P256, cms="p256-doctor.der")),
    "a carried signature without its root": ("carried", unlike(P256, chain=[])),
    "a carried signature under a root that policy does not name": (
        "carried", signed("rsa-detached.cms", ["rsa-root.der", "p256-root.der"], [], "")
    ),
    "a carried signature under a root of time-stamps": ("carried", unlike(P256, chain=["stamp-root.der"])),
    "a time-stamp that is none": ("carried", unlike(STAMPED, stamp="p256-detached.cms")),
    "a time-stamp without its root": ("carried", unlike(STAMPED, chain=["p256-root.der"])),
    "a carried signer in a list of revoked ones": ("carried", unlike(P256, answers=["revoked.crl"])),
    "a carried signer of whom an answer says revoked": ("carried", unlike(P256, answers=["revoked.ocsp"])),
    "sealed before the carried signer's certificate": ("carried", before_certificates),
    "a status of before the receipt": ("status", lambda world: Plan(status_checkpoint={"height": HEIGHT - 1})),
    "the status of another record": ("status", other_status),
}

BAD_PARTS = {
    "an entry changed": ("content", at((6, 1, 0, 0, 4), lambda data: data.replace(b"1", b"2"))),
    "an entry said to be an attachment": ("content", at((6, 1, 0, 0, 0), more)),
    "an entry at another place": ("content", at((6, 1, 0, 0, 1), more)),
    "an entry of another number of pieces": ("content", at((6, 1, 0, 0, 2), more)),
    "an entry with another salt": ("content", at((6, 1, 0, 0, 3), flip)),
    "an entry with a longer path": ("content", at((6, 1, 0, 0, 5), again)),
}
