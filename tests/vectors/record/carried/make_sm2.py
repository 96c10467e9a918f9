"""Makes a detached SignedData of GM/T 0010 with SM2 and SM3, which OpenSSL 3.0 cannot write.

Usage: make_sm2.py KEY CERTIFICATE FILE OUTPUT
"""

import datetime
import secrets
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from gmssl import sm2

ID = b"1234567812345678"


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 128 | size]) + len(body).to_bytes(size, "big") + body


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    out = bytes([first * 40 + second])
    for arc in rest:
        part = bytes([arc & 127])
        while arc := arc >> 7:
            part = bytes([128 | (arc & 127)]) + part
        out += part
    return der(6, out)


def integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def sign(private: int, message: bytes) -> bytes:
    curve = sm2.default_ecc_table
    point = sm2.CryptSM2("", "")._kg(private, curve["g"])
    entity = (len(ID) * 8).to_bytes(2, "big") + ID + bytes.fromhex(curve["a"])
    entity += bytes.fromhex(curve["b"]) + bytes.fromhex(curve["g"]) + bytes.fromhex(point)
    signer = sm2.CryptSM2(private_key=f"{private:064x}", public_key=point)
    rs = signer.sign(sm3(sm3(entity) + message), f"{secrets.randbelow(1 << 248) + 1:064x}")
    return der(0x30, integer(int(rs[:64], 16)), integer(int(rs[64:], 16)))


def private_key(path: str) -> int:
    """The scalar of a PKCS #8 key: the 32 bytes of ECPrivateKey's octet string."""
    import base64

    lines = open(path, encoding="ascii").read().splitlines()
    raw = base64.b64decode("".join(line for line in lines if not line.startswith("-")))
    at = raw.index(bytes([2, 1, 1, 4, 32]))
    return int.from_bytes(raw[at + 5 : at + 37], "big")


def main():
    key, certificate, file, output = sys.argv[1:]
    cert = x509.load_pem_x509_certificate(open(certificate, "rb").read())
    data = "1.2.156.10197.6.1.4.2.1"
    digest_algorithm = der(0x30, oid("1.2.156.10197.1.401"))
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%y%m%d%H%M%SZ").encode()
    attributes = sorted([
        der(0x30, oid("1.2.840.113549.1.9.3"), der(0x31, oid(data))),
        der(0x30, oid("1.2.840.113549.1.9.5"), der(0x31, der(0x17, now))),
        der(0x30, oid("1.2.840.113549.1.9.4"), der(0x31, der(4, sm3(open(file, "rb").read())))),
    ])
    signature = sign(private_key(key), der(0x31, *attributes))
    sid = der(0x30, cert.issuer.public_bytes(), integer(cert.serial_number))
    signer = der(
        0x30, integer(1), sid, digest_algorithm, der(0xA0, *attributes),
        der(0x30, oid("1.2.156.10197.1.301.1")), der(4, signature),
    )
    signed = der(0x30, integer(1), der(0x31, digest_algorithm), der(0x30, oid(data)), der(0x31, signer))
    content = der(0x30, oid("1.2.156.10197.6.1.4.2.2"), der(0xA0, signed))
    open(output, "wb").write(content)


main()
