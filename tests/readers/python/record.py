"""Opening a record (docs/formats/record.md)."""

import cbor
import merkle
import shapes
import statement
from body import checked_object, cut
from suites import Refused, Suite, be, equal

CHUNK = 65_536
MOST_FILES = 16 << 20
MOST_CORE, MOST_SLOT, MOST_SIGNATURES, MOST_CONTENT = 16 << 10, 512, 4 << 20, 38_273_024


def read_core(data: bytes) -> list:
    if len(data) > MOST_CORE:
        raise Refused("too long for a core")
    core = cbor.decode(data)
    shapes.core(core)
    if core[9] is not None and len(core[9]) > 512:
        raise Refused("too long for a storage address")
    return core


def read_signatures(data: bytes) -> list:
    if len(data) > MOST_SIGNATURES:
        raise Refused("too long for signatures")
    signatures = cbor.decode(data)
    shapes.signatures(signatures)
    signers = [fields[0] for kind, fields in signatures if kind == 0]
    if len(signers) != len(set(signers)):
        raise Refused("a key signs twice")
    for kind, fields in signatures:
        if kind == 1:
            statement.media_type(fields[1])
    return signatures


def check_files(suite: Suite, files: list, signatures: list):
    """Each carried file is named, each one named is there, and none stands twice."""
    shapes.files(files)
    if sum(len(data) for _, data in files) > MOST_FILES:
        raise Refused("too long for carried files")
    kept = [(suite.hash(data), kind) for kind, data in files]
    named = {(fields[0], fields[1]) for kind, fields in signatures if kind == 1}
    if set(kept) != named or len(kept) != len(named):
        raise Refused("carried files")


def open_slot(suite: Suite, slot: bytes, place: dict, private) -> bytes:
    """The seal key."""
    fields = cbor.decode(slot)
    shapes.slot(fields)
    _, member, card, visit, seq, wrapped = fields
    if (member, card, visit, seq) != (
        place["member"], place["card"], place["visit"], place["seq"],
    ):
        raise Refused("the slot is for another place")
    context = b"medfolder/key-slot\0" + member + card + visit + be(seq, 4)
    return suite.unwrap(private, context, wrapped)


class Envelope:
    """What an exchange zone stores."""

    def __init__(self, suite: Suite, data: bytes):
        self.suite = suite
        fields = cbor.decode(data)
        shapes.envelope(fields)
        _, self.core_bytes, self.content_root, self.signatures, self.sealed = fields
        self.core = read_core(self.core_bytes)
        self.core_digest = suite.labelled("medfolder/record-core", self.core_bytes)

    def leaf(self) -> bytes:
        parts = self.core_digest + self.content_root + self.signatures
        return self.suite.labelled("medfolder/record-leaf", parts)

    def audit(self, leaf: bytes):
        equal("leaf", self.leaf(), leaf)
        equal("sealed content", self.suite.hash(self.sealed), self.core[7])

    def aad(self) -> bytes:
        return self.core_bytes[: cbor.skip(self.core_bytes, 1, 7)]

    def check_place(self, place: dict):
        names = ("genesis", "member", "card", "visit", "seq", "k")
        for name, found in zip(names, self.core[1:7]):
            if found != place[name]:
                raise Refused(f"another {name}")


def padme(length: int) -> int:
    if length <= 1024:
        return 1024
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return (length + step - 1) // step * step


