"""A genesis and transactions that are written well and break one rule each (ledger.md, “Genesis” and
the column *shape* of “Refusals”). Signatures are not looked at: these rules come before them."""

import cbor
from curves import small_order, encoded
from vectors import accepted, changed

FAR = 2**53
BIDI = "\u202e"


def edit(fields: list, place: tuple, value) -> bytes:
    """The encoding of a copy in which one inner field is another; a function makes it of the old."""
    copy = cbor.decode(cbor.encode(fields))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    if place[-1] == len(inner):
        inner.append(None)
    inner[place[-1]] = value(inner[place[-1]]) if callable(value) else value
    return cbor.encode(copy)


def genesis(file: bytes):
    fields = cbor.decode(file)
    base = accepted("genesis to be changed", "genesis", "international", file)
    yield base
    for name, code, place, value in genesis_cases(fields):
        data = edit(fields, place, value)
        if code is None:
            yield changed(base, f"genesis: {name}", data) | {"accepted": True}
        else:
            yield changed(base, f"genesis: {name}", data, f"genesis.{code}")


def genesis_cases(fields: list):
    first, keys = (5, 0), (5, 0, 4)
    seal, host = fields[5][0][4][1], fields[5][0][4][3]
    point = b"\2" + b"\x17" * 32
    yield "suite 3", "encoding", (1,), 3
    yield "no name", "text", (2,), ""
    yield "a name of white space", "text", (2,), " \u3000"
    yield "a name of 200 bytes", None, (2,), "a" * 200
    yield "a name of 201 bytes", "text", (2,), "a" * 201
    yield "a name of two lines", "text", (2,), "a\nb"
    yield "a name that turns", "text", (*first, 1), f"a{BIDI}b"
    yield "two members of one name", "text", (*first, 1), fields[5][1][1]
    yield "http to another machine", "text", (*first, 6), ["http://node.example"]
    yield "http to localhost", None, (*first, 6), ["http://localhost:80/a"]
    yield "http to 127.1.2.3", None, (*first, 6), ["http://127.1.2.3"]
    yield "http to [::1]", None, (*first, 6), ["http://[::1]:1"]
    yield "http to 127.0.0.1.example", "text", (*first, 6), ["http://127.0.0.1.example"]
    yield "http to localhost before an @", "text", (*first, 6), ["http://localhost@a.example"]
    yield "ftp", "text", (*first, 6), ["ftp://a.example"]
    yield "an address with a space", "text", (*first, 6), ["https://a b"]
    yield "an address of 401 bytes", "text", (*first, 6), ["https://" + "a" * 393]
    yield "members the other way round", "order", (5,), lambda members: members[::-1]
    yield "a member twice", "order", (5,), lambda members: members[:1] + members
    yield "areas the other way round", "order", (6,), lambda areas: areas[::-1]
    yield "an area of nobody", "area", (6, 0, 1), bytes(16)
    yield "a key of small order", "key", (*keys, 1), encoded(small_order()[1])
    yield "a receive key of small order", "key", (*keys, 2), bytes(32)
    yield "a key of the other suite", "key", (*keys, 1), point
    yield "seal and host key alike", "same_key", (*keys, 3), seal
    yield "a key of two members", "same_key", (5, 1, 4, 1), seal
    yield "the engine's key a host key", "same_key", (8, 1, 0, 0), host
    yield "two keys of the engine", "key", (8, 1, 0), lambda engine: engine + [point]
    yield "a credential key of P-256", None, (*keys, slice(4, 7)), [None, None, point]
    yield "a credential key of Ed25519", "key", (*keys, slice(4, 7)), [None, None, b"\1" + bytes(31)]
    yield "a TLS key written in full", "key", (*keys, slice(4, 7)), [None, b"\4" + b"\x17" * 32]
    yield "half of the members", None, (7, 0), [1, 2]
    yield "none of the members", "policy", (7, 0), [0, 2]
    yield "all of the members", "policy", (7, 0), [2, 2]
    yield "a window of 0", "policy", (7, 1, 0), 0
    yield "a folder head's window of 0", None, (7, 1, 8), 0
    yield "release rules twice", "policy", (7, 6), lambda rules: rules + rules
    yield "the greatest time", None, (4,), FAR - 1
    yield "a time of 2⁵³", "encoding", (4,), FAR
    yield "a window of 2⁵³", "encoding", (7, 1, 0), FAR


def transactions(given: list):
    first = {}
    for one in given:
        first.setdefault(one["number"], bytes.fromhex(one["stored"]))
    for number, cases in CASES.items():
        name = f"transaction of type {number} to be changed"
        base = accepted(name, "transaction", "international", first[number])
        yield base
        fields = cbor.decode(first[number])
        for what, code, place, value in cases:
            data = edit(fields, place, value)
            yield changed(base, f"type {number}: {what}", data, code)


