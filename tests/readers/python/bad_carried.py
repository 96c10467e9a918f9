"""Packs with the signatures of tests/vectors/record/carried/forged.json: some hold, others do not."""

from forge import CARRIED, FORGED, Plan

PDF = ["application/pdf", (CARRIED / "file.pdf").read_bytes()]
ROOTS = [bytes.fromhex(root) for kind in ("roots", "stamp_roots") for root in FORGED[kind]]


def plans(accepted: bool) -> dict:
    """How each is made, by its name."""
    cases = {case["name"]: plan(case) for case in FORGED["cases"] if case["accepted"] == accepted}
    if accepted:
        cases["a list under the name of an authority of SM2"] = of_sm2
    return cases


def plan(case: dict):
    chain, answers = ([bytes.fromhex(one) for one in case[part]] for part in ("chain", "answers"))
    cms, stamp = (bytes.fromhex(case[part]) for part in ("cms", "stamp"))
    return signed(cms, chain + ROOTS, answers, stamp, file=bytes.fromhex(case.get("file", PDF[1].hex())))


def signed(*parts, file=PDF[1]):
    return lambda world: Plan(carried=[[file, PDF[0], *parts]], files=[[PDF[0], file]])


def of_sm2(world):
    cms, *chain = ((CARRIED / f"sm2-{name}").read_bytes() for name in ("detached.cms", "doctor.der", "sub.der", "root.der"))
    return signed(cms, chain, [bytes.fromhex(FORGED["list_of_sm2_name"])], b"")(world)
