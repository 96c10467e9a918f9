"""What a hospital's parts say to each other, and keys in files (docs/formats/local.md).

`make` gives tests/vectors/local.json, which the Rust side reads and writes; nothing is random.
"""

import hashlib
import json
import unicodedata

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

import cbor
import merkle
import record
from body import cut
from grant import Grant
from keys import Pair
from signing import sign
from suites import SUITES, Refused, Suite, be, equal, must_refuse, must_refuse_flips

GENESIS, MEMBER, VISIT = bytes([3]) * 32, bytes([4]) * 16, bytes([0x44]) * 16
DOCTOR, SALT, CONTENT_SALT = bytes([0x30]) * 32, bytes([0x51]) * 16, bytes([0x71]) * 32
CARD, TIME, CLAIM = bytes([0x21]) * 32, 1_800_000_000_000, bytes([0x0C]) * 16
CODE = bytes.fromhex("00443214c74254b635cf")
CONSENT = [bytes([0xC]) * 32, 1, "zh", TIME]
BODY = b'{"resourceType":"Bundle","entry":[{"a":1},{"b":2}]}'
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PIN, PASSPHRASE, VAULT_KEY, NONCE = "长一点的口令１２３４", "ｃorrect horse", bytes([0x7A]) * 32, bytes([0x4E]) * 12


def make() -> dict:
    of_suite = lambda name: {
        "desk": desk(name), "consent": consent(name), "doctor_key": doctor_key(name),
        "worklist": worklist(name), "spool": spool(name),
    }
    return {name: of_suite(name) for name in SUITES} | {"vault_key": vault_key(), "key_file": VAULT_KEY.hex() + "\n"}


def password_key(secret: str, salt: bytes) -> bytes:
    """Argon2id (RFC 9106): 64 MiB, three passes, one lane."""
    kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=1, memory_cost=64 * 1024)
    return kdf.derive(unicodedata.normalize("NFKC", secret).encode())


def code_text(code: bytes) -> str:
    number = int.from_bytes(code, "big")
    return "".join(LETTERS[number >> shift & 31] for shift in range(75, -1, -5))


def read_code(text: str) -> bytes:
    """A code as people type it."""
    typed = text.upper().replace(" ", "").replace("-", "").translate(str.maketrans("OIL", "011"))
    if len(typed) != 16:
        raise Refused("another length")
    number = 0
    for letter in typed:
        number = number << 5 | LETTERS.index(letter)
    return be(number, 10)


def read_link(link: str):
    """The first bytes of the genesis digest, the member and the code."""
    scheme, genesis, member, code = link.strip().split("/")
    if scheme != "medfolder:link" or len(genesis) != 16 or len(member) != 32:
        raise Refused("no link of a desk")
    return bytes.fromhex(genesis), bytes.fromhex(member), read_code(code)


def desk(name: str) -> dict:
    suite, card = SUITES[name], Pair(SUITES[name], CARD)
    body = cbor.encode([MEMBER, card.signing, card.encryption, CONSENT])
    return {
        "genesis": GENESIS.hex(), "member": MEMBER.hex(), "code": code_text(CODE),
        "link": f"medfolder:link/{GENESIS[:8].hex()}/{MEMBER.hex()}/{code_text(CODE)}",
        "body": body.hex(), "mac": suite.hmac(CODE, b"medfolder/desk-code\0" + GENESIS + body).hex(),
    }


def consent(name: str) -> dict:
    suite = SUITES[name]
    grant = [
        Grant(suite, bytes([7]) * 32).public, MEMBER, [1, []], [bytes([0x5C]) * 32, 2],
        TIME, TIME + 3_600_000, False, CONSENT, 3,
    ]
    data = GENESIS + cbor.encode(grant)
    signing = suite.hkdf(CARD, "medfolder/signing-seed")
    return {
        "genesis": GENESIS.hex(), "card": Pair(suite, CARD).signing.hex(),
        "grant": cbor.encode(grant).hex(),
        "signature": sign(name, signing, "medfolder/card-consent", data).hex(),
    }


