"""Which key counted when, and how a record stands: state entries of docs/formats/ledger.md."""

import cbor
import shapes
from suites import Refused

AHEAD = 5 * 60_000
STAFF_ENDED = 30 * 24 * 3_600_000
COMPROMISED = 2


def member_key(entry: list, role: int, position: int) -> bytes:
    """The key that a member had in a role when the transaction at a position was accepted."""
    member, past = entry
    for past_role, key, until in past:
        if past_role == role and position < until:
            return key
    return member[4][role - 1]


def check_staff(entry: list, claimed: int, position: int, block_time: int):
    """A signature of a staff key counts in a seal (record.md, “Signatures”)."""
    start, until, enrolled = entry[4], entry[5], entry[7]
    if not start <= claimed < until:
        raise Refused("claimed outside of the key's validity")
    if claimed > block_time + AHEAD:
        raise Refused("claimed after the seal")
    if enrolled >= position:
        raise Refused("enrolled after the seal")
    if len(entry) > 8:
        check_end(entry[8], claimed, position, block_time)


def check_end(end: list, claimed: int, position: int, block_time: int):
    ended, time, reason = end[:3]
    if position < ended:
        return
    declared = end[4] if len(end) > 4 else None
    compromised = reason == COMPROMISED and (declared is None or declared <= position)
    if compromised or not claimed < time or time + STAFF_ENDED < block_time:
        raise Refused("the key had ended")


def of_record(entry: bytes | None):
    """in force, replaced (by which record) or withdrawn."""
    if entry is None:
        return "in_force", None
    value = cbor.decode(entry)
    shapes.state_record(value)
    kind, fields = value
    return ("replaced", fields[0]) if kind == 1 else ("withdrawn", None)
