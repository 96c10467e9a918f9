"""Transactions (docs/formats/ledger.md, “Transaction”)."""

import body_rules
import cbor
import merkle
import shapes
from suites import Refused, Suite

ALLIANCE, SEAL, HOST = 1, 2, 4
MOST = 64 << 10
LABELS = dict(
    enumerate(
        """member-key storage-area staff-enrol staff-rotate staff-revoke folder-register folder-head
        card-register card-freeze card-lift card-rotate card-close seal withdraw zone-report grant
        extend shorten revoke access anchor""".split(),
        start=1,
    )
)


class Transaction:
    """A transaction as it is stored."""

    def __init__(self, suite: Suite, genesis: bytes, stored: bytes):
        if len(stored) > MOST:
            raise Refused("too long for a transaction")
        fields = cbor.decode(stored)
        shapes.transaction(fields)
        _, self.type, self.valid_until, self.body, self.signatures = fields
        shapes.bodies[self.type](self.body)
        self.suite, self.genesis = suite, genesis
        self.label = "medfolder/tx/" + LABELS[self.type]
        self.signed = genesis + stored[1 : cbor.skip(stored, 1, 4)]
        self.id = suite.labelled(self.label, self.signed)
        self.leaf = merkle.leaf(suite, stored)

    def check_form(self):
        """The rules of the body that need no state, and how many signatures its type wants."""
        body_rules.check(self.suite, self.type, self.body)
        if len(self.signatures) != body_rules.signatures(self.type, self.body):
            raise Refused("signature.count")

    def check(self, keys: "Keys"):
        self.check_form()
        signers = keys.signers(self.type, self.body)
        if len(signers) != len(self.signatures):
            raise Refused("another number of signatures")
        for key, signature in zip(signers, self.signatures):
            self.suite.verify(key, self.label, self.signed, signature)
        if self.type in (3, 4):
            self.check_possession()

    def check_possession(self):
        """The staff key says itself that the member may enrol it."""
        first = 1 if self.type == 3 else 2
        signing, encryption = self.body[first : first + 2]
        data = self.genesis + self.body[0] + signing + encryption
        self.suite.verify(signing, "medfolder/staff-possession", data, self.body[-1])


class Keys:
    """The keys that sign, as the chain knows them after the transactions learnt so far."""

    def __init__(self, suite: Suite, members: list):
        self.suite = suite
        self.members = {entry[0]: list(entry[4]) for entry in members}
        self.cards, self.folders, self.grants = {}, {}, {}

    def number(self, label: str, signing: bytes, encryption: bytes) -> bytes:
        return self.suite.labelled(label, signing + encryption)

    def learn(self, kind: int, body: list):
        """Takes up the keys that an accepted transaction brings."""
        if kind == 1:
            member, role, key = body
            self.members[member][role - 1] = key
        elif kind == 6:
            self.folders[self.number("medfolder/folder-number", *body[:2])] = body[0]
        elif kind == 8:
            self.cards[self.number("medfolder/card-number", *body[1:3])] = body[1]
        elif kind == 11:
            self.cards[self.number("medfolder/card-number", *body[3:5])] = body[3]
        elif kind == 16:
            self.grants[self.suite.labelled("medfolder/grant-id", body[0])] = body[0]

    def signers(self, kind: int, body: list) -> list:
        """The keys that have to sign, in the order of the signatures."""
        member = lambda place, role: self.members[body[place]][role - 1]
        if kind == 1:
            own = [body[2]] if body[1] in (ALLIANCE, SEAL, HOST) else []
            return [member(0, ALLIANCE)] + own
        if kind == 2:
            return [member(1, HOST)]
        if kind in (3, 4, 5, 13, 14):
            return [member(0, SEAL)]
        if kind == 6:
            return [body[0], member(2, HOST)]
        if kind == 7:
            return [self.folders[body[0]]]
        if kind == 8:
            return [body[1], member(0, SEAL)]
        if kind == 10:
            return [member(1, SEAL)]
        if kind in (9, 12):
            return [self.cards[body[0]] if by_key(body[2]) else member(1, SEAL)]
        if kind == 11:
            return [body[3]] if by_key(body[2]) else [body[3], member(1, SEAL)]
        if kind == 15:
            reporter, named = body[1]
            return [member(0, HOST) if reporter == 1 else self.cards[named[0]]]
        if kind == 16:
            return [body[0], member(1, HOST)]
        if kind == 17:
            return [self.grants[body[0]], member(1, HOST)]
        if kind in (18, 19):
            return [self.grants[body[0]]]
        if kind == 20:
            return [member(0, HOST)]
        return [member(0, {1: SEAL, 2: HOST}[body[1]])]


def by_key(by: int) -> bool:
    return {1: True, 2: False}[by]
