"""Makes evidence packs, honest ones and others, by one who has every key of a small consortium.

Each proof stands under a checkpoint of its own, so that one part can be changed without the rest; the
log and the state that a checkpoint certifies are made up around what is to be proven.
"""

import json
import pathlib

import cbor
import merkle
import record
import state
from body import cut
from signing import public, sign
from suites import SUITES, be
from transaction import Transaction

MEMBER, OTHER, AREA, CARD = bytes([0xA0]) * 16, bytes([0xB0]) * 16, bytes([0x1A]) * 16, bytes([1]) * 32
VISIT, CORE = bytes([0x44]) * 16, bytes([0xC0]) * 32
BODY = b'{"resourceType":"Bundle","entry":[{"a":1},{"b":2}]}'
# 2026-11-23, when the certificates of tests/vectors/record/carried are some days old.
TIME, POSITION, SIZE, HEIGHT = 1_795_392_000_000, 5, 8, 4
SEALED_AT = TIME + 3_600_000
DAY = 24 * 3_600_000
ENGINE = {"international": bytes([5]) + bytes([0x77]) * 31, "national": bytes([6]) + bytes([0x77]) * 31}


def seed(purpose: int, owner: int) -> bytes:
    return bytes([purpose]) + bytes([owner]) * 31


CARRIED = pathlib.Path(__file__).resolve().parents[2] / "vectors/record/carried"
FORGED = json.loads((CARRIED / "forged.json").read_text(encoding="utf-8"))
# Digests of the authorities that policy names: of certificates, of time-stamps.
ROOTS = [
    [SUITES["international"].hash((CARRIED / f"{name}-root.der").read_bytes()) for name in names]
    + [SUITES["international"].hash(bytes.fromhex(root)) for root in FORGED[forged]]
    for names, forged in ((["p256", "sm2"], "roots"), (["stamp"], "stamp_roots"))
]
DOCTOR, THIEF = seed(0x30, 1), seed(0x30, 2)
SEAL, OLD_SEAL, HOST = seed(2, 0xA0), seed(2, 0xA1), seed(4, 0xA0)


class World:
    """A consortium of two hospitals, and what a plan changes in it."""

    def __init__(self, name: str):
        self.name, self.suite = name, SUITES[name]
        self.file = cbor.encode(self.genesis())
        self.digest = self.suite.labelled("medfolder/genesis", self.file)

    def key(self, secret: bytes) -> bytes:
        return public(self.name, secret)

    def key_id(self, secret: bytes) -> bytes:
        return self.suite.labelled("medfolder/key-id", self.key(secret))

    def genesis(self) -> list:
        engines = [public(name, ENGINE[name]) for name in self.engines()]
        policy = [[1, 2], [60_000] * 11, [10, 100], *ROOTS, [[bytes([0xC]) * 32, 1, "zh"]], [[0, "none"]]]
        members = [self.member(MEMBER, 0xA0), self.member(OTHER, 0xB0)]
        number = {"international": 1, "national": 2}[self.name]
        return [
            0, number, "forged consortium", bytes([0x66]) * 32, TIME - DAY, members,
            [[AREA, MEMBER, ["https://area.example"]]], policy, [1, [engines]],
        ]

    def engines(self) -> list:
        return list(SUITES) if self.name == "national" else ["international"]

    def member(self, identity: bytes, owner: int) -> list:
        receive = self.suite.encryption_public(self.suite.private(seed(3, owner)))
        keys = [self.key(seed(1, owner)), self.key(seed(2, owner)), receive, self.key(seed(4, owner))]
        return [identity, f"Hospital {owner:x}", 1, 1, keys, bytes(32), [], True]

    def checkpoint(
        self, height=HEIGHT, size=SIZE, log=bytes(32), root=bytes(32), time=SEALED_AT, version=0, genesis=b""
    ) -> list:
        nothing = self.suite.labelled("medfolder/block-transactions", cbor.encode([]))
        header = [version, genesis or self.digest, height, 0, bytes(32), nothing, size, log, root, time]
        digest = self.suite.labelled("medfolder/block-header", cbor.encode(header))
        signatures = [sign(n, ENGINE[n], "medfolder/block-header", digest) for n in self.engines()]
        return [header, [1, signatures]]

    def entry(self, kind: int, identity: bytes, value, **checkpoint) -> list:
        """The proof of an entry in a state that holds nothing else; `value` None: of its absence."""
        key = state.state_key(self.suite, kind, identity)
        other = key if value is not None else self.suite.hash(key)
        data = cbor.encode(value if value is not None else [])
        digest = state.value_digest(self.suite, data)
        root = state.leaf(self.suite, other, digest)
        end = data if value is not None else [other, digest]
        return [[b"", end], self.checkpoint(root=root, **checkpoint)]


class Plan:
    """What an honest pack is made of; `World` and a plan give a pack."""

    def __init__(self, **changes):
        self.author, self.signers, self.claimed, self.custody = DOCTOR, [DOCTOR], TIME, 0
        self.statement = lambda fields: fields
        self.signature_label, self.sealer, self.seal_body = "medfolder/record-signature", SEAL, None
        self.seal_type, self.valid_until = 13, SEALED_AT + 1000
        self.members_entry, self.staff_entry, self.sealed_entry = None, None, None
        self.staff_checkpoint, self.member_checkpoint = {}, {}
        self.sealed_checkpoint, self.status_checkpoint = {}, {}
        self.standing, self.pack = None, lambda fields: fields
        self.salts = lambda salts: salts
        self.carried, self.files = [], []
        for name, value in changes.items():
            if not hasattr(self, name):
                raise AttributeError(name)
            setattr(self, name, value)


