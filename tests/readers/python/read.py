"""An independent reader of Medfolder's formats, written from docs/formats alone.

It opens the pinned record of each suite from the patient's root to the doctor's signature, and
shares no code with the Rust side. Usage: python read.py [DIRECTORY OF VECTORS]
"""

import json
import pathlib
import sys

import cbor
from record import Envelope, Record, check_disclosure, folder_card, open_slot
from suites import SUITES, Refused, equal

HERE = pathlib.Path(__file__).resolve().parent


def base58check(text: str, version: int) -> bytes:
    """The digest in a card or folder number."""
    import hashlib

    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in text:
        number = number * 58 + alphabet.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    body, checksum = data[:-4], data[-4:]
    equal("checksum", hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4], checksum)
    if len(body) != 33 or body[0] != version:
        raise Refused("another kind of number")
    return body[1:]


def read_record(vector: dict):
    suite = SUITES[vector["suite"]]
    hexed = lambda name: bytes.fromhex(vector[name])
    place = {name: hexed(name) for name in ("genesis", "member", "visit")}
    place |= {"card": base58check(vector["card"], 0), "seq": vector["seq"], "k": vector["k"]}

    card = folder_card(
        suite, hexed("root"), place["genesis"], place["member"], vector["card_index"]
    )
    seal_key = open_slot(suite, hexed("slot"), place, card)
    equal("seal key", seal_key, hexed("seal_key"))
    say(vector, "the card's key opens the slot")

    envelope = Envelope(suite, hexed("envelope"))
    envelope.audit(hexed("leaf"))
    envelope.check_place(place)
    say(vector, "every byte of the envelope is under the leaf")

    record = Record(envelope, seal_key)
    equal("body", record.body, vector["body"].encode())
    equal("content root", envelope.content_root, hexed("content_root"))
    say(vector, "the content is the one under the content root")

    keys = {hexed("doctor_key_id"): hexed("doctor_public")}
    if record.check_native(keys) != 1:
        raise Refused("no native signature")
    say(vector, "the doctor's signature holds")

    read_attachments(vector, record)
    entry = check_disclosure(suite, hexed("disclosed_entry_1"), envelope.content_root)
    if json.loads(entry)["resource"]["resourceType"] != "AllergyIntolerance":
        raise Refused("another entry")
    say(vector, "a single entry is proven without the others")
    refuse_changes(vector, hexed, place, seal_key, keys)


def read_attachments(vector: dict, record: Record):
    given = vector["attachments"]
    small = record.open_attachment(0, bytes.fromhex(given["small_blob"]))
    equal("small attachment", small, given["small"].encode())
    large = bytes(i % 251 for i in range(given["large_size"]))
    blob = record.seal_attachment(1, large)
    if len(blob) != record.envelope.core[8][1][1]:
        raise Refused("another length")
    equal("large attachment", record.open_attachment(1, blob), large)
    say(vector, "both attachments open, and encrypting anew gives the same blob")


def refuse_changes(vector: dict, hexed, place: dict, seal_key: bytes, keys: dict):
    """What this reader accepts it must also be able to refuse."""
    suite, data = SUITES[vector["suite"]], hexed("envelope")
    for at in range(0, len(data), 97):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            Envelope(suite, changed).audit(hexed("leaf"))
        except (Refused, cbor.Malformed, ValueError):
            continue
        raise Refused(f"a change at byte {at} was not noticed")
    record = Record(Envelope(suite, data), seal_key)
    record.signatures[0][1][1] += 1
    try:
        record.check_native(keys)
    except Refused:
        say(vector, "changed bytes and a changed signature are refused")
        return
    raise Refused("a changed signature was not noticed")


def say(vector: dict, text: str):
    print(f"{vector['suite']}: {text}")


def main() -> int:
    base = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "vectors"
    for suite in SUITES:
        path = base / "record" / f"{suite}.json"
        try:
            read_record(json.loads(path.read_text(encoding="utf-8")))
        except (Refused, cbor.Malformed, KeyError, ValueError) as error:
            print(f"{path}: {error!r}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
