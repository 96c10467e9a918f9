"""Bodies, statements and attachments beyond the limits of record.md."""

import cbor
from vectors import accepted, refused

SUITE = "international"
FAR = 253_402_300_799_999
ENTRIES, DEPTH, BODY = 16_384, 64, 16 << 20


def bodies():
    good = lambda name, *parts: accepted(name, "body", SUITE, list(parts))
    bad = lambda code, name, *parts: refused(name, "body", SUITE, list(parts), f"body.{code}")
    once = lambda data: (data, 1)
    yield good("an object", once(b"{}"))
    yield good("white space around it", once(b" \t\r\n{ } \n"))
    yield good("64 deep", (b'{"a":', DEPTH - 1), once(b"{}"), (b"}", DEPTH - 1))
    yield bad("too_deep", "65 deep", (b'{"a":', DEPTH), once(b"{}"), (b"}", DEPTH))
    yield bad("too_deep", "64 arrays in an object", once(b'{"a":'), (b"[", DEPTH), (b"]", DEPTH), once(b"}"))
    yield bad("too_deep", "deep without an end", (b'{"a":', 100_000))
    yield good("16,384 entries", once(b'{"entry":['), (b"{},", ENTRIES - 1), once(b"{}]}"))
    yield bad("too_many_entries", "16,385 entries", once(b'{"entry":['), (b"{},", ENTRIES), once(b"{}]}"))
    space = BODY - 2
    yield good("16 MiB", once(b"{"), (b" ", space), once(b"}"))
    yield bad("too_long", "16 MiB and a byte", once(b"{"), (b" ", space + 1), once(b"}"))
    yield good("the same name in two objects", once(b'{"a":{"b":1},"c":{"b":1}}'))
    yield good("a number of 5,000 digits", once(b'{"a":'), (b"7", 5_000), once(b"}"))
    for name, code, text in BODIES:
        yield bad(code, name, once(text))


BODIES = [
    ("nothing", "not_json", b""),
    ("white space", "not_json", b"  "),
    ("a list", "not_object", b"[]"),
    ("a text", "not_object", b'"a"'),
    ("a number", "not_object", b"1"),
    ("two objects", "not_json", b"{}{}"),
    ("text after the object", "not_json", b"{} a"),
    ("a byte order mark", "byte_order_mark", b"\xef\xbb\xbf{}"),
    ("another zero byte", "not_json", b"{}\0"),
    ("a broken byte", "not_utf8", b'{"a":"\xff"}'),
    ("a surrogate in UTF-8", "not_utf8", b'{"a":"\xed\xa0\x80"}'),
    ("an overlong byte", "not_utf8", b'{"a":"\xc0\xaf"}'),
    ("beyond U+10FFFF", "not_utf8", b'{"a":"\xf4\x90\x80\x80"}'),
    ("UTF-16", "not_utf8", "{}".encode("utf-16")),
    ("a name twice", "duplicate_name", b'{"a":1,"a":1}'),
    ("a name twice, once escaped", "duplicate_name", b'{"a":1,"\\u0061":1}'),
    ("a name twice, as a pair of surrogates", "duplicate_name", '{"😀":1,"\\ud83d\\ude00":1}'.encode()),
    ("a name twice, deep inside", "duplicate_name", b'{"a":[{"b":[{"c":1,"c":2}]}]}'),
    ("the name entry twice", "duplicate_name", b'{"entry":[],"entry":[]}'),
    ("half of a pair, the first", "not_json", b'{"a":"\\ud83d"}'),
    ("half of a pair, the second", "not_json", b'{"a":"\\ude00"}'),
    ("half of a pair in a name", "not_json", b'{"\\ud83d":1}'),
    ("two first halves", "not_json", b'{"a":"\\ud83d\\ud83d"}'),
    ("an entry that is no object", "entry_not_object", b'{"entry":[{},1]}'),
    ("an entry that is a list", "entry_not_object", b'{"entry":[[]]}'),
    ("an entry that is null", "entry_not_object", b'{"entry":[null]}'),
    ("a comma too many", "not_json", b'{"a":1,}'),
    ("a comma too many in a list", "not_json", b'{"a":[1,]}'),
    ("a name without quotes", "not_json", b"{a:1}"),
    ("single quotes", "not_json", b"{'a':1}"),
    ("a comment", "not_json", b"{}//"),
    ("NaN", "not_json", b'{"a":NaN}'),
    ("Infinity", "not_json", b'{"a":Infinity}'),
    ("a leading zero", "not_json", b'{"a":01}'),
    ("a plus sign", "not_json", b'{"a":+1}'),
    ("a point without digits", "not_json", b'{"a":1.}'),
    ("digits from a point on", "not_json", b'{"a":.5}'),
    ("an exponent without digits", "not_json", b'{"a":1e}'),
    ("a minus alone", "not_json", b'{"a":-}'),
    ("a line feed in a text", "not_json", b'{"a":"\n"}'),
    ("a tab in a text", "not_json", b'{"a":"\t"}'),
    ("an unknown escape", "not_json", b'{"a":"\\x"}'),
    ("a short escape", "not_json", b'{"a":"\\u12"}'),
    ("an escape of other digits", "not_json", b'{"a":"\\u+123"}'),
    ("a no-break space between", "not_json", '{"a":\u00a01}'.encode()),
    ("a form feed between", "not_json", b'{"a":\x0c1}'),
    ("True", "not_json", b'{"a":True}'),
    ("no end", "not_json", b'{"a":1'),
    ("an end too many", "not_json", b'{"a":1}}'),
    ("a colon missing", "not_json", b'{"a" 1}'),
]


