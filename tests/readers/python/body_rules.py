"""What the form of a transaction's body must keep (docs/formats/ledger.md, “Refusals”, shape).

Each rule raises the code of its refusal; what needs the state is not looked at.
"""

import genesis_rules
from genesis_rules import is_p256, is_tls, is_url
from suites import Refused, Suite

MOST_BITMAP = 8_192


def must(holds: bool, code: str):
    if not holds:
        raise Refused(code)


def check(suite: Suite, kind: int, body: list):
    """Raises the first rule's code that the body breaks."""
    rule = RULES.get(kind)
    if rule:
        rule(suite, body)


def signatures(kind: int, body: list) -> int:
    """How many signatures a transaction has."""
    if kind == 1:
        return 2 if body[1] in (1, 2, 4) else 1
    if kind == 11:
        return body[2]
    return 2 if kind in (6, 8, 16, 17) else 1


def keys(*places: int):
    """A signing key, and an encryption key where there are two places."""

    def rule(suite, body):
        kinds = (suite.check_verifying, suite.check_encryption)
        for check_key, place in zip(kinds, places):
            genesis_rules.key(check_key, body[place], "key.invalid")

    return rule


def member_key(suite, body):
    _, role, key = body
    must(role != 5, "alliance.consensus_key")
    if role in (6, 7):
        must((is_tls if role == 6 else is_p256)(key), "key.invalid")
    else:
        check_key = suite.check_encryption if role == 3 else suite.check_verifying
        genesis_rules.key(check_key, key, "key.invalid")


def area(suite, body):
    must(1 <= len(body[2]) <= 8 and all(map(is_url, body[2])), "area.endpoints")


def enrol(suite, body):
    keys(1, 2)(suite, body)
    must(body[4] < body[5], "staff.validity")


def freeze(suite, body):
    must(len(body) < 4 or body[3] != body[0], "card.successor")


def rotate(suite, body):
    keys(3, 4)(suite, body)
    successor = suite.labelled("medfolder/card-number", body[3] + body[4])
    must(successor != body[0], "card.successor")


def seal(suite, body):
    records = [sealed[0] for sealed in body[8]]
    must(1 <= len(records) <= 512, "seal.count")
    must(len(set(records)) == len(records), "seal.duplicate")
    given = body[9] if len(body) > 9 else None
    places = [(visit, seq) for visit, seq, _ in given or []]
    must(given != [] and places == sorted(set(places)), "seal.lists")
    lists = {(visit, seq): listed for visit, seq, listed in given or []}
    named = set()
    for k, (_, *place) in enumerate(body[8]):
        if place:
            named |= replaced(body, records, lists, k, place[0])
    must(named == set(lists), "seal.lists")


def replaced(body: list, records: list, lists: dict, k: int, place: list) -> set:
    """The earlier seal that a place names, if it is not in the same seal."""
    visit, seq, at = place
    own = (visit, seq) == (body[2], body[3])
    listed = records[:k] if own else lists.get((visit, seq), [])
    must(at < len(listed), "seal.replaced_place")
    return set() if own else {(visit, seq)}


def withdraw(suite, body):
    must(body[2] < len(body[1][2]), "record.place")


def report(suite, body):
    places = [k for k, _ in body[3]]
    inside = all(k < len(body[2][2]) for k in places)
    must(places and places == sorted(set(places)) and inside, "record.place")


def grant(suite, body):
    keys(0)(suite, body)
    uses = body[8] if len(body) > 8 else None
    must(body[4] < body[5] and uses != 0 and body[3][1] > 0, "grant.shape")


def access(suite, body):
    formed = all(len(one[3]) <= MOST_BITMAP and one[3][-1:] != b"\0" for one in body[1])
    must(1 <= len(body[1]) <= 256 and formed, "access.shape")


def anchor(suite, body):
    printable = all("!" <= c <= "~" for c in body[3])
    must(1 <= len(body[3]) <= 64 and printable, "anchor.kind")


RULES = {
    1: member_key, 2: area, 3: enrol, 4: keys(2, 3), 6: keys(0, 1), 8: keys(1, 2), 9: freeze,
    11: rotate, 13: seal, 14: withdraw, 15: report, 16: grant, 20: access, 21: anchor,
}
