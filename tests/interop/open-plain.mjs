// Opens a SMART Health Link with nothing but Node itself: no library of ours, no JOSE library.
//
//   node open-plain.mjs LINK [--passcode P] [--recipient NAME]
//
// {"ok":true,"files":[{"contentType","text"}]} or {"ok":false,"status":N,"body":…,"retryAfter":…}

import { createDecipheriv } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { inflateRawSync } from 'node:zlib';

export function decrypt(jwe, keyText) {
  const [header, empty, nonce, ciphertext, tag, ...more] = jwe.split('.');
  const { alg, enc, cty, zip } = JSON.parse(Buffer.from(header, 'base64url'));
  if (alg !== 'dir' || enc !== 'A256GCM' || empty !== '' || more.length > 0) {
    throw new Error('not a file of a SMART Health Link');
  }
  const bytes = (text) => Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', bytes(keyText), bytes(nonce));
  decipher.setAAD(Buffer.from(header, 'ascii'));
  decipher.setAuthTag(bytes(tag));
  const plain = Buffer.concat([decipher.update(bytes(ciphertext)), decipher.final()]);
  return { contentType: cty, content: zip === 'DEF' ? inflateRawSync(plain) : plain };
}

class Refused extends Error {
  constructor(response, body) {
    super(`HTTP ${response.status}`);
    this.answer = { status: response.status, body, retryAfter: response.headers.get('retry-after') };
  }
}

async function get(url, options) {
  const response = await fetch(url, { redirect: 'error', ...options });
  const body = await response.text();
  if (response.status !== 200) throw new Refused(response, body);
  return body;
}

async function fetchFiles({ url, flag = '' }, recipient, passcode) {
  if (flag.includes('U')) {
    const address = new URL(url);
    address.searchParams.set('recipient', recipient);
    return [{ embedded: await get(address) }];
  }
  const body = JSON.stringify({ recipient, passcode });
  const headers = { 'content-type': 'application/json' };
  const { files } = JSON.parse(await get(url, { method: 'POST', headers, body }));
  for (const file of files) file.embedded ??= await get(file.location);
  return files;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { passcode: { type: 'string' }, recipient: { type: 'string', default: 'node' } },
  });
  const encoded = positionals[0].slice(positionals[0].indexOf('shlink:/') + 'shlink:/'.length);
  const payload = JSON.parse(Buffer.from(encoded, 'base64url'));
  try {
    const files = await fetchFiles(payload, values.recipient, values.passcode);
    const opened = files.map(({ embedded }) => {
      const { contentType, content } = decrypt(embedded, payload.key);
      return { contentType, text: content.toString('utf8') };
    });
    console.log(JSON.stringify({ ok: true, files: opened }));
  } catch (error) {
    console.log(JSON.stringify({ ok: false, message: error.message, ...error.answer }));
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
