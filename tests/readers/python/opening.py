"""Checks over a pinned record: from the patient's root to the doctor's signature."""

import json

from keys import card, read_number
from record import Envelope, Record, check_disclosure, open_slot
from suites import SUITES, Refused, equal, must_refuse, must_refuse_flips


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    suite = SUITES[vector["suite"]]
    hexed = lambda name: bytes.fromhex(vector[name])
    place = {name: hexed(name) for name in ("genesis", "member", "visit")}
    place |= {"card": read_number(vector["card"], 0), "seq": vector["seq"], "k": vector["k"]}

    pair = card(suite, hexed("root"), place["genesis"], place["member"], vector["card_index"])
    seal_key = open_slot(suite, hexed("slot"), place, pair.private)
    equal("seal key", seal_key, hexed("seal_key"))
    yield "the card's key opens the slot"

    envelope = Envelope(suite, hexed("envelope"))
    envelope.audit(hexed("leaf"))
    envelope.check_place(place)
    yield "every byte of the envelope is under the leaf"

    record = Record(envelope, seal_key)
    equal("body", record.body, vector["body"].encode())
    equal("content root", envelope.content_root, hexed("content_root"))
    yield "the content is the one under the content root"

    keys = {hexed("doctor_key_id"): hexed("doctor_public")}
    if record.check_native(keys) != 1:
        raise Refused("no native signature")
    yield "the doctor's signature holds"

    check_attachments(vector["attachments"], record)
    yield "both attachments open, and encrypting anew gives the same blob"

    entry = check_disclosure(suite, hexed("disclosed_entry_1"), envelope.content_root)
    if json.loads(entry)["resource"]["resourceType"] != "AllergyIntolerance":
        raise Refused("another entry")
    yield "a single entry is proven without the others"

    audit = lambda data: Envelope(suite, data).audit(hexed("leaf"))
    must_refuse_flips("envelope", hexed("envelope"), 97, audit)
    record.signatures[0][1][1] += 1
    must_refuse("a changed signature", record.check_native, keys)
    yield "changed bytes and a changed signature are refused"


def check_attachments(given: dict, record: Record):
    small = record.open_attachment(0, bytes.fromhex(given["small_blob"]))
    equal("small attachment", small, given["small"].encode())
    large = bytes(i % 251 for i in range(given["large_size"]))
    blob = record.seal_attachment(1, large)
    if len(blob) != record.envelope.core[8][1][1]:
        raise Refused("another length")
    equal("large attachment", record.open_attachment(1, blob), large)
