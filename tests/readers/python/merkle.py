"""Merkle trees of RFC 9162: hashing (2.1.1), inclusion (2.1.3.2) and consistency (2.1.4.2)."""

from suites import Refused, Suite, equal


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


def check_consistency(suite: Suite, older: tuple, newer: tuple, path: list):
    """That the log of size and root `newer` begins with the one of `older`."""
    (size, digest), (newer_size, newer_digest) = older, newer
    if size == 0 or size == newer_size:
        if path or size and digest != newer_digest:
            raise Refused("another log")
        return
    path = list(path)
    if size & (size - 1) == 0:
        path.insert(0, digest)
    at, last = size - 1, newer_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if size > newer_size or not path:
        raise Refused("no consistency proof")
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Refused("the path is too long")
        if at & 1 or at == last:
            old, new = node(suite, sibling, old), node(suite, sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node(suite, new, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise Refused("the path is too short")
    equal("older log", old, digest)
    equal("newer log", new, newer_digest)
