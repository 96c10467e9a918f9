"""Whether this reader refuses what tests/vectors/refused says must be refused, and takes the rest."""

import json

import body
import cbor
import evidence
import grant
import record
import shape
import shapes
import statement
from chain import Genesis, Header
from suites import SUITES, Refused
from transaction import Transaction
from vectors import read

LABEL = "medfolder/record-signature"


def checks(given: tuple):
    """One line of text, or an exception that names what went wrong."""
    file, made = given
    pinned = file.read_text(encoding="utf-8")
    if pinned != made:
        raise Refused(f"{file.name} is not what make_vectors.py makes: run it and look at the change")
    vectors = json.loads(pinned)
    bases = {vector["name"]: vector for vector in vectors}
    if len(bases) != len(vectors):
        raise Refused("two vectors of one name")
    taken = 0
    for vector in vectors:
        accepted = vector.get("accepted", False)
        if "genesis" in vector:
            vector["file"] = read(bases[vector["genesis"]])
        why = refusal(vector, read(vector, bases))
        if accepted != (why is None):
            raise Refused(f"{vector['name']} ({vector['what']}, {vector['suite']})") from why
        taken += accepted
    yield f"{len(vectors) - taken} refused, {taken} accepted for comparison"


def refusal(vector: dict, data: bytes):
    """Why this reader refuses it; None when it does not."""
    try:
        READERS[vector["what"]](SUITES[vector["suite"]], vector, data)
    except (*evidence.REFUSALS, RecursionError) as why:
        return why


def shaped(name: str):
    shape = getattr(shapes, name)
    return lambda suite, vector, data: shape(cbor.decode(data))


def signature(suite, vector: dict, data: bytes):
    suite.verify(bytes.fromhex(vector["key"]), LABEL, bytes.fromhex(vector["message"]), data)


def wrapped(suite, vector: dict, data: bytes):
    suite.unwrap(suite.private(bytes.fromhex(vector["seed"])), bytes.fromhex(vector["context"]), data)


def disclosure(suite, vector: dict, data: bytes):
    shapes.disclosure(cbor.decode(data))


def checkpoint(suite, vector: dict, data: bytes):
    fields = cbor.decode(data)
    shapes.checkpoint(fields)
    Header(suite, fields[0])


def slot(suite, vector: dict, data: bytes):
    if len(data) > record.MOST_SLOT:
        raise Refused("too long for a slot")
    shapes.slot(cbor.decode(data))


def files(suite, vector: dict, data: bytes):
    """Carried files, and the signatures beside which they lie."""
    fields = cbor.decode(data)
    shape.array(shape.many(shape.array(shape.text, shape.blob)), shape.blob)(fields)
    record.check_files(suite, fields[0], record.read_signatures(fields[1]))


def pack(suite, vector: dict, data: bytes):
    """Reading alone; verified, too, where the vector names a genesis."""
    read_pack = evidence.Pack(data)
    if "file" in vector:
        report = evidence.Verifier(read_pack, vector["file"]).report()
        if report.failed != vector.get("fails"):
            raise AssertionError(f"{report.failed} instead of {vector.get('fails')}") from report.why
        if report.failed:
            raise report.why


READERS = {
    "verifying-key": lambda suite, vector, data: suite.check_verifying(data),
    "encryption-key": lambda suite, vector, data: suite.check_encryption(data),
    "signature": signature,
    "wrapped": wrapped,
    "body": lambda suite, vector, data: body.cut(data),
    "statement": lambda suite, vector, data: statement.read(data),
    "attachment": lambda suite, vector, data: statement.read_attachment(data),
    "disclosure": disclosure,
    "signatures": lambda suite, vector, data: record.read_signatures(data),
    "files": files,
    "core": lambda suite, vector, data: record.read_core(data),
    "envelope": lambda suite, vector, data: record.Envelope(suite, data),
    "slot": slot,
    "genesis": lambda suite, vector, data: Genesis(data),
    "transaction": lambda suite, vector, data: Transaction(suite, bytes(32), data).check_form(),
    "checkpoint": checkpoint,
    "block": shaped("block"),
    "receipt": shaped("receipt"),
    "refusal": shaped("refusal"),
    "entry": shaped("entry"),
    "consistency": shaped("consistency"),
    "page": shaped("page"),
    "evidence": pack,
    "share-state": lambda suite, vector, data: grant.read_state(data),
}
