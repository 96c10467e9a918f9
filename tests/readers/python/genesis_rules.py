"""What a genesis file must keep (docs/formats/ledger.md, “Genesis”); each rule raises its code."""

import ipaddress

import points
from statement import breaks
from suites import SUITES, Refused, Suite

MOST_NAME, MOST_URL = 200, 400
FOLDER_HEAD = 8  # The one window that may be 0.


def must(holds: bool, code: str):
    if not holds:
        raise Refused(f"genesis.{code}")


def key(check, data: bytes, code: str):
    """The key, by its suite's own check."""
    try:
        check(data)
    except ValueError:
        raise Refused(code) from None


def check(suite: Suite, genesis: list):
    members, areas, policy, engine = genesis[5:9]
    for ids in ([m[0] for m in members], [a[0] for a in areas]):
        must(ids == sorted(set(ids)), "order")
    check_texts(genesis[2], members, areas)
    check_keys(suite, members, engine[1][0])
    must(all(area[1] in [m[0] for m in members] for area in areas), "area")
    check_policy(policy)


def check_texts(name: str, members: list, areas: list):
    names = [member[1] for member in members]
    must(all(map(is_name, [name, *names])) and len(set(names)) == len(names), "text")
    urls = [url for member in members for url in member[6] if url is not None]
    urls += [url for area in areas for url in area[2]]
    must(all(map(is_url, urls)), "text")


def check_keys(suite: Suite, members: list, engine: list):
    seen = []
    for *_, keys, _, _, _ in (member[:8] for member in members):
        alliance, seal, receive, host, consensus, tls, credential = (keys + [None] * 3)[:7]
        for one in (alliance, seal, host):
            key(suite.check_verifying, one, "genesis.key")
        key(suite.check_encryption, receive, "genesis.key")
        must(tls is None or is_tls(tls), "key")
        must(credential is None or is_p256(credential), "key")
        check_consensus(suite, consensus or engine)
        seen += [alliance, seal, receive, host, *(consensus or []), *filter(None, (tls, credential))]
    check_consensus(suite, engine)
    if engine not in [member[4][4] for member in members if len(member[4]) > 4]:
        seen += engine
    must(len(set(seen)) == len(seen), "same_key")


def check_consensus(suite: Suite, keys: list):
    must(len(keys) == (2 if suite is SUITES["national"] else 1), "key")
    for one, checked in zip(keys, SUITES.values()):
        key(checked.check_verifying, one, "genesis.key")


def check_policy(policy: list):
    (over, of), windows, _, _, _, _, release = policy
    must(0 < over < of, "policy")
    must(all(w > 0 for at, w in enumerate(windows) if at != FOLDER_HEAD), "policy")
    must(windows[4] <= windows[5], "policy")
    numbers = [number for number, _ in release]
    must(numbers == sorted(set(numbers)), "policy")


def is_name(text: str) -> bool:
    fits = len(text.encode()) <= MOST_NAME and bool(text.strip())
    return fits and not any(map(breaks, text))


def is_url(text: str) -> bool:
    printable = len(text) <= MOST_URL and all("!" <= c <= "~" for c in text)
    return printable and (text.startswith("https://") or is_local(text))


def is_local(text: str) -> bool:
    """http, and an address of the machine itself."""
    if not text.startswith("http://"):
        return False
    host = text[7:]
    for mark in "/?#":
        host = host.split(mark)[0]
    if not host.endswith("]") and ":" in host:
        host, port = host.rsplit(":", 1)
        if not all(c in "0123456789" for c in port):
            return False
    if host in ("localhost", "[::1]"):
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def is_p256(data: bytes) -> bool:
    return len(data) == 33 and data[0] in (2, 3)


def is_tls(data: bytes) -> bool:
    try:
        points.check_edwards(data)
    except ValueError:
        return is_p256(data)
    return True
