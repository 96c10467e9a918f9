"""The shapes of docs/formats/{record,ledger,evidence}.md."""

from shape import (
    Optional, area, array, bitmap, blob, boolean, choice, digest, integer, key, many, member, null_or,
    octets, one_of, signature, small, text, uint, version, visit,
)

U16, U32 = small(2**16 - 1), small(2**32 - 1)
path = many(digest)

# Records.
statement = array(
    version, member, visit, text,
    array(null_or(text), text), text, array(null_or(digest), text), text,
    array(integer, null_or(integer), integer), null_or(digest), text, small(256),
)
attachment = array(digest, small(16 << 30), text, text)
disclosure = array(one_of(0, 1, 2, 3), U32, U32, digest, blob, path)
native = array(digest, uint, one_of(0, 1), signature)
carried = array(digest, text, blob, many(blob, most=16), many(blob, most=16), blob)
signatures = many(choice(n0_native=native, n1_carried=carried), least=1, most=16)
files = many(array(text, blob), most=8)
content = array(
    version, digest, blob, blob, many(attachment, most=256), blob,
    files,
)
core = array(
    version, digest, member, digest, visit, U32, U32, digest,
    many(array(digest, uint), most=256), null_or(blob), digest,
)
envelope = array(version, blob, digest, digest, blob)
slot = array(version, member, digest, visit, U32, blob)

# Genesis.
consensus = array(octets(32), Optional(octets(33)))
keys = array(
    key, key, key, key,
    Optional(consensus), Optional(key), Optional(key),
)
member_entry = array(
    member, text, one_of(1, 2, 3, 4, 5), one_of(1, 2), keys, digest,
    array(Optional(text), Optional(text)), boolean, Optional(digest),
)
policy = array(
    array(U32, U32), array(*[uint] * 11), array(U32, U32), path, path,
    many(array(digest, U16, text)), many(array(U16, text)),
)
genesis = array(
    version, one_of(1, 2), text, digest, uint, many(member_entry),
    many(array(area, member, many(text))), policy,
    choice(n1_embedded=array(consensus)),
)

# Transactions.
by = one_of(1, 2)
place = array(visit, U32, U16)
seal_list = array(visit, U32, many(digest))
grantee = choice(
    n1_bearer=array(), n2_member=array(member), n3_staff=array(digest), n4_folder=array(digest)
)
scope = array(digest, U16)
consent = array(digest, U16, text, uint)
access = array(digest, uint, one_of(1, 2, 3, 4, 5), bitmap, digest)
findings = many(array(U16, one_of(1, 2)))
staff_role = one_of(1, 2, 3, 4)
bodies = {
    1: array(member, one_of(1, 2, 3, 4, 5, 6, 7), blob),
    2: array(area, member, many(text)),
    3: array(member, key, key, staff_role, uint, uint, digest, signature),
    4: array(member, digest, key, key, uint, signature),
    5: array(member, digest, one_of(1, 2)),
    6: array(key, key, member, area),
    7: array(digest, uint, digest),
    8: array(member, key, key, consent),
    9: array(digest, member, by, Optional(digest)),
    10: array(digest, member),
    11: array(digest, member, by, key, key),
    12: array(digest, member, by),
    13: array(
        member, digest, visit, U32, area, U16, uint, one_of(0, 1, 2),
        many(array(digest, Optional(place)), least=1, most=512), Optional(many(seal_list)),
    ),
    14: array(member, seal_list, U16, one_of(1, 2, 3)),
    15: array(member, choice(n1_edge=array(), n2_card=array(digest)), seal_list, findings),
    16: array(
        key, member, grantee, scope, uint, uint, boolean, consent, Optional(U32),
    ),
    17: array(digest, member, uint, uint, Optional(scope)),
    18: array(digest, uint),
    19: array(digest),
    20: array(member, many(access)),
    21: array(member, one_of(1, 2), digest, text),
}
anything = lambda value: None  # The body, whose shape its type names.
transaction = array(version, one_of(*bodies), uint, anything, many(signature, most=2))

# Blocks and proofs.
header = array(version, digest, uint, uint, digest, digest, uint, digest, digest, uint)
certificate = choice(n1_embedded=array(signature, Optional(signature)))
checkpoint = array(header, certificate)
block = array(header, many(array(blob, U16)))
inclusion = array(uint, uint, path)
consistency = array(uint, uint, path)
receipt = array(inclusion, checkpoint)
refusal = array(many(array(digest, U16)), checkpoint)


def proof_end(value):
    """An entry's bytes, another key and its value digest, or null."""
    if value is not None and not isinstance(value, bytes):
        array(digest, digest)(value)


state_proof = array(blob, proof_end)
entry = array(state_proof, checkpoint)
subject = choice(n1_card=array(digest), n2_grant=array(digest), n3_folder=array(digest))


logged = array(blob, uint, uint)
classified = array(member, access, one_of(0, 1, 2, 3, 4, 5), uint)


def item(value):
    """A transaction with its place and time, or a classified access."""
    is_logged = isinstance(value, list) and len(value) == 3
    (logged if is_logged else classified)(value)


page = array(subject, uint, many(item), entry)

# State entries that readers take apart.
running = array(uint, digest)
staff_end = array(uint, uint, one_of(1, 2), Optional(digest), Optional(uint))
staff_entry = array(
    member, key, key, staff_role, uint, uint, digest, uint, Optional(staff_end)
)
state_member = array(member_entry, many(array(one_of(1, 2, 3, 4, 5, 6, 7), blob, uint)))
state_seal = array(digest, uint, uint, digest)
state_record = choice(
    n1_replaced=array(digest, place, uint), n2_withdrawn=array(one_of(1, 2, 3), uint)
)

# Evidence.
whole = array(digest, path, many(blob, most=256), many(array(text, blob), most=8), Optional(blob))
part = many(disclosure)
pack = array(
    version, digest, digest, digest, blob, disclosure, choice(n0_whole=array(whole), n1_part=array(part)),
    blob, receipt, entry, entry, entry, many(array(digest, entry)), Optional(blob),
)
