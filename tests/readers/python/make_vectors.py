"""Makes tests/vectors/refused, http.json and local.json from the pinned vectors and from seeds; nothing is random.

Usage: python make_vectors.py [DIRECTORY OF VECTORS], after any other vectors were made anew.
"""

import json
import pathlib
import sys

import bad_bodies
import bad_keys
import bad_packs
import bad_structures
import bad_wraps
import http_signed
import local

HERE = pathlib.Path(__file__).resolve().parent


def files(base: pathlib.Path) -> dict:
    """The text of each file by its name."""
    load = lambda name: json.loads((base / name).read_text(encoding="utf-8"))
    lists = {
        "keys": [*bad_keys.keys(), *bad_keys.signatures(), *bad_wraps.wraps()],
        "body": [*bad_bodies.bodies()],
        "record": [*bad_structures.of_records(load("record/international.json"))],
        "ledger": [*bad_structures.of_ledger(load("ledger/international.json"))],
        "share": [*bad_structures.of_shares(load("share.json"))],
        "evidence": [
            *bad_structures.of_evidence(load("evidence.json")["international"]),
            *bad_packs.packs(),
        ],
    }
    return {name: text(vectors) for name, vectors in lists.items()}


def text(vectors: list) -> str:
    lines = (json.dumps(vector, ensure_ascii=False) for vector in unique(vectors))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def unique(vectors: list):
    """Names are unique in a file: what and suite go before a name that is not."""
    names = [vector["name"] for vector in vectors]
    for vector in vectors:
        if names.count(vector["name"]) > 1:
            vector["name"] = f"{vector['what']}, {vector['suite']}: {vector['name']}"
        yield vector


def main():
    base = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "vectors"
    for name, made in {"http": http_signed.make(), "local": local.make()}.items():
        pinned = json.dumps(made, ensure_ascii=False, indent=2)
        (base / f"{name}.json").write_text(pinned + "\n", encoding="utf-8")
    (base / "refused").mkdir(exist_ok=True)
    for name, content in files(base).items():
        (base / "refused" / f"{name}.json").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
