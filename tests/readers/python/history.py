"""What a log's transactions leave in the state: its keys, and the cards' and folders' lists.

Follows docs/formats/ledger.md, “State” and “Running digests”, for a log without refusals.
"""

import cbor
import state
from chain import SUBJECTS, Genesis, transaction_step
from suites import Refused, be, equal


class History:
    """Reads accepted transactions in the order of the log."""

    def __init__(self, genesis: Genesis):
        self.genesis, self.suite = genesis, genesis.suite
        self.keys = set(genesis.entries())
        self.seals = {}  # state key of a seal → its entry: card, position, block time, digest of its records
        self.lists = {}  # state key of a card or folder → (place in the entry, running)

    def read(self, stored: bytes, position: int, time: int):
        transaction = self.genesis.transaction(stored)
        kind, body, leaf = transaction.type, transaction.body, transaction.leaf
        self.place = [position, time]
        self.keys |= {self.key(*entry) for entry in self.entries(kind, body)}
        for subject, number in self.subjects(kind, body):
            self.step(subject, number, transaction_step(self.suite, leaf, position, time))

    def key(self, kind: int, identity: bytes) -> bytes:
        return state.state_key(self.suite, kind, identity)

    def number(self, label: str, pair: list) -> bytes:
        return self.suite.labelled(label, b"".join(pair))

    def entries(self, kind: int, body: list):
        """Kind and id of every entry that a transaction writes for the first time."""
        if kind == 2:
            yield state.AREA, body[0]
        if kind in (3, 4):
            signing = body[1] if kind == 3 else body[2]
            yield state.STAFF, self.suite.labelled("medfolder/key-id", signing)
        if kind == 6:
            yield state.FOLDER, self.number("medfolder/folder-number", body[:2])
        if kind in (8, 11):
            yield state.CARD, self.new_card(kind, body)
        if kind == 13:
            yield state.SEAL, self.seal(body)
            yield from self.replaced(body)
        if kind == 14:
            member, (_, _, records), k, _ = body
            yield state.RECORD, member + records[k]
        if kind == 16:
            yield state.GRANT, self.suite.labelled("medfolder/grant-id", body[0])
        if kind == 20:
            yield from ((state.RECEIPT, body[0] + access[4]) for access in body[1])
        if kind == 21:
            yield state.ANCHOR, body[0] + bytes([body[1]]) + body[2]

    def new_card(self, kind: int, body: list) -> bytes:
        pair = body[1:3] if kind == 8 else body[3:5]
        return self.number("medfolder/card-number", pair)

    def seal(self, body: list) -> bytes:
        member, card, visit, seq = body[:4]
        identity = member + visit + be(seq, 4)
        records = cbor.encode([sealed[0] for sealed in body[8]])
        digest = self.suite.labelled("medfolder/seal-leaves", records)
        self.seals[self.key(state.SEAL, identity)] = [card, *self.place, digest]
        return identity

    def replaced(self, body: list):
        """The records that a seal's places name, in the lists that stand with them or its own."""
        lists = {(visit, seq): records for visit, seq, records in (body[9:] or [[]])[0]}
        lists[body[2], body[3]] = [sealed[0] for sealed in body[8]]
        for _, *places in body[8]:
            for visit, seq, k in places:
                yield state.RECORD, body[0] + lists[visit, seq][k]

    def subjects(self, kind: int, body: list):
        """The cards and folders whose list a transaction is a step of."""
        if kind in (6, 7):
            label = "medfolder/folder-number"
            yield 3, body[0] if kind == 7 else self.number(label, body[:2])
        if kind == 8:
            yield 1, self.new_card(kind, body)
        if kind in (9, 10, 11, 12):
            yield 1, body[0]
        if kind == 11:
            yield 1, self.new_card(kind, body)
        if kind == 13:
            yield 1, body[1]
        if kind in (14, 15):
            visit, seq, records = body[1] if kind == 14 else body[2]
            card, _, _, digest = self.seals[self.key(state.SEAL, body[0] + visit + be(seq, 4))]
            found = self.suite.labelled("medfolder/seal-leaves", cbor.encode(records))
            equal("records of a seal", found, digest)
            yield 1, card

    def step(self, subject: int, number: bytes, step: bytes):
        kind, place = SUBJECTS[subject]
        begin = [0, self.suite.labelled("medfolder/running-digest", number)]
        key = self.key(kind, number)
        _, (count, digest) = self.lists.get(key, (place, begin))
        self.lists[key] = place, [count + 1, self.suite.hash(digest + step)]

    def check(self, entries: dict):
        """The keys and the lists are those of a state."""
        if set(entries) != self.keys:
            raise Refused("other keys of the state")
        for key, (place, running) in self.lists.items():
            if cbor.decode(entries[key])[place] != running:
                raise Refused("another list of a card or folder")
        for key, seal in self.seals.items():
            if cbor.decode(entries[key]) != seal:
                raise Refused("another seal")
