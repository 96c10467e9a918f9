"""What is signed over HTTP (docs/formats/http.md): answers to a log-in, and a grant's requests.

`make` gives tests/vectors/http.json, which the Rust side verifies; nothing is random.
"""

import cbor
from grant import Grant
from keys import CARD, FOLDER, write_number
from signing import public, sign
from suites import SUITES, Refused, equal, must_refuse

GENESIS, MEMBER, CHALLENGE = bytes([3]) * 32, bytes([4]) * 16, bytes([5]) * 32
ORIGIN, EXPIRES, TIME = "https://edge.example:8443", 1_800_000_120_000, 1_800_000_000_000
SIGNING, ENCRYPTION = (bytes([purpose]) + bytes([9]) * 31 for purpose in (0x20, 0xA0))
KINDS = ("card", "grant", "folder", "staff", "member")
GRANT_SEED = bytes([7]) * 32
METHOD, PATH, BODY = "POST", "/v1/shares/x/shorten?a=b", b'{"transaction":"AAAA"}'


def make() -> dict:
    of_suite = lambda name: {"login": [login(name, kind) for kind in range(5)], "request": request(name)}
    return {name: of_suite(name) for name in SUITES}


def subject(name: str, kind: int):
    """The id of a subject whose signing key is this page's, and the keys that a card shows."""
    suite, key = SUITES[name], public(name, SIGNING)
    encryption = suite.encryption_public(suite.private(ENCRYPTION))
    if kind == 0:
        return suite.labelled(CARD[1], key + encryption), encryption
    if kind == 2:
        return suite.labelled(FOLDER[1], key + encryption), encryption
    if kind == 4:
        return MEMBER, encryption
    return suite.labelled({1: "medfolder/grant-id", 3: "medfolder/key-id"}[kind], key), encryption


def login(name: str, kind: int) -> dict:
    identity, encryption = subject(name, kind)
    statement = [0, GENESIS, MEMBER, ORIGIN, [kind, [identity]], CHALLENGE, EXPIRES]
    data = cbor.encode(statement)
    shown = {0: lambda: write_number(identity, 0), 2: lambda: write_number(identity, 1)}
    return {
        "subject": {"kind": KINDS[kind], "id": shown.get(kind, identity.hex)()},
        "keys": {"signing": public(name, SIGNING).hex(), "encryption": encryption.hex()},
        "genesis": GENESIS.hex(), "member": MEMBER.hex(), "origin": ORIGIN,
        "challenge": CHALLENGE.hex(), "expires": EXPIRES, "statement": data.hex(),
        "signature": sign(name, SIGNING, "medfolder/login", data).hex(),
    }


def request(name: str) -> dict:
    suite = SUITES[name]
    grant = Grant(suite, GRANT_SEED)
    fields = [0, GENESIS, grant.id, METHOD, ORIGIN, PATH, suite.hash(BODY), TIME]
    secret = suite.hkdf(GRANT_SEED, "medfolder/grant-key")
    signature = sign(name, secret, "medfolder/grant-request", cbor.encode(fields))
    return {
        "seed": GRANT_SEED.hex(), "key": grant.public.hex(), "grant": grant.id.hex(),
        "genesis": GENESIS.hex(), "method": METHOD, "origin": ORIGIN, "path": PATH,
        "body": BODY.decode(), "header": f"{TIME};{signature.hex()}",
    }


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    if vector != make():
        raise Refused("http.json is not what make_vectors.py makes: run it and look at the change")
    for name, suite in SUITES.items():
        for given in vector[name]["login"]:
            key, signature = bytes.fromhex(given["keys"]["signing"]), bytes.fromhex(given["signature"])
            statement = bytes.fromhex(given["statement"])
            suite.verify(key, "medfolder/login", statement, signature)
            must_refuse("another label", suite.verify, key, "medfolder/key-id", statement, signature)
        check_request(suite, vector[name]["request"])
    yield "answers of all five kinds of subject, and a grant's request, are signed on both chains"


def check_request(suite, given: dict):
    time, signature = given["header"].split(";")
    hexed = lambda name: bytes.fromhex(given[name])
    body = suite.hash(given["body"].encode())
    told = [given[name] for name in ("method", "origin", "path")]
    fields = [0, hexed("genesis"), hexed("grant"), *told, body, int(time)]
    suite.verify(hexed("key"), "medfolder/grant-request", cbor.encode(fields), bytes.fromhex(signature))
    equal("grant", suite.labelled("medfolder/grant-id", hexed("key")), hexed("grant"))


