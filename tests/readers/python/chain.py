"""Genesis, checkpoints, receipts, entries and pages (docs/formats/ledger.md)."""

import cbor
import genesis_rules
import merkle
import shapes
import state
from suites import SUITES, Refused, Suite, be, equal
from transaction import Keys, Transaction

MOST = 4 << 20
# A subject's kind: its kind in the state, and where its entry has the running digest.
# Numbers of *Refusals*, and those which an accepted transaction may meet, too.
REFUSALS = {
    *range(1, 11), *range(20, 31), *range(40, 46), *range(50, 54), *range(60, 71), *range(80, 96),
    *range(110, 124), 130, 140, 141,
}
NO_REFUSAL = (0, 5, 7)
SUBJECTS = {1: (state.CARD, 5), 2: (state.GRANT, 7), 3: (state.FOLDER, 4)}


def transaction_step(suite: Suite, leaf: bytes, position: int, time: int) -> bytes:
    return suite.labelled("medfolder/transaction-step", leaf + be(position, 8) + be(time, 8))


class Header:
    """A block's header."""

    def __init__(self, suite: Suite, fields: list):
        shapes.header(fields)
        _, self.genesis, self.height, self.epoch, self.previous = fields[:5]
        self.transactions, self.log_size, self.log_root, self.state_root, self.time = fields[5:]
        self.digest = suite.labelled("medfolder/block-header", cbor.encode(fields))


class Genesis:
    """A consortium's genesis file."""

    def __init__(self, file: bytes):
        if len(file) > MOST:
            raise Refused("too long for a genesis")
        fields = cbor.decode(file)
        shapes.genesis(fields)
        (
            _, suite, self.name, self.nonce, self.time,
            self.members, self.areas, self.policy, self.engine,
        ) = fields
        self.suite = SUITES[{1: "international", 2: "national"}[suite]]
        self.digest = self.suite.labelled("medfolder/genesis", file)
        genesis_rules.check(self.suite, fields)

    def keys(self) -> Keys:
        return Keys(self.suite, self.members)

    def transaction(self, stored: bytes) -> Transaction:
        return Transaction(self.suite, self.digest, stored)

    def entries(self) -> dict:
        """The state before the first transaction."""
        entries = {}
        for member in self.members:
            key = state.state_key(self.suite, state.MEMBER, member[0])
            entries[key] = cbor.encode([member, []])
        for area in self.areas:
            entries[state.state_key(self.suite, state.AREA, area[0])] = cbor.encode(area[1:])
        return entries

    def first_header(self) -> Header:
        """Block 0's."""
        nothing = self.suite.labelled("medfolder/block-transactions", cbor.encode([]))
        root = state.root(self.suite, self.entries())
        log = merkle.root(self.suite, [])
        fields = [0, self.digest, 0, 0, bytes(32), nothing, 0, log, root, self.time]
        return Header(self.suite, fields)

    def checkpoint(self, value) -> Header:
        """The header that a checkpoint proves."""
        shapes.checkpoint(value)
        fields, certificate = value
        header = Header(self.suite, fields)
        equal("chain", header.genesis, self.digest)
        (engine, [keys]), (kind, signatures) = self.engine, certificate
        if engine != 1 or kind != 1 or len(signatures) != len(keys):
            raise Refused("another engine's certificate")
        national = self.suite is SUITES["national"]
        if len(keys) != (2 if national else 1):
            raise Refused("the engine's keys")
        for name, key, signature in zip(SUITES, keys, signatures):
            SUITES[name].verify(key, "medfolder/block-header", header.digest, signature)
        return header

    def receipt(self, stored: bytes, proof: bytes) -> int:
        """The position that a receipt proves for a stored transaction."""
        return self.logged(stored, cbor.decode(proof))[0]

    def logged(self, stored: bytes, receipt: list):
        """The position of a stored transaction, and the header of the receipt's checkpoint."""
        shapes.receipt(receipt)
        (index, size, path), checkpoint = receipt
        header = self.checkpoint(checkpoint)
        if size != header.log_size:
            raise Refused("another size of the log")
        leaf = merkle.leaf(self.suite, stored)
        found = merkle.root_from_path(self.suite, leaf, index, size, path)
        equal("log root", found, header.log_root)
        return index, header

    def refusal(self, stored: bytes, proof: bytes) -> int:
        """The number with which a block refused a stored transaction."""
        fields = cbor.decode(proof)
        shapes.refusal(fields)
        results, checkpoint = fields
        digest = self.suite.labelled("medfolder/block-transactions", cbor.encode(results))
        equal("transactions of the block", digest, self.checkpoint(checkpoint).transactions)
        leaf = merkle.leaf(self.suite, stored)
        numbers = [result for digest, result in results if digest == leaf]
        if not numbers:
            raise Refused("the transaction is not in the block")
        if any(number in NO_REFUSAL or number not in REFUSALS for number in numbers):
            raise Refused("the transaction was accepted, or may have been")
        return numbers[0]

    def entry(self, key: bytes, value: list):
        """The bytes of a state entry, or None where the key is proven to have none."""
        shapes.entry(value)
        proof, checkpoint = value
        return state.proven(self.suite, key, proof, self.checkpoint(checkpoint).state_root)

    def page(self, data: bytes, count: int = 0, digest: bytes | None = None):
        """Folds a page's items in; gives subject, count and digest after them, and the entry."""
        fields = cbor.decode(data)
        shapes.page(fields)
        (kind, [subject]), begin, items, entry = fields
        if begin != count:
            raise Refused("the page begins elsewhere")
        digest = digest or self.suite.labelled("medfolder/running-digest", subject)
        for item in items:
            digest = self.suite.hash(digest + self.step(item))
        kind, place = SUBJECTS[kind]
        proven = self.entry(state.state_key(self.suite, kind, subject), entry)
        whole = cbor.decode(proven)[place] == [count + len(items), digest]
        return subject, count + len(items), digest, whole

    def step(self, item) -> bytes:
        if len(item) == 3:
            stored, position, time = item
            return transaction_step(self.suite, self.transaction(stored).leaf, position, time)
        return self.suite.labelled("medfolder/access-step", cbor.encode(item))
