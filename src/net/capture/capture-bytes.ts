// The bytes of a capture, which come from a file, a pipe or a decompressor, as far as they have been asked for.

/** Most bytes of a capture, decompressed. */
export const CAPTURE_BYTES_MAX = 2 ** 31 - 1;

const FIRST_BYTES = 65_536;

/** Puts more bytes into a buffer and returns how many; 0 at the end. */
export type ReadBytes = (into: Uint8Array) => number;

/** A capture's bytes from the first on. `view` and `bytes` change when more are read. */
export class CaptureBytes {
  bytes: Uint8Array;
  view: DataView;
  /** Bytes that are there. */
  length = 0;
  private readonly read: ReadBytes;

  /** @param expectedBytes a guess of their number. */
  constructor(read: ReadBytes, expectedBytes = FIRST_BYTES) {
    this.read = read;
    this.bytes = new Uint8Array(Math.max(expectedBytes, 1));
    this.view = new DataView(this.bytes.buffer);
  }

  /** Whether bytes `at` to `at + count` are there, once as much has been read as is needed to tell. */
  has(at: number, count: number): boolean {
    while (at + count > this.length) {
      if (this.length === CAPTURE_BYTES_MAX) return false;
      if (this.length === this.bytes.length) this.grow();
      const got = this.read(this.bytes.subarray(this.length));
      if (got === 0) return false;
      this.length += got;
    }
    return true;
  }

  private grow(): void {
    const larger = new Uint8Array(Math.min(this.bytes.length * 2, CAPTURE_BYTES_MAX));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** Bytes that are all there. */
export function bytesOf(content: Uint8Array): CaptureBytes {
  let at = 0;
  return new CaptureBytes((into) => {
    const part = content.subarray(at, at + into.length);
    into.set(part);
    at += part.length;
    return part.length;
  }, content.length);
}
