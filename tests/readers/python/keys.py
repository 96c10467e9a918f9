"""Keys, numbers and words (docs/formats/keys.md)."""

import hashlib
import unicodedata

from mnemonic import Mnemonic

from suites import SUITES, Refused, Suite, be, equal, must_refuse

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FULL_WIDTH = {ord(c): ord(c) - 0x20 + 0xFF00 for c in "abcdefghijklmnopqrstuvwxyz"}
CARD, FOLDER = (0, "medfolder/card-number"), (1, "medfolder/folder-number")


def checksum(body: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4]


def read_number(text: str, version: int) -> bytes:
    """The digest in a card or folder number."""
    value = 0
    for character in text:
        value = value * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    equal("checksum", checksum(data[:-4]), data[-4:])
    if len(data) != 37 or data[0] != version:
        raise Refused("another kind of number")
    return data[1:-4]


def write_number(digest: bytes, version: int) -> str:
    body = bytes([version]) + digest
    body += checksum(body)
    value, text = int.from_bytes(body, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(body) - len(body.lstrip(b"\0"))) + text


class Pair:
    """A seed's signing and encryption key."""

    def __init__(self, suite: Suite, seed: bytes):
        self.suite = suite
        self.signing = suite.signing_public(suite.hkdf(seed, "medfolder/signing-seed"))
        self.private = suite.private(suite.hkdf(seed, "medfolder/encryption-seed"))
        self.encryption = suite.encryption_public(self.private)

    def digest(self, label: str) -> bytes:
        return self.suite.labelled(label, self.signing + self.encryption)


def chain_root(suite: Suite, root: bytes, genesis: bytes) -> bytes:
    return suite.hkdf(root, "medfolder/1", genesis)


def card(suite: Suite, root: bytes, genesis: bytes, member: bytes, index: int) -> Pair:
    chain = chain_root(suite, root, genesis)
    return Pair(suite, suite.hkdf(chain, "medfolder/card-seed", member + be(index, 4)))


def folder(suite: Suite, root: bytes, genesis: bytes) -> Pair:
    return Pair(suite, suite.hkdf(chain_root(suite, root, genesis), "medfolder/folder-seed"))


def read_words(words: list, language: str) -> bytes:
    """The 32 bytes that 24 words of BIP 39 carry, if their checksum holds."""
    listed = Mnemonic(language).wordlist
    if len(words) != 24:
        raise Refused("not 24 words")
    bits = 0
    for word in words:
        bits = bits << 11 | listed.index(unicodedata.normalize("NFKC", word))
    entropy = be(bits >> 8, 32)
    equal("words", hashlib.sha256(entropy).digest()[:1], bytes([bits & 255]))
    return entropy


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    suite, root = SUITES[vector["suite"]], bytes.fromhex(vector["root"])
    genesis, member = bytes.fromhex(vector["genesis"]), bytes.fromhex(vector["member"])
    english, chinese = vector["english"].split(" "), list(vector["chinese"])
    equal("English words", read_words(english, "english"), root)
    equal("Chinese words", read_words(chinese, "chinese_simplified"), root)
    wide = [word.translate(FULL_WIDTH) for word in english]
    equal("full-width words", read_words(wide, "english"), root)
    must_refuse("a wrong word", read_words, english[:-1] + ["zoo"], "english")
    yield "the words carry the root in English and Chinese, a wrong word is refused"

    for index in (0, 1):
        check_pair(card(suite, root, genesis, member, index), vector[f"card_{index}"], CARD)
    yield "the root leads to both cards' keys and numbers"
    check_pair(folder(suite, root, genesis), vector["folder"], FOLDER)
    yield "the root leads to the folder's keys and number"

    shown = vector["card_0"]["number"]
    for at, character in enumerate(shown):
        wrong = ALPHABET[(ALPHABET.index(character) + 1) % 58]
        must_refuse("a slip of typing", read_number, shown[:at] + wrong + shown[at + 1 :], 0)
    must_refuse("another kind of number", read_number, vector["folder"]["number"], 0)
    yield "a slip of typing and another kind of number are refused"


def check_pair(pair: Pair, given: dict, kind: tuple):
    version, label = kind
    equal("signing key", pair.signing, bytes.fromhex(given["signing"]))
    equal("encryption key", pair.encryption, bytes.fromhex(given["encryption"]))
    equal("number", read_number(given["number"], version), pair.digest(label))
    if write_number(pair.digest(label), version) != given["number"]:
        raise Refused("the number is shown otherwise")
