// The browser's module in Node: opens the pinned vectors, and refuses each of them once changed.
// Run by scripts/test-wasm.sh, which builds the module and passes its folder in MEDFOLDER_WASM.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import test from "node:test";

const require = createRequire(import.meta.url);
const medfolder = require(join(resolve(process.env.MEDFOLDER_WASM), "medfolder.js"));
const vectors = JSON.parse(
  readFileSync(new URL("../../../../tests/vectors/evidence.json", import.meta.url), "utf8"),
);
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const flipped = (array, index) => {
  const copy = Uint8Array.from(array);
  copy[index] ^= 1;
  return copy;
};
const thrown = (action) => {
  try {
    action();
  } catch (code) {
    return code;
  }
  return undefined;
};

test("a link is read without showing its key", () => {
  const link = JSON.parse(medfolder.readLink(vectors.link));
  assert.equal(link.label, "给医生看");
  assert.match(link.url, /^https:\/\/edge\.example\/s\//);
  assert.ok(!("key" in link));
  assert.equal(thrown(() => medfolder.readLink("shlink:/e")), "link.cut_short");
});

test("a file opens with its link and a changed one does not", () => {
  const file = JSON.parse(medfolder.openFile(vectors.link, vectors.jwe));
  assert.equal(file.contentType, "application/fhir+json");
  assert.equal(file.content, vectors.body);
  const [header, key, nonce, text, tag] = vectors.jwe.split(".");
  const swap = (part) => (part.startsWith("A") ? "B" : "A") + part.slice(1);
  for (const parts of [
    [header, key, swap(nonce), text, tag],
    [header, key, nonce, swap(text), tag],
    [header, key, nonce, text, swap(tag)],
  ]) {
    assert.equal(thrown(() => medfolder.openFile(vectors.link, parts.join("."))), "jwe.opaque");
  }
});

for (const suite of ["international", "national"]) {
  const { genesis, checkpoint, whole, part, record } = vectors[suite];

  test(`${suite}: a whole record and a single entry are verified`, () => {
    const full = JSON.parse(medfolder.verifyEvidence(bytes(whole), vectors.body, bytes(genesis)));
    assert.equal(full.report.seal, "verified");
    assert.equal(full.report.trust, "known");
    assert.equal(full.report.record, record);
    assert.match(full.summary.zh, /儿童医院/);
    const piece = JSON.parse(medfolder.verifyEvidence(bytes(part), undefined, bytes(genesis)));
    assert.equal(piece.report.seal, "verified_in_part");
  });

  test(`${suite}: a reader without the genesis is told that the ledger is not known`, () => {
    const { report } = JSON.parse(medfolder.verifyEvidence(bytes(whole), vectors.body, undefined));
    assert.equal(report.trust, "self_declared");
  });

  test(`${suite}: a changed text fails by name`, () => {
    const other = vectors.body.replace("青霉素", "头孢");
    const { report } = JSON.parse(medfolder.verifyEvidence(bytes(whole), other, bytes(genesis)));
    assert.equal(report.seal, "failed");
    assert.deepEqual(
      report.checks.filter((check) => check.outcome === "fails").map((check) => check.code),
      ["evidence.content"],
    );
  });

  test(`${suite}: no changed byte of a pack is taken`, () => {
    const pack = bytes(whole);
    // The genesis file at the pack's end proves nothing by itself; the reader has its own.
    const end = pack.length - bytes(genesis).length - 3;
    const step = suite === "national" ? 61 : 17;
    for (let index = 0; index < end; index += step) {
      let seal;
      try {
        const answer = medfolder.verifyEvidence(flipped(pack, index), vectors.body, bytes(genesis));
        seal = JSON.parse(answer).report.seal;
      } catch (code) {
        assert.match(code, /^evidence\./);
        continue;
      }
      assert.equal(seal, "failed", `byte ${index}`);
    }
  });

  test(`${suite}: a checkpoint is checked offline`, () => {
    const header = JSON.parse(medfolder.checkCheckpoint(bytes(genesis), bytes(checkpoint)));
    assert.equal(header.height, 2);
    const last = bytes(checkpoint).length - 1;
    const changed = flipped(bytes(checkpoint), suite === "national" ? last : last - 1);
    assert.notEqual(thrown(() => medfolder.checkCheckpoint(bytes(genesis), changed)), undefined);
    const again = medfolder.checkCheckpoint(bytes(genesis), bytes(checkpoint), bytes(checkpoint));
    assert.equal(JSON.parse(again).height, 2);
  });
}
