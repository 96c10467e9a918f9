"""Checks over the pinned values of shares (docs/formats/share.md, “Vectors” names what they are made of)."""

import cbor
import link
from grant import Grant, Host, Receipt, items, read_state, receipt
from link import Link
from package import Package
from suites import SUITES, Refused, be, equal, must_refuse, must_refuse_flips

KEY, SHARE, PEPPER, SEED, SALT = (bytes([n]) * 32 for n in (1, 2, 3, 4, 9))
GRANT, SESSION, RECORDS = bytes([7]) * 32, bytes([8]) * 32, [bytes([n]) * 32 for n in (5, 6)]
CREATED, END = 1_767_225_000_000, 1_767_225_600_000


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    yield from check_link(vector["link"])
    yield from check_host(vector["host"], status_digest(vector))
    for name, suite in SUITES.items():
        check_grant(suite, vector["grant"][name])
    yield "a seed leads to the grant's key and scope on both chains, and a receipt to its digest"
    if items(bytes.fromhex(vector["items"])) != [0, 9, 17]:
        raise Refused("other items")
    must_refuse("a zero byte more", items, bytes.fromhex(vector["items"]) + b"\0")
    yield "a bitmap names its items and ends with none of them missing"
    yield from check_package([file.encode() for file in vector["package"]])


def status_digest(vector: dict) -> bytes:
    return bytes.fromhex(vector["link"]["statusDigest"])


def check_link(given: dict):
    opened = Link(given["uri"])
    equal("key", opened.key, KEY)
    equal("share", opened.share, SHARE)
    if (opened.url.rpartition("/s/")[0], opened.flags) != ("https://edge.example", {"L", "P"}):
        raise Refused("another link")
    again = link.write(opened.url, opened.key, "LP", opened.label)
    equal("link", again.encode(), given["uri"].encode())
    equal("link", Link("https://viewer.example/#" + given["uri"]).key, KEY)
    yield "the link opens, and is written anew in the same letters"

    for what, change in REFUSED_LINKS.items():
        must_refuse(what, Link, change(opened))
    Link(link.write(opened.url.replace("https://edge.example", "http://127.0.0.1:80"), KEY, "", None))
    yield f"{len(REFUSED_LINKS)} links that the page forbids are refused"

    secret = opened.status_secret()
    request = '{"secret":"' + link.encode64(secret) + '"}'
    equal("status request", request.encode(), given["statusRequest"].encode())
    equal("status digest", link.status_digest(secret), bytes.fromhex(given["statusDigest"]))
    yield "the link's key leads to the secret that asks for the status"


REFUSED_LINKS = {
    "P with U": lambda l: link.write(l.url, KEY, "PU", None),
    "http": lambda l: link.write(l.url.replace("https", "http"), KEY, "", None),
    "http to a host that begins as loopback": lambda l: link.write(
        l.url.replace("https://edge.example", "http://127.0.0.1.evil.example"), KEY, "", None
    ),
    "a short key": lambda l: link.write(l.url, KEY[1:], "", None),
    "a long address": lambda l: link.write(l.url + "x" * 80, KEY, "", None),
    "a link cut short": lambda l: link.write(l.url, KEY, "", None)[:-9],
    "a list": lambda l: "shlink:/" + link.encode64(b"[]"),
    "version 2": lambda l: "shlink:/" + link.encode64(b'{"v":2,"url":"https://a/s/b","key":""}'),
}


def check_host(given: dict, status: bytes):
    host = Host(PEPPER, SHARE)
    equal("location", host.token(1, 2, END).encode(), given["token"].encode())
    if host.read_token(given["token"], END - 1) != (1, 2):
        raise Refused("another location")
    must_refuse("an expired location", host.read_token, given["token"], END)
    must_refuse("another share's", Host(PEPPER, KEY).read_token, given["token"], END - 1)
    read = lambda data: host.read_token(link.encode64(data), END - 1)
    must_refuse_flips("location", link.decode64(given["token"]), 1, read)
    yield "a location is its share's, ends in time, and no byte of it can change"

    equal("session", host.opening(0, "one"), bytes.fromhex(given["session"]))
    equal("visitor", host.opening(1, "Dr. Li", "192.0.2.1"), bytes.fromhex(given["visitor"]))
    yield "sessions and visitors are kept as the page says"

    data = bytes.fromhex(given["state"])
    code = [host.passcode(0, "2468"), 0, 5]
    fields = [0, END, None, 3, 0, None, code, 1, 2, status, CREATED, False, []]
    if read_state(data) != fields or cbor.encode(fields) != data:
        raise Refused("another state")
    check_openings(bytes.fromhex(given["opened"]), host, fields)
    equal("passcode", host.passcode(0, " ２４ ６８"), code[0])
    for typed in given["typed"]:
        [mac, generation, tries] = cbor.decode(bytes.fromhex(typed["code"]))
        equal("typed passcode", host.passcode(0, typed["typed"]), mac)
    equal("NFKC", host.passcode(0, "ﬁve⑥"), host.passcode(0, "five6"))
    must_refuse("another version", read_state, bytes([data[0], 1]) + data[2:])
    must_refuse("a byte more", read_state, data + b"\0")
    yield "a new share's state is what its terms say, with the passcode's code"


