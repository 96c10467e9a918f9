"""The state's map and its proofs (docs/formats/ledger.md, “State”)."""

import cbor
from suites import Refused, Suite

EMPTY = bytes(32)
MEMBER, AREA, STAFF, FOLDER, CARD, SEAL, RECORD, GRANT, RECEIPT, ANCHOR = range(1, 11)


def state_key(suite: Suite, kind: int, identity: bytes) -> bytes:
    return suite.labelled("medfolder/state-key", bytes([kind]) + identity)


def value_digest(suite: Suite, entry: bytes) -> bytes:
    return suite.labelled("medfolder/state-value", entry)


def leaf(suite: Suite, key: bytes, value: bytes) -> bytes:
    digest = suite.labelled("medfolder/state-leaf", key + value)
    return bytes([digest[0] | 0x80]) + digest[1:]


def node(suite: Suite, left: bytes, right: bytes) -> bytes:
    digest = suite.labelled("medfolder/state-node", left + right)
    return bytes([digest[0] & 0x7F]) + digest[1:]


def bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> (7 - depth % 8) & 1


def root(suite: Suite, entries: dict, depth: int = 0) -> bytes:
    """The root of a map from keys to encoded entries."""
    if not entries:
        return EMPTY
    if len(entries) == 1:
        [(key, entry)] = entries.items()
        return leaf(suite, key, value_digest(suite, entry))
    halves = [{k: e for k, e in entries.items() if bit(k, depth) == side} for side in (0, 1)]
    return node(suite, *(root(suite, half, depth + 1) for half in halves))


def proven(suite: Suite, key: bytes, proof: list, state_root: bytes):
    """The entry of a key as its bytes, or None where the key has none."""
    siblings, end = proof
    if len(siblings) % 32 or len(siblings) > 256 * 32:
        raise Refused("the siblings")
    if isinstance(end, bytes):
        cbor.decode(end)
        digest = leaf(suite, key, value_digest(suite, end))
    elif end is None:
        digest = EMPTY
    else:
        other, value = end
        if other == key or len(other) != 32 or len(value) != 32:
            raise Refused("no proof of absence")
        digest = leaf(suite, other, value)
    for depth in reversed(range(len(siblings) // 32)):
        sibling = siblings[depth * 32 : depth * 32 + 32]
        pair = (sibling, digest) if bit(key, depth) else (digest, sibling)
        digest = node(suite, *pair)
    if digest != state_root:
        raise Refused("another state")
    return end if isinstance(end, bytes) else None
