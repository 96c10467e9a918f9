"""Cutting a body into pieces (docs/formats/record.md, “Body and its pieces”)."""

import json
import re

from suites import Refused

SPACE = re.compile(r"[ \t\n\r]*")
DEPTH = 64
MOST, MOST_ENTRIES = 16 << 20, 16_384


def pairs(members):
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise Refused("a member name twice in one object")
    return dict(members)


def constant(name):
    raise Refused(f"{name} is no JSON")


# Numbers keep their text: what they are worth is nobody's matter here, however long they are.
DECODER = json.JSONDecoder(
    object_pairs_hook=pairs, parse_constant=constant, parse_int=str, parse_float=str
)


def text_of(body: bytes) -> str:
    if len(body) > MOST:
        raise Refused("too long for a body")
    if body.startswith(b"\xef\xbb\xbf"):
        raise Refused("a byte order mark")
    return body.decode("utf-8")


def checked_object(body: bytes):
    """One JSON object that keeps the body's rules."""
    try:
        value = DECODER.decode(text_of(body))
    except RecursionError:
        raise Refused("nested too deep") from None
    if not isinstance(value, dict):
        raise Refused("the body is no object")
    check(value, 1)
    return value


def check(value, depth: int):
    if isinstance(value, (dict, list)) and depth > DEPTH:
        raise Refused("nested too deep")
    if isinstance(value, dict):
        for name, inner in value.items():
            check(name, depth + 1)
            check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check(inner, depth + 1)
    elif isinstance(value, str) and any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise Refused("half of a surrogate pair")


def cut(body: bytes) -> list:
    """The pieces as pairs (is an entry, bytes)."""
    checked_object(body)
    text = text_of(body)
    bounds = entries(text)
    if len(bounds) > MOST_ENTRIES:
        raise Refused("too many entries")
    if not bounds:
        return [(False, body)]
    pieces, at = [], 0
    for start, end in bounds:
        pieces += [(False, text[at:start].encode()), (True, text[start:end].encode())]
        at = end
    return pieces + [(False, text[at:].encode())]


def entries(text: str) -> list:
    """Where the elements of the outermost object's array `entry` lie."""
    at = skip(text, skip(text, 0) + 1)
    while text[at] != "}":
        name, at = DECODER.raw_decode(text, at)
        at = skip(text, skip(text, at) + 1)
        if name == "entry" and text[at] == "[":
            return elements(text, at)
        _, at = DECODER.raw_decode(text, at)
        at = skip(text, at)
        if text[at] == ",":
            at = skip(text, at + 1)
    return []


def elements(text: str, at: int) -> list:
    bounds = []
    at = skip(text, at + 1)
    while text[at] != "]":
        if text[at] != "{":
            raise Refused("an entry that is no object")
        _, end = DECODER.raw_decode(text, at)
        bounds.append((at, end))
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
    return bounds


def skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()
