"""An evidence pack and its checks (docs/formats/evidence.md)."""

from functools import lru_cache

import cbor
import cms
import merkle
import shapes
import standing
import state
import statement
from body import cut
from chain import Genesis
from record import content_root_of, disclosed, piece_leaf, read_signatures
from suites import Refused, be, equal
from transaction import SEAL, Transaction

DELIVERED_AGAIN = 2
MOST, MOST_FILES = 42 << 20, 16 << 20
T_M = 13
# The checks in their order: method → code. Two structures are read before the check that they are for.
ORDER = {
    "genesis": "genesis", "checkpoint": "checkpoint", "inclusion": "inclusion",
    "read_seal": "seal", "member": "member", "seal": "seal", "leaf": "leaf",
    "statement": "statement", "content": "content",
    "read_signatures": "signature", "author": "author", "signature": "signature",
    "carried": "carried", "status": "status",
}
REFUSALS = (ValueError, KeyError, IndexError, TypeError, OverflowError)
NOT_CHECKED = "not checked"


@lru_cache
def chain(file: bytes) -> Genesis:
    return Genesis(file)


class Pack:
    """A pack's parts, before any check but their shape."""

    def __init__(self, data: bytes):
        if len(data) > MOST:
            raise Refused("too long for a pack")
        fields = cbor.decode(data)
        shapes.pack(fields)
        _, self.genesis, self.core, self.content_root, self.signature_bytes = fields[:5]
        self.statement, (self.kind, [self.shown]), self.seal, self.receipt = fields[5:9]
        self.sealed, self.status, self.member, self.staff = fields[9:13]
        self.genesis_file = fields[13] if len(fields) > 13 else None


class Report:
    """What a pack comes to: an outcome, the refused check, and what the status checkpoint says."""

    def __init__(self):
        self.failed, self.why, self.not_checked = None, None, []
        self.record, self.standing, self.carried = None, None, []
        self.ledger_is_known, self.whole = True, False

    @property
    def outcome(self) -> str:
        if self.failed:
            return "failed"
        if not self.whole:
            return "verified_in_part"
        return "seal_only" if "content" in self.not_checked else "verified"


