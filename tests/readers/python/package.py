"""The files of a share (docs/formats/share.md, “Package”)."""

import base64
import binascii
import hashlib
import json

from suites import Refused

EVIDENCE = "application/vnd.medfolder.evidence"
WITHHELD = "urn:medfolder:attachment-withheld"
MOST_ATTACHMENT = 4 << 20


class Package:
    """Records with their evidence, attachments by digest, and what was withheld."""

    def __init__(self, files: list):
        self.records, self.attachments, self.grant, evidence = [], {}, None, []
        values = [json.loads(file) for file in files]
        at = evidence_file(files, values)
        others = [both for i, both in enumerate(zip(files, values)) if i != at]
        if at is not None:
            self.grant, evidence = grant(values[at]), values[at]["entry"]
        self.withheld = [withheld(one) for entry in evidence for one in entry.get("extension", [])]
        named = {entry["resource"]["id"] for entry in evidence}
        for file, value in others:
            if value["resourceType"] == "Binary" and digest(file) not in named:
                self._attach(value)
            else:
                self.records.append(file)
        self.packs = self._pair([entry["resource"] for entry in evidence])

    def _attach(self, value: dict):
        data = binary(value)
        if value["id"] != digest(data) or len(data) > MOST_ATTACHMENT:
            raise Refused("an attachment's digest or size")
        self.attachments[value["id"]] = value["contentType"], data

    def _pair(self, resources: list) -> list:
        """Each record's pack, by digest; records with equal bodies take theirs in order."""
        packs = []
        for record in self.records:
            at = next((i for i, r in enumerate(resources) if r["id"] == digest(record)), None)
            packs.append(None if at is None else binary(resources.pop(at)))
        if resources:
            raise Refused("evidence of a record that is not there")
        return packs


def evidence_file(files: list, values: list):
    """Where the one Bundle of evidence stands that no other one names."""
    bundles = [i for i, value in enumerate(values) if is_evidence(value)]
    named = {entry["resource"]["id"] for i in bundles for entry in values[i]["entry"]}
    left = [i for i in bundles if digest(files[i]) not in named]
    return left[0] if len(left) == 1 else None


def grant(bundle: dict) -> bytes:
    """The grant that the share's receipts must name."""
    identifier = bundle["identifier"]
    if identifier["system"] != "urn:medfolder:grant":
        raise Refused("no grant's number")
    return bytes.fromhex(identifier["value"])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def binary(resource: dict) -> bytes:
    try:
        data = base64.b64decode(resource["data"], validate=True)
    except binascii.Error:
        raise Refused("no base64") from None
    if base64.b64encode(data).decode() != resource["data"]:
        raise Refused("base64 with stray bits")
    return data


def is_evidence(value: dict) -> bool:
    """A Bundle of which every entry is evidence."""
    if value["resourceType"] != "Bundle" or value.get("type") != "collection":
        return False
    resources = [entry.get("resource", {}) for entry in value.get("entry", [])]
    return bool(resources) and all(r.get("contentType") == EVIDENCE for r in resources)


def withheld(extension: dict) -> dict:
    """What is told of an attachment that is not in the share."""
    if extension["url"] != WITHHELD:
        raise Refused("another extension")
    told = {}
    for inner in extension["extension"]:
        [told[inner["url"]]] = [value for name, value in inner.items() if name.startswith("value")]
    if set(told) != {"digest", "size", "name", "mediaType"}:
        raise Refused("what was withheld")
    return told
