// The TLS 1.3 record layer with AES-128-GCM (RFC 8446 section 5) for application data, one direction of a connection.
//
//   0        1          3         5
//   | 23     | 0x0303   | length  | content, 23 (application data), encrypted | tag, 16 bytes
//
// node:crypto allocates a cipher and a buffer for every record; a cipher cannot be used again with another nonce.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { writeU16, writeU32 } from '../wire/network-order.ts';

const HEADER_BYTES = 5;
const TAG_BYTES = 16;
const KEY_BYTES = 16;
const IV_BYTES = 12;
/** Largest content of a record: 2^14 bytes (RFC 8446 section 5.1). */
export const TLS_CONTENT_BYTES_MAX = 16_384;
/** What a record has beside its content: header, content type and tag. */
export const TLS_OVERHEAD_BYTES: number = HEADER_BYTES + 1 + TAG_BYTES;
const TYPE_APPLICATION_DATA = 23;
const LEGACY_VERSION = 0x0303;
const CIPHER = 'aes-128-gcm';
const HASH = 'sha256';
const HASH_BYTES = 32;

/** HKDF-Extract: RFC 5869 section 2.2. */
export function hkdfExtract(salt: Uint8Array, secret: Uint8Array): Buffer {
  return createHmac(HASH, salt).update(secret).digest();
}

const FIRST_BLOCK = 1;

/** What HKDF-Expand hashes for a label with an empty context: RFC 8446 section 7.1, RFC 5869 section 2.3. */
class Label {
  readonly lengthBytes: number;
  readonly info: Uint8Array;

  /** @param lengthBytes one block at most, 32. */
  constructor(label: string, lengthBytes: number) {
    const name = Buffer.from(`tls13 ${label}`, 'latin1');
    this.lengthBytes = lengthBytes;
    this.info = Uint8Array.from([lengthBytes >>> 8, lengthBytes, name.length, ...name, 0, FIRST_BLOCK]);
  }
}

const CLIENT_TRAFFIC = new Label('c ap traffic', HASH_BYTES);
const SERVER_TRAFFIC = new Label('s ap traffic', HASH_BYTES);
const KEY = new Label('key', KEY_BYTES);
const IV = new Label('iv', IV_BYTES);

function expand(secret: Uint8Array, { info, lengthBytes }: Label): Uint8Array {
  return createHmac(HASH, secret).update(info).digest().subarray(0, lengthBytes);
}

/** The traffic secret of one side, as of RFC 8446 section 7.1, from a secret of the connection's own. */
export function trafficSecret(connectionSecret: Uint8Array, side: 'client' | 'server'): Uint8Array {
  return expand(connectionSecret, side === 'client' ? CLIENT_TRAFFIC : SERVER_TRAFFIC);
}

/** Records of one direction: their keys and the sequence number of the next. */
export class TlsDirection {
  private key: Uint8Array = new Uint8Array(KEY_BYTES);
  private iv: Uint8Array = new Uint8Array(IV_BYTES);
  private readonly nonce = new Uint8Array(IV_BYTES);
  private readonly header = new Uint8Array(HEADER_BYTES);
  private sequence = 0;

  /** Keys of a traffic secret: RFC 8446 section 7.3. */
  rekey(secret: Uint8Array): void {
    this.key = expand(secret, KEY);
    this.iv = expand(secret, IV);
    this.sequence = 0;
  }

  /** The next record, of the first `lengthBytes` of `plain`, which has room for one byte more: the content type. */
  seal(plain: Uint8Array, lengthBytes: number, record: Uint8Array): number {
    plain[lengthBytes] = TYPE_APPLICATION_DATA;
    this.setHeader(lengthBytes + 1 + TAG_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, this.nextNonce());
    cipher.setAAD(this.header);
    record.set(this.header, 0);
    record.set(cipher.update(plain.subarray(0, lengthBytes + 1)), HEADER_BYTES);
    cipher.final();
    record.set(cipher.getAuthTag(), HEADER_BYTES + lengthBytes + 1);
    return lengthBytes + TLS_OVERHEAD_BYTES;
  }

  /**
   * Opens the next record, which is all of `record`, into `plain`. @returns the length of its content, -1 when the
   * record is not ours: header or tag wrong, or no application data (RFC 8446 sections 5.2 and 5.4).
   */
  open(record: Uint8Array, plain: Uint8Array): number {
    const encryptedBytes = record.length - HEADER_BYTES;
    if (encryptedBytes < 1 + TAG_BYTES) return -1;
    this.setHeader(encryptedBytes);
    for (let i = 0; i < HEADER_BYTES; i++) if (record[i] !== this.header[i]) return -1;
    const decipher = createDecipheriv(CIPHER, this.key, this.nextNonce());
    decipher.setAAD(this.header);
    decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
    plain.set(decipher.update(record.subarray(HEADER_BYTES, record.length - TAG_BYTES)), 0);
    try {
      decipher.final();
    } catch {
      return -1;
    }
    // No padding is sent here, so the content type is the last byte.
    const contentBytes = encryptedBytes - TAG_BYTES - 1;
    return plain[contentBytes] === TYPE_APPLICATION_DATA ? contentBytes : -1;
  }

  private setHeader(encryptedBytes: number): void {
    this.header[0] = TYPE_APPLICATION_DATA;
    writeU16(this.header, 1, LEGACY_VERSION);
    writeU16(this.header, 3, encryptedBytes);
  }

  /** The sequence number, padded to the IV's length, xor the IV: RFC 8446 section 5.3. */
  private nextNonce(): Uint8Array {
    const { nonce, iv } = this;
    nonce.fill(0);
    writeU32(nonce, IV_BYTES - 4, this.sequence++);
    for (let i = 0; i < IV_BYTES; i++) nonce[i] ^= iv[i];
    return nonce;
  }
}