class Verifier:
    """The checks in their order; each raises unless it holds."""

    def __init__(self, pack: Pack, genesis: bytes | None, body: bytes | None = None):
        self.pack, self.file, self.given, self.names = pack, genesis, body, []

    def report(self) -> Report:
        report = Report()
        report.whole, report.ledger_is_known = self.pack.kind == 0, self.file is not None
        for method, name in ORDER.items():
            try:
                if getattr(self, method)() == NOT_CHECKED:
                    report.not_checked.append(name)
            except REFUSALS as refusal:
                report.failed, report.why = f"evidence.{name}", refusal
                return report
        report.record, report.standing, report.carried = self.record, self.standing, self.names
        return report

    def genesis(self):
        file = self.pack.genesis_file if self.file is None else self.file
        if file is None:
            raise Refused("no genesis file")
        self.chain = chain(file)
        self.suite = self.chain.suite
        equal("genesis", self.chain.digest, self.pack.genesis)

    def checkpoint(self):
        own = [self.pack.sealed, self.pack.status, self.pack.member]
        proofs = own + [proof for _, proof in self.pack.staff]
        for value in [self.pack.receipt[1], *(checkpoint for _, checkpoint in proofs)]:
            self.chain.checkpoint(value)

    def inclusion(self):
        self.position, self.receipt = self.chain.logged(self.pack.seal, self.pack.receipt)

    def read_seal(self):
        self.transaction = Transaction(self.suite, self.chain.digest, self.pack.seal)
        if self.transaction.type != T_M:
            raise Refused("the transaction is no seal")

    def member(self):
        member = self.transaction.body[0]
        self.check_knows_seal(self.pack.member)
        entry = self.proven(state.MEMBER, member, self.pack.member)
        self.member_entry = cbor.decode(entry)
        shapes.state_member(self.member_entry)

    def seal(self):
        key = standing.member_key(self.member_entry, SEAL, self.position)
        [signature] = self.transaction.signatures
        self.suite.verify(key, self.transaction.label, self.transaction.signed, signature)
        self.check_sealed()

    def check_sealed(self):
        """The seal's entry says where and when it was accepted."""
        member, card, visit, seq = self.transaction.body[:4]
        entry = self.proven(state.SEAL, member + visit + be(seq, 4), self.pack.sealed)
        fields = cbor.decode(entry)
        shapes.state_seal(fields)
        records = cbor.encode([sealed[0] for sealed in self.transaction.body[8]])
        digest = self.suite.labelled("medfolder/seal-leaves", records)
        self.block_time = fields[2]
        if fields != [card, self.position, self.block_time, digest]:
            raise Refused("the entry of another seal")

    def leaf(self):
        digest = self.suite.labelled("medfolder/record-signatures", self.pack.signature_bytes)
        parts = self.pack.core + self.pack.content_root + digest
        self.record = self.suite.labelled("medfolder/record-leaf", parts)
        if self.record not in [sealed[0] for sealed in self.transaction.body[8]]:
            raise Refused("the record is not in the seal")

    def statement(self):
        if self.pack.statement[0] != 0:
            raise Refused("the first piece is no statement")
        data = disclosed(self.suite, self.pack.statement, self.pack.content_root)
        self.fields = statement.read(data)
        equal("member", self.fields[1], self.transaction.body[0])
        equal("visit", self.fields[2], self.transaction.body[2])
        mark, sealed = self.transaction.body[7:9]
        [place] = [one[1:] for one in sealed if one[0] == self.record]
        if mark != DELIVERED_AGAIN and bool(place) != (self.fields[9] is not None):
            raise Refused("a record that replaces another in the seal or in its statement alone")

    def content(self):
        return self.whole() if self.pack.kind == 0 else self.part()

    def whole(self):
        digest, salts, attachments = self.pack.shown[:3]
        body = self.body()
        if body is None:
            return NOT_CHECKED
        equal("body", self.suite.hash(body), digest)
        pieces = [(2 if is_entry else 1, data) for is_entry, data in cut(body)]
        pieces += [(3, data) for data in attachments]
        for attachment in attachments:
            statement.read_attachment(attachment)
        if not len(pieces) == len(salts) == self.pack.statement[2] - 1:
            raise Refused("another number of pieces")
        if len(attachments) != self.fields[11]:
            raise Refused("another number of attachments")
        leaves = [self.piece(0, 0, self.pack.statement[3], self.pack.statement[4])]
        for k, ((kind, data), salt) in enumerate(zip(pieces, salts), start=1):
            leaves.append(self.piece(kind, k, salt, data))
        tree = merkle.root(self.suite, leaves)
        equal("content root", content_root_of(self.suite, len(leaves), tree), self.pack.content_root)

    def body(self):
        """The reader's own, else the pack's, else none."""
        inside = self.pack.shown[4] if len(self.pack.shown) > 4 else None
        return inside if self.given is None else self.given

    def piece(self, kind: int, k: int, salt: bytes, data: bytes) -> bytes:
        return piece_leaf(self.suite, kind, k, salt, data)

    def part(self):
        for piece in self.pack.shown:
            if piece[2] != self.pack.statement[2]:
                raise Refused("another number of pieces")
            disclosed(self.suite, piece, self.pack.content_root)
        if not any(piece[0] >= 2 for piece in self.pack.shown):
            self.report.whole = True
            self.report.not_checked.append("content")

    def read_signatures(self):
        self.signatures = read_signatures(self.pack.signature_bytes)
        self.native = [fields for kind, fields in self.signatures if kind == 0]

    def author(self):
        author = self.fields[6][0]
        if author is not None and author not in [fields[0] for fields in self.native]:
            raise Refused("the author did not sign")

    def signature(self):
        proofs = dict(reversed(self.pack.staff))  # Of several entries the first is taken.
        for fields in self.native:
            self.check_native(fields, proofs[fields[0]])

    def check_native(self, fields: list, proof: list):
        key_id, claimed, custody, signature = fields
        self.check_knows_seal(proof)
        entry = cbor.decode(self.proven(state.STAFF, key_id, proof))
        shapes.staff_entry(entry)
        equal("key id", self.suite.labelled("medfolder/key-id", entry[1]), key_id)
        equal("member of the key", entry[0], self.transaction.body[0])
        standing.check_staff(entry, claimed, self.position, self.block_time)
        data = self.chain.digest + self.pack.content_root + key_id + be(claimed, 8)
        self.suite.verify(entry[1], "medfolder/record-signature", data + bytes([custody]), signature)

    def carried(self):
        signed = [fields for kind, fields in self.signatures if kind == 1]
        if self.pack.kind == 1:
            return NOT_CHECKED if signed else None
        body = (self.pack.shown[0], self.fields[10])
        files = self.carried_files({(fields[0], fields[1]) for fields in signed} - {body})
        if self.body() is not None:
            files[body] = self.body()
        policy, missing = self.chain.policy, False
        for fields in signed:
            if (file := files.get((fields[0], fields[1]))) is None:
                missing = True
            else:
                self.names.append(cms.check(fields, file, policy, self.block_time))
        return NOT_CHECKED if missing else None

    def carried_files(self, named: set) -> dict:
        """The pack's files by digest and media type: those that are named and no others."""
        files = self.pack.shown[3]
        found = {(self.suite.hash(data), kind): data for kind, data in files}
        if len(found) != len(files) or set(found) != named:
            raise Refused("carried files")
        if sum(map(len, found.values())) > MOST_FILES:
            raise Refused("carried files too long")
        return found

    def status(self):
        header = self.chain.checkpoint(self.pack.status[1])
        if header.height < self.receipt.height:
            raise Refused("a status older than the receipt")
        member = self.transaction.body[0]
        entry = self.proven(state.RECORD, member + self.record, self.pack.status, absent=True)
        self.standing = standing.of_record(entry), header.time

    def check_knows_seal(self, proof: list):
        """The log of a proof's checkpoint holds the seal."""
        if self.chain.checkpoint(proof[1]).log_size <= self.position:
            raise Refused("an entry from before the seal")

    def proven(self, kind: int, identity: bytes, proof: list, absent: bool = False):
        entry = self.chain.entry(state.state_key(self.suite, kind, identity), proof)
        if entry is None and not absent:
            raise Refused("no entry")
        return entry


def verify(data: bytes, genesis: bytes | None, body: bytes | None = None) -> Report:
    """The report on a pack; a pack that cannot be read is refused."""
    return Verifier(Pack(data), genesis, body).report()