SMALL = b"\1" + bytes(31)
KEY, MALFORMED = "key.invalid", "transaction.malformed"
VISIT = bytes([0x77]) * 16
A, B = bytes([0x71]) * 32, bytes([0x72]) * 32

CASES = {
    1: [("the consensus key", "alliance.consensus_key", (3, 1), 5), ("a key of small order", KEY, (3, 2), SMALL)],
    2: [
        ("no address", "area.endpoints", (3, 2), []),
        ("nine addresses", "area.endpoints", (3, 2), ["https://a"] * 9),
        ("http elsewhere", "area.endpoints", (3, 2), ["http://a"]),
    ],
    3: [
        ("a signing key of small order", KEY, (3, 1), SMALL),
        ("an encryption key of small order", KEY, (3, 2), bytes(32)),
        ("no validity", "staff.validity", (3, 4), lambda _: 2**50),
        ("validity to 2⁵³", MALFORMED, (3, 5), FAR),
        ("valid until 2⁵³", MALFORMED, (2,), FAR),
        ("two signatures", "signature.count", (4,), lambda given: given * 2),
        ("no signature", "signature.count", (4,), []),
    ],
    4: [("a key of small order", KEY, (3, 2), SMALL)],
    6: [("a key of small order", KEY, (3, 0), SMALL)],
    8: [
        ("an encryption key above p", KEY, (3, 2), b"\xff" * 31 + b"\x7f"),
        ("one signature", "signature.count", (4,), lambda given: given[:1]),
    ],
    9: [("the card's own successor", "card.successor", (3,), lambda body: body[:3] + body[:1])],
    13: [
        ("a record twice", "seal.duplicate", (3, 8), [[A], [A]]),
        ("an empty array of lists", "seal.lists", (3,), lambda body: body[:8] + [[[A]], []]),
        ("a list that nothing names", "seal.lists", (3,), lambda body: body[:8] + [[[A]], [[VISIT, 0, [B]]]]),
        (
            "lists the other way round", "seal.lists", (3,),
            lambda body: body[:8] + [[[A, [VISIT, 0, 0]], [B, [VISIT, 1, 0]]], [[VISIT, 1, [A]], [VISIT, 0, [B]]]],
        ),
        (
            "a list twice", "seal.lists", (3,),
            lambda body: body[:8] + [[[A, [VISIT, 0, 0]]], [[VISIT, 0, [B]], [VISIT, 0, [B]]]],
        ),
        ("a place without a list", "seal.replaced_place", (3,), lambda body: body[:8] + [[[A, [VISIT, 0, 0]]]]),
        (
            "a place beyond its list", "seal.replaced_place", (3,),
            lambda body: body[:8] + [[[A, [VISIT, 0, 1]]], [[VISIT, 0, [B]]]],
        ),
        (
            "a record that replaces itself", "seal.replaced_place", (3,),
            lambda body: body[:8] + [[[A, [body[2], body[3], 0]]]],
        ),
        ("seq of 2³²", MALFORMED, (3, 3), 2**32),
        ("a release rule of 65,536", MALFORMED, (3, 5), 65_536),
    ],
    14: [("a place beyond the list", "record.place", (3, 2), 600)],
    15: [
        ("no finding", "record.place", (3, 3), []),
        ("a finding twice", "record.place", (3, 3), lambda given: given[:1] * 2),
        ("a finding beyond the list", "record.place", (3, 3), [[600, 1]]),
    ],
    16: [
        ("no time", "grant.shape", (3, 5), lambda _: 1),
        ("no record", "grant.shape", (3, 3, 1), 0),
        ("65,536 records", MALFORMED, (3, 3, 1), 65_536),
        ("no opening", "grant.shape", (3,), lambda body: body[:8] + [0]),
        ("2³² openings", MALFORMED, (3,), lambda body: body[:8] + [2**32]),
        ("a key of small order", KEY, (3, 0), SMALL),
    ],
    20: [
        ("no access", "access.shape", (3, 1), []),
        ("257 accesses", "access.shape", (3, 1), lambda given: given[:1] * 257),
        ("a bitmap with a zero byte behind", "access.shape", (3, 1, 0, 3), b"\5\0"),
        ("a bitmap of 8,193 bytes", "access.shape", (3, 1, 0, 3), b"\1" * 8_193),
        ("a time of 2⁵³", MALFORMED, (3, 1, 0, 1), FAR),
    ],
    21: [
        ("no kind", "anchor.kind", (3, 3), ""),
        ("a kind of 65 characters", "anchor.kind", (3, 3), "a" * 65),
        ("a kind with a space", "anchor.kind", (3, 3), "a b"),
    ],
}