def doctor_key(name: str) -> dict:
    suite, doctor, who = SUITES[name], Pair(SUITES[name], DOCTOR), "李医生"
    aad = doctor_aad(name, who, doctor.signing, doctor.encryption)
    file = {
        "version": 0, "suite": name, "name": who, "signing": doctor.signing.hex(),
        "encryption": doctor.encryption.hex(), "salt": SALT.hex(),
        "sealed": suite.seal(password_key(PIN, SALT), aad, DOCTOR).hex(),
    }
    return {"pin": PIN, "seed": DOCTOR.hex(), "file": json.dumps(file, ensure_ascii=False)}


def doctor_aad(suite: str, who: str, signing: bytes, encryption: bytes) -> bytes:
    text = b"\0".join([suite.encode(), who.encode(), signing + encryption])
    return b"medfolder/doctor-key-file\0" + bytes([0]) + text


def open_doctor_key(text: str, pin: str) -> Pair:
    file = json.loads(text)
    suite, hexed = SUITES[file["suite"]], lambda name: bytes.fromhex(file[name])
    if file["version"] != 0:
        raise Refused("another version")
    aad = doctor_aad(file["suite"], file["name"], hexed("signing"), hexed("encryption"))
    pair = Pair(suite, suite.open(password_key(pin, hexed("salt")), aad, hexed("sealed")))
    equal("keys", pair.signing + pair.encryption, hexed("signing") + hexed("encryption"))
    return pair


def vault_key() -> dict:
    suite = SUITES["international"]
    wrapped = suite.seal(password_key(PASSPHRASE, SALT), vault_aad(), VAULT_KEY, NONCE)
    file = {"version": 0, "kind": "passphrase", "salt": SALT.hex(), "wrapped": (NONCE + wrapped).hex()}
    check = suite.hkdf(VAULT_KEY, "medfolder/vault-key", b"check")
    kept = {"version": 0, "kind": "key_store", "check": check.hex()}
    return {
        "passphrase": PASSPHRASE, "key": VAULT_KEY.hex(),
        "file": json.dumps(file), "key_store_file": json.dumps(kept),
    }


def vault_aad() -> bytes:
    return b"medfolder/vault-key\0" + bytes([0]) + b"passphrase"


def open_vault_key(text: str, passphrase: str) -> bytes:
    file = json.loads(text)
    wrapped = bytes.fromhex(file["wrapped"])
    key = password_key(passphrase, bytes.fromhex(file["salt"]))
    return SUITES["international"].open(key, vault_aad(), wrapped[12:], wrapped[:12])


def content_root(suite: Suite, item: list) -> bytes:
    """What the signer signs: computed from the item that it was shown."""
    _, _, statement, body, attachments, salt = item
    pieces = [(0, statement)] + [(2 if is_entry else 1, data) for is_entry, data in cut(body)]
    pieces += [(3, cbor.encode(attachment)) for attachment in attachments]
    salts = [suite.hkdf(salt, "medfolder/piece-salt", be(k, 4)) for k in range(len(pieces))]
    leaves = [record.piece_leaf(suite, kind, k, salts[k], data) for k, (kind, data) in enumerate(pieces)]
    return record.content_root_of(suite, len(leaves), merkle.root(suite, leaves))


def worklist(name: str) -> dict:
    suite, doctor = SUITES[name], Pair(SUITES[name], DOCTOR)
    key_id = suite.labelled("medfolder/key-id", doctor.signing)
    statement = cbor.encode([
        0, MEMBER, VISIT, "P-0001", ["C0002", "34108-1"], "门诊病历", [key_id, "李医生"], "",
        [TIME, None, TIME], None, "application/fhir+json", 1,
    ])
    item = [7, key_id, statement, BODY, [[bytes([0xA7]) * 32, 5, "a.txt", "text/plain"]], CONTENT_SALT]
    root = content_root(suite, item)
    data = GENESIS + root + key_id + be(TIME, 8) + bytes([0])
    signing = suite.hkdf(DOCTOR, "medfolder/signing-seed")
    signature = sign(name, signing, "medfolder/record-signature", data)
    answers = [[7, [0, [[key_id, TIME, 0, signature]]]], [8, [1, ["signer.refused"]]]]
    return {
        "genesis": GENESIS.hex(), "key": doctor.signing.hex(), "content_root": root.hex(),
        "items": cbor.encode([0, [item]]).hex(), "answers": cbor.encode([0, answers]).hex(),
        "taken": cbor.encode([0, [None, "worklist.unknown"]]).hex(),
    }