def check_openings(data: bytes, host: Host, fields: list):
    """Two openings by now: a session whose items were reported, and a visitor."""
    later = CREATED + 603_000
    openings = [
        [1, host.opening(0, "one"), 43_200_000, CREATED + 1_000, CREATED + 2_000, b"\x01", b"\x01"],
        [2, host.opening(1, "Dr. Li", "192.0.2.1"), 600_000, later, later, b""],
    ]
    if read_state(data) != [0, CREATED + 4_200_000, None, 3, 2, *fields[5:12], openings]:
        raise Refused("another state with openings")


def check_grant(suite, given: dict):
    grant = Grant(suite, SEED)
    equal("grant key", grant.public, bytes.fromhex(given["publicKey"]))
    equal("scope", grant.scope(RECORDS), bytes.fromhex(given["scope"]))
    told = (GRANT, END, SESSION, SALT, "Dr. Li", "x")
    equal("receipt", receipt(suite, *told), bytes.fromhex(given["receipt"]))
    check_promise(suite, given["promise"], bytes.fromhex(given["receipt"]))
    must_differ = [RECORDS[::-1], RECORDS[:1], RECORDS + [be(0, 32)]]
    if any(grant.scope(other) == bytes.fromhex(given["scope"]) for other in must_differ):
        raise Refused("two scopes with one digest")


def check_promise(suite, given: dict, digest: bytes):
    """The member `_receipt` of a manifest."""
    promised = Receipt(suite, given)
    equal("record", promised.digest, digest)
    equal("grant", promised.grant, GRANT)
    host = suite.signing_public(bytes([12]) * 32)
    promised.check(host, "x", END)
    must_refuse("another reader's value", promised.check, host, "y", END)
    must_refuse("another key", promised.check, suite.signing_public(bytes([13]) * 32), "x", END)
    must_refuse("a clock that runs ahead", promised.check, host, "x", END - 600_001)
    must_refuse("another chain", Receipt(suite, given | {"genesis": "00" * 32}).check, host, "x", END)
    must_refuse("another digest", Receipt, suite, given | {"digest": "00" * 32})
    record = link.decode64(given["record"])
    later = link.encode64(record[:1] + b"\1" + record[2:])
    must_refuse("another version", Receipt, suite, given | {"record": later})


def check_package(files: list):
    package = Package(files)
    equal("grant", package.grant, GRANT)
    packs = [b"evidence", b"of a binary", b"of an imitation"]
    if package.records != files[:3] or package.packs != packs:
        raise Refused("records and evidence")
    if [kept for kept in package.attachments.values()] != [("image/png", b"abc")]:
        raise Refused("attachments")
    if [told["name"] for told in package.withheld] != ["b.png"]:
        raise Refused("what was withheld")
    must_refuse("evidence of another record", Package, [files[0], *files[2:]])
    must_refuse("a changed attachment", Package, [*files[:3], files[3].replace(b"YWJj", b"YWJk")])
    Package(files[::-1])
    yield "a package's files are paired by digest, in whatever order they come"


def file_checks(vector: dict):
    """The encrypted file of the evidence vectors."""
    key, jwe = Link(vector["link"]).key, vector["jwe"]
    kind, plain = link.open_file(key, jwe)
    equal("file", plain, vector["body"].encode())
    if kind != "application/fhir+json":
        raise Refused("another media type")
    yield "the link's key opens the encrypted file"
    must_refuse("another key", link.open_file, SHARE, jwe)
    for at in range(0, len(jwe), 11):
        if jwe[at] != ".":
            other = jwe[:at] + ("A" if jwe[at] != "A" else "B") + jwe[at + 1 :]
            must_refuse(f"letter {at}", link.open_file, key, other)
    forged = link.encode64(b'{"alg":"dir","enc":"A256GCM","crit":[]}') + jwe[jwe.index(".") :]
    must_refuse("crit", link.open_file, key, forged)
    yield "another key, changed letters and another header are refused"