def pieces(world: World, plan: Plan):
    """Statement, pieces with salts, leaves and content root."""
    author = [world.key_id(plan.author) if plan.author else None, "李医生"]
    statement = cbor.encode(plan.statement([
        0, MEMBER, VISIT, "P-0001", [None, "34108-1"], "Note", author, "", [TIME, None, TIME],
        None, "application/fhir+json", 0,
    ]))
    found = [(0, statement)] + [(2 if is_entry else 1, data) for is_entry, data in cut(BODY)]
    salts = [bytes([k]) * 32 for k in range(len(found))]
    leaves = [
        record.piece_leaf(world.suite, kind, k, salts[k], data) for k, (kind, data) in enumerate(found)
    ]
    root = record.content_root_of(world.suite, len(leaves), merkle.root(world.suite, leaves))
    return found, salts, leaves, root


def path(suite, leaves: list, index: int) -> list:
    """Siblings from the leaf upwards (RFC 9162, 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < half:
        return path(suite, leaves[:half], index) + [merkle.root(suite, leaves[half:])]
    return path(suite, leaves[half:], index - half) + [merkle.root(suite, leaves[:half])]


def native(world: World, plan: Plan, signer: bytes, root: bytes) -> list:
    key_id = world.key_id(signer)
    data = world.digest + root + key_id + be(plan.claimed, 8) + bytes([plan.custody])
    signature = sign(world.name, signer, plan.signature_label, data)
    return [0, [key_id, plan.claimed, plan.custody, signature]]


def seal(world: World, plan: Plan, leaf: bytes) -> bytes:
    body = [MEMBER, CARD, VISIT, 0, AREA, 0, TIME, 0, [[leaf]]]
    body = (plan.seal_body or (lambda body: body))(body)
    core = b"".join(cbor.encode(part) for part in (0, plan.seal_type, plan.valid_until, body))
    unsigned = b"\x85" + core + cbor.encode([bytes(64)])
    label = Transaction(world.suite, world.digest, unsigned).label
    return b"\x85" + core + cbor.encode([sign(world.name, plan.sealer, label, world.digest + core)])


def receipt(world: World, stored: bytes) -> list:
    leaves = [bytes([k]) * 32 for k in range(SIZE)]
    leaves[POSITION] = merkle.leaf(world.suite, stored)
    log = merkle.root(world.suite, leaves)
    return [[POSITION, SIZE, path(world.suite, leaves, POSITION)], world.checkpoint(log=log)]


def staff(world: World, signer: bytes, **changes) -> list:
    """An entry; `end` is left out where there is none."""
    fields = {
        "member": MEMBER, "signing": world.key(signer), "encryption": world.key(signer), "role": 1,
        "from": TIME - DAY, "until": TIME + 400 * DAY, "commitment": bytes(32), "position": 1,
    }
    return list((fields | changes).values())


def make(world: World, plan: Plan, part: bool = False) -> bytes:
    """The pack of a plan: whole with its body inside, or of the first entry."""
    found, salts, leaves, root = pieces(world, plan)
    shown = lambda k: [found[k][0], k, len(found), salts[k], found[k][1], path(world.suite, leaves, k)]
    signatures = [native(world, plan, signer, root) for signer in plan.signers]
    carried = [[1, [world.suite.hash(file), *rest]] for file, *rest in plan.carried]
    signatures = cbor.encode(signatures + carried)
    digest = world.suite.labelled("medfolder/record-signatures", signatures)
    leaf = world.suite.labelled("medfolder/record-leaf", CORE + root + digest)
    stored = seal(world, plan, leaf)
    body = Transaction(world.suite, world.digest, stored).body
    whole = [0, [[world.suite.hash(BODY), plan.salts(salts[1:]), [], plan.files, BODY]]]
    fields = [
        0, world.digest, CORE, root, signatures, shown(0), [1, [[shown(2)]]] if part else whole,
        stored, receipt(world, stored), *proofs(world, plan, leaf, body),
    ]
    return cbor.encode(plan.pack(fields))


def proofs(world: World, plan: Plan, leaf: bytes, body: list):
    """Of the seal, the record, the member and the signers."""
    records = cbor.encode([sealed[0] for sealed in body[8]]) if plan.seal_type == 13 else b""
    sealed = [CARD, POSITION, SEALED_AT, world.suite.labelled("medfolder/seal-leaves", records)]
    sealed = (plan.sealed_entry or (lambda entry: entry))(sealed)
    yield world.entry(state.SEAL, MEMBER + VISIT + be(0, 4), sealed, **plan.sealed_checkpoint)
    yield world.entry(state.RECORD, MEMBER + leaf, plan.standing, **plan.status_checkpoint)
    member = [world.member(MEMBER, 0xA0), []]
    member = (plan.members_entry or (lambda entry: entry))(member)
    yield world.entry(state.MEMBER, MEMBER, member, **plan.member_checkpoint)
    entry = plan.staff_entry or (lambda world, signer: staff(world, signer))
    yield [
        [world.key_id(s), world.entry(state.STAFF, world.key_id(s), entry(world, s), **plan.staff_checkpoint)]
        for s in dict.fromkeys(plan.signers)
    ]
