"""The form of the vectors in tests/vectors/refused: one thing each that a reader must refuse, or –
so that a refusal says something – must accept.

    {name, what, suite, hex | parts | base and splices, code?, accepted?, …}

`parts` are pairs of hexadecimal and a number of times, joined. `splices` change the vector named
`base` of the same file: triples of place, number of bytes taken out, and hexadecimal put in; places
are those of the base. `code` is the Rust side's stable code, or its beginning where it ends in a dot.
"""

GAP = 8


def refused(name: str, what: str, suite: str, data, code: str = "", **more) -> dict:
    return {"name": name, "what": what, "suite": suite, **written(data), **more} | (
        {"code": code} if code else {}
    )


def accepted(name: str, what: str, suite: str, data, **more) -> dict:
    return {"name": name, "what": what, "suite": suite, **written(data), **more, "accepted": True}


def changed(base: dict, name: str, data: bytes, code: str = "", **more) -> dict:
    """A refused vector, written as a change of an accepted one where that is shorter."""
    vector = refused(name, base["what"], base["suite"], data, code, **more)
    splices = between(read(base), data)
    if sum(len(insert) + 20 for _, _, insert in splices) < len(vector["hex"]):
        given = {key: value for key, value in vector.items() if key != "hex"}
        return {**given, "base": base["name"], "splices": splices}
    return vector


def written(data) -> dict:
    if isinstance(data, bytes):
        return {"hex": data.hex()}
    return {"parts": [[part.hex(), count] for part, count in data]}


def between(old: bytes, new: bytes) -> list:
    """Splices that make `new` of `old`."""
    if len(old) != len(new):
        start = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
        most = min(len(old), len(new)) - start
        same = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
        return [[start, len(old) - start - same, new[start : len(new) - same].hex()]]
    runs = []
    for at in (i for i in range(len(old)) if old[i] != new[i]):
        if runs and at - runs[-1][1] < GAP:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    return [[start, end - start, new[start:end].hex()] for start, end in runs]


def read(vector: dict, bases: dict | None = None) -> bytes:
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    if "parts" in vector:
        return b"".join(bytes.fromhex(part) * count for part, count in vector["parts"])
    data = read(bases[vector["base"]])
    for at, count, insert in reversed(vector["splices"]):
        data = data[:at] + bytes.fromhex(insert) + data[at + count :]
    return data
