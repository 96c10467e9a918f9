// Opens a SMART Health Link with kill-the-clipboard and prints what it found as one JSON object.
//
//   node open.mjs LINK [--passcode P] [--recipient NAME] [--embedded-length-max N]
//
// {"ok":true,"status":…,"manifest":…,"resources":[…],"healthCards":N} or {"ok":false,"error":CLASS,"message":…}

import { parseArgs } from 'node:util';
import { SHLViewer } from 'kill-the-clipboard';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    passcode: { type: 'string' },
    recipient: { type: 'string', default: 'kill-the-clipboard' },
    'embedded-length-max': { type: 'string' },
  },
});

async function open(link) {
  const request = { recipient: values.recipient };
  if (values.passcode !== undefined) request.passcode = values.passcode;
  if (values['embedded-length-max'] !== undefined) {
    request.embeddedLengthMax = Number(values['embedded-length-max']);
  }
  const { manifest, fhirResources, smartHealthCards } = await new SHLViewer({
    shlinkURI: link,
  }).resolveSHL(request);
  return {
    ok: true,
    status: manifest?.status ?? null,
    manifest: manifest ?? null,
    resources: fhirResources,
    healthCards: smartHealthCards.length,
  };
}

try {
  console.log(JSON.stringify(await open(positionals[0])));
} catch (error) {
  console.log(JSON.stringify({ ok: false, error: error.constructor.name, message: error.message }));
  process.exitCode = 1;
}