def statements(pinned: bytes):
    """One rule broken at a time."""
    for name, code, place, value in STATEMENTS:
        fields = cbor.decode(pinned)
        inner = fields
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = value
        data = cbor.encode(fields)
        if code is None:
            yield accepted(f"statement with {name}", "statement", SUITE, data)
        else:
            yield refused(f"statement with {name}", "statement", SUITE, data, f"statement.{code}")


TEXTS = {
    "patient number": ((3,), 128), "WS/T 500 type": ((4, 0), 128), "LOINC code": ((4, 1), 128),
    "title": ((5,), 512), "author": ((6, 1), 512),
}
STATEMENTS = [
    (f"{what} {name}", code, place, value)
    for what, (place, most) in TEXTS.items()
    for name, code, value in [
        ("as long as may be", None, "a" * most),
        ("too long", "text", "a" * (most + 1)),
        ("too long in bytes alone", "text", "病" * (most // 3 + 1)),
        ("empty", "text", ""),
        ("of white space", "text", " \u3000"),
        ("with a line feed", "text", "a\nb"),
        ("with a zero", "text", "a\0"),
        ("with U+0085", "text", "a\u0085b"),
        ("with DEL", "text", "a\x7f"),
        ("with U+2028", "text", "a\u2028b"),
        ("with U+202E", "text", "a\u202eb"),
        ("with U+2066", "text", "a\u2066b"),
        ("with U+2069", "text", "a\u2069b"),
        ("with its neighbours", None, "\u2027\u202f\u2065\u206a"),
    ]
] + [
    ("an empty department", None, (7,), ""),
    ("a department too long", "text", (7,), "a" * 513),
    ("a department of two lines", "text", (7,), "a\rb"),
    ("no WS/T 500 type", None, (4, 0), None),
    ("no author's key", None, (6, 0), None),
    ("the farthest start", None, (8, 0), -FAR),
    ("a start too early", "times", (8, 0), -FAR - 1),
    ("the farthest end", None, (8, 1), FAR),
    ("an end too late", "times", (8, 1), FAR + 1),
    ("an end before its start", "times", (8, 1), -FAR),
    ("an authored time too late", "times", (8, 2), FAR + 1),
    ("256 attachments", None, (11,), 256),
    ("257 attachments", "attachments", (11,), 257),
] + [
    (f"media type {kind!r}", code, (10,), kind)
    for code, kinds in {
        None: ["a/b", "text/plain; charset=utf-8", "a/b/c"],
        "text": ["", "/", "a/", "/b", "text", "a/病", "a/b\n", "a/" + "b" * 127],
    }.items()
    for kind in kinds
]


def attachments(pinned: bytes):
    cases = [
        ("no bytes", None, 1, 0), ("16 GiB", None, 1, 16 << 30),
        ("16 GiB and a byte", "", 1, (16 << 30) + 1), ("no name", "", 2, ""),
        ("a name of 512 bytes", None, 2, "a" * 512), ("a name of 513", "", 2, "a" * 513),
        ("a name of two lines", "", 2, "a\nb"), ("no media type", "", 3, ""),
        ("a media type without a slash", "", 3, "text"),
    ]
    for name, code, place, value in cases:
        fields = cbor.decode(pinned)
        fields[place] = value
        where = (f"attachment with {name}", "attachment", SUITE, cbor.encode(fields))
        yield accepted(*where) if code is None else refused(*where, "attachment.form")
