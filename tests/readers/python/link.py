"""Links and encrypted files of a share (docs/formats/share.md, “Link”, “File”, “Status”)."""

import base64
import json
import zlib

from genesis_rules import is_local
from suites import SUITES, Refused

HASH = SUITES["international"]  # Links are international on every chain.
MOST_JWE, MOST_PLAIN = 32 << 20, 64 << 20
FAR = 10**11


def encode64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode64(text: str, canonical: bool = True) -> bytes:
    """base64url without padding; `canonical` refuses stray trailing bits."""
    if not all(c.isascii() and (c.isalnum() or c in "-_") for c in text) or len(text) % 4 == 1:
        raise Refused("no base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if canonical and encode64(data) != text:
        raise Refused("base64url with stray bits")
    return data


class Link:
    """A SMART Health Link."""

    def __init__(self, text: str):
        start = text.rfind("shlink:/")
        if start < 0:
            raise Refused("no link")
        payload = json.loads(decode64(text[start + 8 :], canonical=False))
        if not isinstance(payload, dict):
            raise Refused("link.malformed")
        if payload.get("v", 1) != 1:
            raise Refused("a newer link")
        self.url, self.key = payload["url"], decode64(payload["key"], canonical=False)
        self.flags, self.label = set(payload.get("flag", "")), payload.get("label")
        self.expires = payload.get("exp")
        self._check()

    def _check(self):
        if len(self.key) != 32 or len(self.url) > 128:
            raise Refused("key or url of a link")
        if not self.url.startswith("https://") and not is_local(self.url):
            raise Refused("no https")
        if {"P", "U"} <= self.flags:
            raise Refused("P with U")
        if not isinstance(self.expires, (int, float)) or self.expires >= FAR:
            self.expires = None
        if self.label is not None:
            cut = self.label.encode("utf-16-le")[: 80 * 2]
            self.label = cut.decode("utf-16-le", errors="ignore")

    @property
    def share(self) -> bytes:
        """The share's id, which is the last part of our hosts' addresses."""
        origin, found, share = self.url.rpartition("/s/")
        identity = decode64(share)
        if not found or len(identity) != 32:
            raise Refused("no share of ours")
        return identity

    def status_secret(self) -> bytes:
        return HASH.hkdf(self.key, "medfolder/share-status")


def status_digest(secret: bytes) -> bytes:
    return HASH.labelled("medfolder/share-status", secret)


def write(url: str, key: bytes, flags: str, label: str | None) -> str:
    """A link as our issuer writes it."""
    payload = {"url": url} | ({"flag": flags} if flags else {}) | {"key": encode64(key)}
    payload |= {"label": label} if label is not None else {}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return "shlink:/" + encode64(text.encode())


def open_file(key: bytes, jwe: str):
    """Media type and plaintext of an encrypted file."""
    if len(jwe) > MOST_JWE:
        raise Refused("too long for a file")
    head, empty, nonce, ciphertext, tag = jwe.split(".")
    header = json.loads(decode64(head))
    if empty or header["alg"] != "dir" or header["enc"] != "A256GCM" or "crit" in header:
        raise Refused("another encryption")
    if header.get("zip", "DEF") != "DEF":
        raise Refused("another compression")
    sealed = decode64(ciphertext) + decode64(tag)
    if len(decode64(nonce)) != 12 or len(decode64(tag)) != 16:
        raise Refused("nonce or tag")
    plain = HASH.open(key, head.encode(), sealed, decode64(nonce))
    return header.get("cty"), inflate(plain) if "zip" in header else plain


def inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj(-15)
    plain = stream.decompress(data, MOST_PLAIN)
    if not stream.eof or stream.unconsumed_tail or stream.unused_data:
        raise Refused("a broken or too large compression")
    return plain
