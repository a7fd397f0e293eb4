import { describe, expect, test } from 'vitest';
import {
  TLS_CONTENT_BYTES_MAX,
  TLS_OVERHEAD_BYTES,
  TlsDirection,
  hkdfExtract,
  trafficSecret,
} from '../../../src/net/tcp/tls-record.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

/** RFC 8448 section 3, "Simple 1-RTT Handshake". */
const CLIENT_SECRET = hex('9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5');
const MASTER_SECRET = hex('18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919');
const RECORD = hex(`17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f
  2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15
  e4`);
const PAYLOAD = Uint8Array.from({ length: 50 }, (_, i) => i);

function direction(secret = CLIENT_SECRET): TlsDirection {
  const made = new TlsDirection();
  made.rekey(secret);
  return made;
}

function seal(from: TlsDirection, content: Uint8Array): Uint8Array {
  const plain = new Uint8Array(content.length + 1);
  plain.set(content);
  const record = new Uint8Array(content.length + TLS_OVERHEAD_BYTES);
  expect(from.seal(plain, content.length, record)).toBe(record.length);
  return record;
}

function open(by: TlsDirection, record: Uint8Array): Uint8Array | null {
  const plain = new Uint8Array(Math.max(0, record.length - 21));
  const bytes = by.open(record, plain);
  return bytes < 0 ? null : plain.slice(0, bytes);
}

describe('against the trace of RFC 8448', () => {
  test('the first record of application data is the one of the trace, byte for byte', () => {
    expect(seal(direction(), PAYLOAD)).toEqual(RECORD);
  });

  test('and opens to its payload', () => {
    expect(open(direction(), RECORD)).toEqual(PAYLOAD);
  });

  test('HKDF-Extract: the test vector of RFC 5869, appendix A.1', () => {
    const prk = hkdfExtract(hex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b));
    expect(new Uint8Array(prk)).toEqual(hex('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5'));
  });
});

test('the sequence number is part of the nonce: equal contents make different records, and only their order opens', () => {
  const [sender, receiver] = [direction(), direction()];
  const [first, second] = [seal(sender, PAYLOAD), seal(sender, PAYLOAD)];
  expect(second).not.toEqual(first);
  expect(open(receiver, first)).toEqual(PAYLOAD);
  expect(open(receiver, second)).toEqual(PAYLOAD);
  expect(open(direction(), second)).toBeNull();
});

test('each side has keys of its own', () => {
  const [client, server] = [trafficSecret(MASTER_SECRET, 'client'), trafficSecret(MASTER_SECRET, 'server')];
  expect(open(direction(server), seal(direction(client), PAYLOAD))).toBeNull();
  expect(open(direction(client), seal(direction(client), PAYLOAD))).toEqual(PAYLOAD);
});

test('one bit anywhere, header and tag included, and the record does not open', () => {
  for (let at = 0; at < RECORD.length; at++) {
    const damaged = RECORD.slice();
    damaged[at] ^= 0x10;
    expect(open(direction(), damaged)).toBeNull();
  }
  expect(open(direction(), RECORD.slice(0, 21))).toBeNull();
});

test('the largest content there may be', () => {
  const content = Uint8Array.from({ length: TLS_CONTENT_BYTES_MAX }, (_, i) => i * 7);
  expect(open(direction(), seal(direction(), content))).toEqual(content);
});
