// Issues a SMART Health Link with kill-the-clipboard and serves it on a free loopback port until
// standard input closes.
//
//   node issue.mjs FILE… [--zip] [--passcode P] [--direct] [--long-term] [--label TEXT] [--locations]
//
// First line of output: {"link":…}. FILEs are FHIR JSON. With --locations nothing is embedded.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { encryptSHLFile, SHL, SHLManifestBuilder } from 'kill-the-clipboard';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    zip: { type: 'boolean', default: false },
    passcode: { type: 'string' },
    direct: { type: 'boolean', default: false },
    'long-term': { type: 'boolean', default: false },
    label: { type: 'string' },
    locations: { type: 'boolean', default: false },
  },
});
const ATTEMPTS = 5;
const stored = new Map();
let attempts = ATTEMPTS;
let serve = () => ({ status: 503 });

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { status, type = 'application/json', body = '{}' } = await serve(
    request.method,
    new URL(request.url, origin()),
    Buffer.concat(chunks).toString('utf8'),
  );
  response.writeHead(status, { 'content-type': type }).end(body);
});

const origin = () => `http://127.0.0.1:${server.address().port}`;
const flag = () =>
  (values['long-term'] ? 'L' : '') + (values.passcode ? 'P' : '') + (values.direct ? 'U' : '');

function link(manifestPath) {
  const parts = { baseManifestURL: origin(), manifestPath };
  if (flag() !== '') parts.flag = flag();
  if (values.label !== undefined) parts.label = values.label;
  return SHL.generate(parts);
}

function sendStored(path) {
  const jwe = stored.get(path);
  return jwe === undefined ? { status: 404 } : { status: 200, type: 'application/jose', body: jwe };
}

async function directFile(files) {
  const shl = link('');
  const jwe = await encryptSHLFile({
    content: files[0],
    key: shl.key,
    contentType: 'application/fhir+json',
    enableCompression: values.zip,
  });
  stored.set(new URL(shl.url).pathname, jwe);
  serve = (method, url) => {
    if (method !== 'GET') return { status: 405 };
    return url.searchParams.get('recipient') ? sendStored(url.pathname) : { status: 400 };
  };
  return shl;
}

async function manifest(files) {
  const shl = link('manifest');
  const builder = new SHLManifestBuilder({
    shl,
    uploadFile: async (content) => {
      const path = `/files/${stored.size}`;
      stored.set(path, content);
      return path;
    },
    getFileURL: async (path) => origin() + path,
    loadFile: async (path) => stored.get(path),
  });
  for (const content of files) {
    await builder.addFHIRResource({ content: JSON.parse(content), enableCompression: values.zip });
  }
  serve = async (method, url, body) => {
    if (method === 'GET') return sendStored(url.pathname);
    if (url.href !== shl.url || attempts === 0) return { status: 404 };
    const { recipient, passcode, embeddedLengthMax } = JSON.parse(body);
    if (!recipient) return { status: 400 };
    if (values.passcode !== undefined && passcode !== values.passcode) {
      attempts -= passcode === undefined ? 0 : 1;
      return { status: 401, body: JSON.stringify({ remainingAttempts: attempts }) };
    }
    const limit = values.locations ? { embeddedLengthMax: 0 } : embeddedLengthMax !== undefined ? { embeddedLengthMax } : {};
    return { status: 200, body: JSON.stringify(await builder.buildManifest(limit)) };
  };
  return shl;
}

server.listen(0, '127.0.0.1', async () => {
  const files = positionals.map((path) => readFileSync(path, 'utf8'));
  const shl = values.direct ? await directFile(files) : await manifest(files);
  console.log(JSON.stringify({ link: shl.toURI() }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
