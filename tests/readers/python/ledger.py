"""Checks over a pinned history of a ledger (docs/formats/ledger.md)."""

import cbor
import merkle
import state
from chain import Genesis, Header
from history import History
from suites import SUITES, Refused, equal, must_refuse, must_refuse_flips
from transaction import ALLIANCE, HOST, LABELS, SEAL


def checks(vector: dict):
    """Each check that holds, as a line of text."""
    file = bytes.fromhex(vector["genesis"]["file"])
    genesis = Genesis(file)
    check_genesis = lambda data: equal("genesis", Genesis(data).digest, pinned)
    pinned = bytes.fromhex(vector["genesis"]["digest"])
    must_refuse_flips("genesis", file, 13, check_genesis)
    yield "genesis has its digest, a changed one has not"

    check_seeds(genesis)
    yield "the keys of genesis come from the seeds that the document names"

    transactions = [bytes.fromhex(given["stored"]) for given in vector["transactions"]]
    for stored, given in zip(transactions, vector["transactions"]):
        check_transaction(genesis.transaction(stored), given)
    if {given["number"] for given in vector["transactions"]} != set(LABELS):
        raise Refused("not every type")
    yield f"{len(transactions)} transactions of every type have their id and leaf"
    check_signatures(genesis, transactions)
    yield "their signatures hold, and hold no longer after a change"

    header = check_blocks(genesis, [bytes.fromhex(block) for block in vector["blocks"]])
    equal("last block", header.digest, bytes.fromhex(vector["header"]["digest"]))
    yield f"{header.height} blocks follow genesis, their transactions and log roots agree"

    checkpoint = bytes.fromhex(vector["checkpoint"])
    certified = lambda data: genesis.checkpoint(cbor.decode(data))
    must_refuse_flips("checkpoint", checkpoint, 7, certified)
    equal("checkpoint", certified(checkpoint).digest, header.digest)
    yield "the engine's certificate holds, and holds no longer after a change"

    entries = {bytes.fromhex(e["key"]): bytes.fromhex(e["value"]) for e in vector["state"]}
    equal("state root", state.root(genesis.suite, entries), header.state_root)
    yield f"{len(entries)} entries are the whole state under the header"
    history = History(genesis)
    accepted = accepted_at(bytes.fromhex(block) for block in vector["blocks"])
    for position, (stored, time) in enumerate(accepted):
        history.read(stored, position, time)
    history.check(entries)
    yield "their keys, seals and the lists of cards and folders follow from the log"

    yield from check_proofs(genesis, vector, transactions)
    yield from check_pages(genesis, vector)


def check_seeds(genesis: Genesis):
    """The vectors' keys are made from seeds of a purpose and an owner."""
    seed = lambda purpose, owner: bytes([purpose]) + bytes([owner]) * 31
    for member in genesis.members:
        for role in (ALLIANCE, SEAL, HOST):
            public = genesis.suite.signing_public(seed(role, member[0][0]))
            equal("a member's key", public, member[4][role - 1])
    for purpose, suite, key in zip((5, 6), SUITES.values(), genesis.engine[1][0]):
        equal("the engine's key", suite.signing_public(seed(purpose, 0x77)), key)


def check_transaction(transaction, given: dict):
    equal("id", transaction.id, bytes.fromhex(given["id"]))
    equal("leaf", transaction.leaf, bytes.fromhex(given["leaf"]))
    if (transaction.type, transaction.label) != (given["number"], given["label"]):
        raise Refused("another type")


def check_signatures(genesis: Genesis, transactions: list):
    keys = genesis.keys()
    for stored in transactions:
        signed = lambda data: genesis.transaction(data).check(keys)
        transaction = genesis.transaction(stored)
        must_refuse_flips(transaction.label, stored, 61, signed)
        keys.learn(transaction.type, transaction.body)


