"""An independent reader of Medfolder's formats, written from docs/formats alone.

It checks the pinned keys, and of each suite the pinned record from the patient's root to the doctor's
signature, the pinned ledger and evidence, and what is pinned of shares. It
refuses what tests/vectors/refused lists, and shares no code with the Rust side.
Usage: python read.py [DIRECTORY OF VECTORS]
"""

import json
import pathlib
import sys
import traceback

import http_signed
import keys
import ledger
import local
import make_vectors
import opening
import packs
import refused
import shares
from suites import SUITES

HERE = pathlib.Path(__file__).resolve().parent


def vectors(base: pathlib.Path):
    """Every vector with its name and what checks it."""
    load = lambda name: json.loads((base / name).read_text(encoding="utf-8"))
    for vector in load("keys.json"):
        yield f"keys, {vector['suite']}", keys.checks, vector
    evidence = load("evidence.json")
    yield "share", shares.checks, load("share.json")
    yield "http", http_signed.checks, load("http.json")
    yield "local", local.checks, load("local.json")
    yield "file", shares.file_checks, evidence
    for suite in SUITES:
        pack = {"body": evidence["body"], **evidence[suite]}
        yield f"record, {suite}", opening.checks, load(f"record/{suite}.json")
        yield f"ledger, {suite}", ledger.checks, load(f"ledger/{suite}.json")
        yield f"evidence, {suite}", packs.checks, pack
    for name, text in make_vectors.files(base).items():
        yield f"refused, {name}", refused.checks, (base / "refused" / f"{name}.json", text)


def main() -> int:
    base = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "vectors"
    held = failures = 0
    for place, checks, vector in vectors(base):
        try:
            for line in checks(vector):
                print(f"{place}: {line}")
                held += 1
        except Exception:  # Whatever it is, the vector does not hold.
            failures += 1
            print(f"{place}: FAILED\n{traceback.format_exc()}", file=sys.stderr)
    print(f"{held} checks hold, {failures} fail")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