def spool(name: str) -> dict:
    """Messages as files hold them; what they carry is opaque here."""
    digest = SUITES[name].hash(b"chunks")
    blob = [bytes([0x1E]) * 32, 0, digest, 6]
    messages = {
        "delivery": [0, [[b"T_M", [b"envelope"], b"slot", [blob]]]],
        "tx": [1, [b"T_M"]],
        "confirmed": [2, [[CLAIM, [0, [digest]]]]],
        "refused": [2, [[CLAIM, [1, ["desk.code_expired"]]]]],
        "replaces": [2, [[CLAIM, [2, [1_800_000_000_000]]]]],
        "blocks": [0, [[b"block", b"block"]]],
        "claim": [1, [[CLAIM, MEMBER, b"T_R", bytes.fromhex(desk(name)["mac"])]]],
        "wanted": [3, [7]],
        "not_taken": [2, [["000000000000000a.delivery", digest, "delivery.not_stored"]]],
        "unread": [2, [["000000000000000a.delivery", None, "spool.bad"]]],
    }
    return {what: spool_file(message).hex() for what, message in messages.items()}


def spool_file(message) -> bytes:
    data = cbor.encode([0, message])
    return data + hashlib.sha256(data).digest()


def read_spool_file(data: bytes):
    equal("digest at the end", hashlib.sha256(data[:-32]).digest(), data[-32:])
    version, message = cbor.decode(data[:-32])
    if version != 0:
        raise Refused("another version")
    return message


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    if vector != make():
        raise Refused("local.json is not what make_vectors.py makes: run it and look at the change")
    for name, suite in SUITES.items():
        check_suite(suite, vector[name])
    yield "a desk's link and code, a consent and a signer's answer hold on both chains"
    for name in SUITES:
        given = vector[name]["doctor_key"]
        equal("seed's key", open_doctor_key(given["file"], given["pin"]).signing, Pair(SUITES[name], DOCTOR).signing)
        must_refuse("another name", open_doctor_key, given["file"].replace("李", "王"), given["pin"])
    given = vector["vault_key"]
    equal("vault key", open_vault_key(given["file"], given["passphrase"]), VAULT_KEY)
    must_refuse("another passphrase", open_vault_key, given["file"], "another one")
    yield "key files open with their PIN or passphrase, and with no other"


def check_suite(suite: Suite, given: dict):
    hexed = lambda part, name: bytes.fromhex(given[part][name])
    genesis, member, code = read_link(given["desk"]["link"])
    if (genesis, member) != (GENESIS[:8], MEMBER) or read_code("o1 23-4567 89ab cdef") != code:
        raise Refused("another link")
    mac = suite.hmac(code, b"medfolder/desk-code\0" + GENESIS + hexed("desk", "body"))
    equal("mac", mac, hexed("desk", "mac"))
    data, signature = GENESIS + hexed("consent", "grant"), hexed("consent", "signature")
    suite.verify(hexed("consent", "card"), "medfolder/card-consent", data, signature)
    for what in given["spool"]:
        must_refuse_flips(what, hexed("spool", what), 1, read_spool_file)
    [item] = cbor.decode(hexed("worklist", "items"))[1]
    [[_, [kind, [[key_id, time, custody, signature]]]], _] = cbor.decode(hexed("worklist", "answers"))[1]
    data = GENESIS + content_root(suite, item) + key_id + be(time, 8) + bytes([custody])
    suite.verify(hexed("worklist", "key"), "medfolder/record-signature", data, signature)
