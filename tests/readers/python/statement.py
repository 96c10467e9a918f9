"""Statement and attachment (docs/formats/record.md): what their texts and numbers must keep."""

import unicodedata

import cbor
import shapes
from suites import Refused

MOST = 8 << 10
FAR = 253_402_300_799_999


def read(data: bytes) -> list:
    """A statement's fields."""
    if len(data) > MOST:
        raise Refused("too long for a statement")
    fields = cbor.decode(data)
    shapes.statement(fields)
    patient, (wst, loinc), title, (author_id, author), department = fields[3:8]
    start, end, authored = fields[8]
    for text in (patient, loinc, *([wst] if wst is not None else [])):
        line(text, 128)
    for text in (title, *([author] if author is not None else [])):
        line(text, 512)
    line(department, 512, may_be_empty=True)
    media_type(fields[10])
    for time in (start, authored, *([end] if end is not None else [])):
        if abs(time) > FAR:
            raise Refused("a time too far")
    if end is not None and end < start:
        raise Refused("a visit that ends before it starts")
    return fields


def read_attachment(data: bytes) -> list:
    fields = cbor.decode(data)
    shapes.attachment(fields)
    line(fields[2], 512, may_be_empty=False, blank=True)
    media_type(fields[3])
    return fields


# What turns or breaks a line: U+2028 to U+202E, U+2066 to U+2069.
TURNING = {*range(0x2028, 0x202F), *range(0x2066, 0x206A)}


def line(text: str, most: int, may_be_empty: bool = False, blank: bool = False):
    """One line without control characters. `blank`: white space alone will do."""
    if len(text.encode()) > most or any(map(breaks, text)):
        raise Refused("no line of text")
    if not may_be_empty and not (text if blank else text.strip()):
        raise Refused("an empty text")


def breaks(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or ord(character) in TURNING


def media_type(text: str):
    slash = text.find("/")
    if len(text) > 128 or not all(" " <= c <= "~" for c in text):
        raise Refused("no media type")
    if slash < 1 or slash == len(text) - 1:
        raise Refused("no media type")
