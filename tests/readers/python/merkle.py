"""Merkle trees of RFC 9162: hashing (2.1.1), inclusion (2.1.3.2) and consistency (2.1.4.2)."""

from suites import Refused, Suite


def leaf(suite: Suite, data: bytes) -> bytes:
    return suite.hash(b"\0" + data)


def node(suite: Suite, left: bytes, right: bytes) -> bytes:
    return suite.hash(b"\1" + left + right)


def root(suite: Suite, leaves: list) -> bytes:
    if not leaves:
        return suite.hash(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(suite, root(suite, leaves[:split]), root(suite, leaves[split:]))


def root_from_path(suite: Suite, digest: bytes, index: int, size: int, path: list) -> bytes:
    """The root that a leaf's path leads to."""
    if index >= size:
        raise Refused("no such leaf")
    at, last = index, size - 1
    for sibling in path:
        if last == 0:
            raise Refused("the path is too long")
        if at & 1 or at == last:
            digest = node(suite, sibling, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node(suite, digest, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise Refused("the path is too short")
    return digest
