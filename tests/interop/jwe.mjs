// Seals and opens single files of a link with software that is not ours: one JSON request per
// line of standard input, one answer per line of standard output.
//
//   {"do":"seal","with":"jose"|"kill-the-clipboard","key","contentType","content",["zip":true]} -> {"jwe"}
//   {"do":"open","with":"jose"|"kill-the-clipboard"|"node","key","jwe"}                        -> {"contentType","content"}
//
// "content" is text; an error is {"error":MESSAGE}.

import { createInterface } from 'node:readline';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { decryptSHLFile, encryptSHLFile } from 'kill-the-clipboard';
import { decrypt } from './open-plain.mjs';

const MAX_PLAINTEXT = 64 * 1024 * 1024;
const bytes = (text) => Buffer.from(text, 'base64url');

const seal = {
  jose: ({ key, contentType, content, zip }) => {
    const header = { alg: 'dir', enc: 'A256GCM', cty: contentType, ...(zip && { zip: 'DEF' }) };
    const text = new TextEncoder().encode(content);
    return new CompactEncrypt(text).setProtectedHeader(header).encrypt(bytes(key));
  },
  'kill-the-clipboard': ({ key, contentType, content, zip }) =>
    encryptSHLFile({ key, contentType, content, enableCompression: zip === true }),
};

const open = {
  jose: async ({ key, jwe }) => {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, bytes(key), {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
      maxDecompressedLength: MAX_PLAINTEXT,
    });
    return { contentType: protectedHeader.cty, content: new TextDecoder().decode(plaintext) };
  },
  'kill-the-clipboard': ({ key, jwe }) => decryptSHLFile({ key, jwe }),
  node: ({ key, jwe }) => {
    const { contentType, content } = decrypt(jwe, key);
    return { contentType, content: content.toString('utf8') };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    const answer =
      request.do === 'seal'
        ? { jwe: await seal[request.with](request) }
        : await open[request.with](request);
    console.log(JSON.stringify(answer));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error.constructor.name}: ${error.message}` }));
  }
}