def check_blocks(genesis: Genesis, blocks: list) -> Header:
    """Follows the blocks from genesis; gives the last header."""
    suite, last, leaves = genesis.suite, genesis.first_header(), []
    for block in blocks:
        fields, transactions = cbor.decode(block)
        header = Header(suite, fields)
        equal("chain", header.genesis, genesis.digest)
        equal("previous block", header.previous, last.digest)
        if header.height != last.height + 1 or header.time <= last.time:
            raise Refused("height or time of a block")
        results = [[merkle.leaf(suite, stored), result] for stored, result in transactions]
        digest = suite.labelled("medfolder/block-transactions", cbor.encode(results))
        equal("transactions of a block", digest, header.transactions)
        leaves += [leaf for leaf, result in results if result == 0]
        equal("log root", merkle.root(suite, leaves), header.log_root)
        if header.log_size != len(leaves):
            raise Refused("another size of the log")
        last = header
    return last


def accepted_at(blocks):
    """Accepted transactions in the order of the log, each with its block's time."""
    for block in blocks:
        fields, transactions = cbor.decode(block)
        yield from ((stored, fields[9]) for stored, result in transactions if result == 0)


def check_proofs(genesis: Genesis, vector: dict, transactions: list):
    receipt = vector["receipt"]
    stored, proof = transactions[receipt["position"]], bytes.fromhex(receipt["proof"])
    if genesis.receipt(stored, proof) != receipt["position"]:
        raise Refused("another position")
    must_refuse_flips("receipt", proof, 5, lambda data: genesis.receipt(stored, data))
    must_refuse("another transaction", genesis.receipt, transactions[0], proof)
    yield "a receipt proves its transaction's place in the log, and no other"

    refused, *others = vector["fates"]
    check_refusal(genesis, refused)
    for fate in others:
        must_refuse("no refusal", genesis.refusal, *map(bytes.fromhex, (fate["stored"], fate["proof"])))
    yield "a refusal is proven; acceptance, a copy of it and a copy after its time are none"

    for name in ("present", "withdrawn", "in_force"):
        check_entry(genesis, vector[name])
    yield "the state proves an entry, a withdrawn record, and by absence one in force"

    given = vector["consistency"]
    roots = []
    for name in ("older", "newer"):
        header = genesis.checkpoint(cbor.decode(bytes.fromhex(given[name])))
        roots.append((header.log_size, header.log_root))
    grown = lambda data: check_grown(genesis, roots, data)
    must_refuse_flips("consistency", bytes.fromhex(given["proof"]), 5, grown)
    yield "the newer log begins with the older one"


def check_refusal(genesis: Genesis, given: dict):
    stored, proof = bytes.fromhex(given["stored"]), bytes.fromhex(given["proof"])
    if genesis.refusal(stored, proof) != given["result"]:
        raise Refused("another refusal")
    must_refuse("another transaction", genesis.refusal, stored + b"\0", proof)
    must_refuse_flips("refusal", proof, 3, lambda data: genesis.refusal(stored, data))


def check_entry(genesis: Genesis, given: dict):
    key, proof = bytes.fromhex(given["key"]), bytes.fromhex(given["proof"])
    expected = given["value"] and bytes.fromhex(given["value"])
    read = lambda data: genesis.entry(key, cbor.decode(data))
    if read(proof) != expected:
        raise Refused("another entry")
    must_refuse_flips("entry", proof, 11, read)


def check_grown(genesis: Genesis, roots: list, proof: bytes):
    older, newer, path = cbor.decode(proof)
    if (older, newer) != (roots[0][0], roots[1][0]):
        raise Refused("another size")
    merkle.check_consistency(genesis.suite, *roots, path)


def check_pages(genesis: Genesis, vector: dict):
    for name in ("card", "grant"):
        given = vector[name]
        start, page = bytes.fromhex(given["start"]), bytes.fromhex(given["page"])
        subject, count, digest, _ = whole_page(genesis, page)
        empty = genesis.suite.labelled("medfolder/running-digest", subject)
        equal("running digest at the start", empty, start)
        equal("running digest", digest, bytes.fromhex(given["digest"]))
        if count != given["count"]:
            raise Refused("another number of steps")
        must_refuse_flips("page", page, 29, lambda data: whole_page(genesis, data))
        fields = cbor.decode(page)
        fields[2].pop()
        must_refuse("a shortened page", whole_page, genesis, cbor.encode(fields))
        yield f"the page of the {name} folds to its running digest, a changed one does not"


def whole_page(genesis: Genesis, page: bytes):
    result = genesis.page(page)
    if not result[3]:
        raise Refused("the list is not whole")
    return result
