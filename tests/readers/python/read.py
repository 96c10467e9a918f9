"""An independent reader of Medfolder's formats, written from docs/formats alone.

It checks the pinned keys, and of each suite the pinned record from the patient's root to the doctor's
signature, the pinned ledger and evidence, and what is pinned of shares. It shares no code with the Rust side.
Usage: python read.py [DIRECTORY OF VECTORS]
"""

import json
import pathlib
import sys
import traceback

import keys
import ledger
import opening
import packs
import shares
from suites import SUITES

HERE = pathlib.Path(__file__).resolve().parent


def vectors(base: pathlib.Path):
    """Every vector with where it stands and what checks it."""
    load = lambda path: json.loads(path.read_text(encoding="utf-8"))
    for vector in load(base / "keys.json"):
        yield "keys", vector, keys.checks
    evidence = load(base / "evidence.json")
    yield "share", load(base / "share.json"), shares.checks
    yield "file", evidence, shares.file_checks
    for suite in SUITES:
        yield "record", load(base / "record" / f"{suite}.json"), opening.checks
        yield "ledger", load(base / "ledger" / f"{suite}.json"), ledger.checks
        pack = {"suite": suite, "body": evidence["body"], **evidence[suite]}
        yield "evidence", pack, packs.checks


def main() -> int:
    base = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "vectors"
    failures = 0
    for name, vector, checks in vectors(base):
        place = f"{name}, {vector.get('suite', 'both suites')}"
        try:
            for line in checks(vector):
                print(f"{place}: {line}")
        except Exception:  # Whatever it is, the vector does not hold.
            failures += 1
            print(f"{place}: FAILED\n{traceback.format_exc()}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