class Record:
    """A record whose content is the one under its leaf."""

    def __init__(self, envelope: Envelope, seal_key: bytes):
        self.suite, self.envelope = envelope.suite, envelope
        core = envelope.core
        self.key = self.suite.hkdf(seal_key, "medfolder/record-key", be(core[6], 4))
        equal("key commitment", self.suite.labelled("medfolder/key-commit", self.key), core[10])
        content_key = self.suite.hkdf(self.key, "medfolder/content-key")
        plaintext = self.suite.open(content_key, envelope.aad(), envelope.sealed)
        self._read(unpadded(plaintext))
        self._check()

    def _read(self, content: bytes):
        if len(content) > MOST_CONTENT:
            raise Refused("too long for a content")
        fields = cbor.decode(content)
        shapes.content(fields)
        _, self.salt, self.statement_bytes, self.body, self.attachments = fields[:5]
        self.signature_bytes, self.files = fields[5:]
        self.statement = statement.read(self.statement_bytes)
        self.signatures = read_signatures(self.signature_bytes)
        # Encodings of the attachments as they lie in the content.
        at = cbor.skip(content, 1, 4)
        _, at = cbor.head(content, at, content[at] & 31)
        self.attachment_bytes = []
        for _ in self.attachments:
            end = cbor.skip(content, at, 1)
            self.attachment_bytes.append(content[at:end])
            at = end

    def _check(self):
        core = self.envelope.core
        equal("statement's member", self.statement[1], core[2])
        equal("statement's visit", self.statement[2], core[4])
        if not self.statement[11] == len(self.attachments) == len(core[8]):
            raise Refused("another number of attachments")
        equal("content root", self.root(), self.envelope.content_root)
        digest = self.suite.labelled("medfolder/record-signatures", self.signature_bytes)
        equal("signatures", digest, self.envelope.signatures)
        check_files(self.suite, self.files, self.signatures)

    def root(self) -> bytes:
        pieces = [(0, self.statement_bytes)]
        pieces += [(2 if is_entry else 1, data) for is_entry, data in cut(self.body)]
        pieces += [(3, data) for data in self.attachment_bytes]
        leaves = [
            piece_leaf(self.suite, kind, k, self.piece_salt(k), data)
            for k, (kind, data) in enumerate(pieces)
        ]
        return content_root_of(self.suite, len(leaves), merkle.root(self.suite, leaves))

    def piece_salt(self, k: int) -> bytes:
        return self.suite.hkdf(self.salt, "medfolder/piece-salt", be(k, 4))

    def check_native(self, keys: dict) -> int:
        """Checks every native signature with `keys`: key id → public key; gives their number."""
        count = 0
        for kind, fields in self.signatures:
            if kind != 0:
                continue
            key_id, time, custody, signature = fields
            public = keys[key_id]
            equal("key id", self.suite.labelled("medfolder/key-id", public), key_id)
            data = self.envelope.core[1] + self.envelope.content_root + key_id
            data += be(time, 8) + bytes([custody])
            self.suite.verify(public, "medfolder/record-signature", data, signature)
            count += 1
        author = self.statement[6][0]
        if author is not None and author not in [f[0] for kind, f in self.signatures if kind == 0]:
            raise Refused("the author did not sign")
        return count

    def open_attachment(self, j: int, blob: bytes) -> bytes:
        chunks = split(blob, CHUNK + 16)
        leaves = [merkle.leaf(self.suite, chunk) for chunk in chunks]
        equal("blob root", merkle.root(self.suite, leaves), self.envelope.core[8][j][0])
        key, aad = self._attachment_key(j), self.envelope.aad()
        padded = b"".join(
            self.suite.open(key, aad, chunk, nonce(i, i == len(chunks) - 1))
            for i, chunk in enumerate(chunks)
        )
        digest, size = self.attachments[j][:2]
        if len(padded) != padme(size) or any(padded[size:]):
            raise Refused("the attachment's padding")
        equal("attachment", self.suite.hash(padded[:size]), digest)
        return padded[:size]

    def seal_attachment(self, j: int, data: bytes) -> bytes:
        chunks = split(data + bytes(padme(len(data)) - len(data)), CHUNK)
        key, aad = self._attachment_key(j), self.envelope.aad()
        return b"".join(
            self.suite.seal(key, aad, chunk, nonce(i, i == len(chunks) - 1))
            for i, chunk in enumerate(chunks)
        )

    def _attachment_key(self, j: int) -> bytes:
        return self.suite.hkdf(self.key, "medfolder/attachment-key", be(j, 4))


def unpadded(plaintext: bytes) -> bytes:
    end = 4 + int.from_bytes(plaintext[:4], "big")
    if len(plaintext) != padme(end) or any(plaintext[end:]):
        raise Refused("the content's padding")
    return plaintext[4:end]


def split(data: bytes, size: int) -> list:
    return [data[at : at + size] for at in range(0, len(data), size)]


def nonce(index: int, last: bool) -> bytes:
    return be(index, 11) + bytes([last])


def piece_leaf(suite: Suite, kind: int, k: int, salt: bytes, data: bytes) -> bytes:
    return merkle.leaf(suite, bytes([kind]) + be(k, 4) + salt + be(len(data), 8) + data)


def content_root_of(suite: Suite, count: int, tree: bytes) -> bytes:
    return suite.labelled("medfolder/content-root", be(count, 4) + tree)


def check_disclosure(suite: Suite, disclosure: bytes, content_root: bytes) -> bytes:
    """The bytes of a single piece that belongs to a content root."""
    return disclosed(suite, cbor.decode(disclosure), content_root)


def disclosed(suite: Suite, disclosure: list, content_root: bytes) -> bytes:
    shapes.disclosure(disclosure)
    kind, k, count, salt, data, path = disclosure
    leaf = piece_leaf(suite, kind, k, salt, data)
    tree = merkle.root_from_path(suite, leaf, k, count, path)
    equal("disclosed piece", content_root_of(suite, count, tree), content_root)
    if kind == 1:
        raise Refused("a fragment of JSON")
    if (kind == 0) != (k == 0):
        raise Refused("the statement is piece 0")
    if kind == 0:
        statement.read(data)
    if kind == 2:
        checked_object(data)
        if data[:1] != b"{" or data[-1:] != b"}":
            raise Refused("white space around an entry")
    if kind == 3:
        statement.read_attachment(data)
    return data
