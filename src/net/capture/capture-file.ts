// Reads a capture: a file, a pipe or standard input, packed or not; the content decides what it is, not the name.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants, gunzipSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { bytesOf, CAPTURE_BYTES_MAX, CaptureBytes } from './capture-bytes.ts';
import { STANDARD_INPUT } from '../choices.ts';
import { CaptureCollector, CaptureFileError, WHOLE_CAPTURE } from './capture.ts';
import type { Capture, CaptureLimits } from './capture.ts';
import { isPcap, readPcap } from './pcap.ts';
import { isPcapng, readPcapng } from './pcapng.ts';

const STANDARD_INPUT_FD = 0;
/** How long is waited for more of a pipe that another process made non-blocking. */
const PIPE_WAIT_MS = 5;

/** Most bytes that a packed capture may hold, whatever its size. */
const UNPACKED_BYTES_MAX = 2 ** 30;
const GZIP_MAGIC = 0x1f8b_0000;
const ZSTD_MAGIC = 0x28b5_2ffd;
/** A zstd frame that decompressors skip, in any of its sixteen forms. */
const ZSTD_SKIPPABLE = 0x184d_2a50;

/** First bytes of files that are something else, as a big-endian word and a mask, and what to do about them. */
const OTHER_FORMATS: readonly (readonly [magic: number, mask: number, found: string])[] = [
  [0xfd37_7a58, 0xffff_ffff, 'packed with xz: "xz -dc FILE | vhostlab run ... --pcap -" reads it'],
  [0x0422_4d18, 0xffff_ffff, 'packed with lz4: "lz4 -dc FILE | vhostlab run ... --pcap -" reads it'],
  [0x425a_6800, 0xffff_ff00, 'packed with bzip2: "bzip2 -dc FILE | vhostlab run ... --pcap -" reads it'],
  [0x504b_0304, 0xffff_ffff, 'a zip archive: unpack it'],
  [0xa1b2_cd34, 0xffff_ffff, 'a modified pcap file (Kuznetzov): "editcap FILE OUT" makes a pcapng file of it'],
  [0x34cd_b2a1, 0xffff_ffff, 'a modified pcap file (Kuznetzov): "editcap FILE OUT" makes a pcapng file of it'],
  [0x736e_6f6f, 0xffff_ffff, 'a snoop file: "editcap FILE OUT" makes a pcapng file of it'],
  [0x474d_4255, 0xffff_ffff, 'a Network Monitor file: "editcap FILE OUT" makes a pcapng file of it'],
  [0x5254_5353, 0xffff_ffff, 'a Network Monitor file: "editcap FILE OUT" makes a pcapng file of it'],
];

/**
 * Reads a pcap or pcapng file, or the same from a pipe, or from standard input for `-`; packed with gzip or zstd or
 * not. Of what is not packed no more is read than `limits` asks for. Throws CaptureFileError, or the system's error
 * when it cannot be opened.
 */
export function readCaptureFile(path: string, limits: CaptureLimits = WHOLE_CAPTURE): Capture {
  const name = path === STANDARD_INPUT ? 'standard input' : path;
  const fd = path === STANDARD_INPUT ? STANDARD_INPUT_FD : openSync(path, 'r');
  try {
    const status = fstatSync(fd);
    if (status.isDirectory()) throw new CaptureFileError(name, 0, 'a directory, not a capture');
    // One byte more, so that the end is found without making room for more.
    const expected = status.isFile() ? Math.min(status.size + 1, CAPTURE_BYTES_MAX) : undefined;
    return parseFrom(new CaptureBytes((into) => readMore(fd, into), expected), name, limits);
  } finally {
    if (fd !== STANDARD_INPUT_FD) closeSync(fd);
  }
}

/** Bytes read, 0 at the end; waits where there are none yet. */
function readMore(fd: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(fd, into);
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_WAIT_MS);
    }
  }
}

/** Reads the content of a pcap or pcapng file; `fileName` is for messages. Throws CaptureFileError. */
export function parseCapture(content: Uint8Array, fileName: string, limits: CaptureLimits = WHOLE_CAPTURE): Capture {
  return parseFrom(bytesOf(content), fileName, limits);
}

function parseFrom(file: CaptureBytes, fileName: string, limits: CaptureLimits): Capture {
  const unpack = unpackerOf(file);
  if (unpack === null) return parsePlain(file, new CaptureCollector(fileName, limits));
  while (file.has(file.length, 1));
  if (file.length === CAPTURE_BYTES_MAX) throw new CaptureFileError(fileName, 0, 'packed, and longer than 2 GiB');
  const { content, isWhole } = unpack(file.bytes.subarray(0, file.length), fileName);
  const collector = new CaptureCollector(fileName, limits);
  if (!isWhole && content.length === 0) throw collector.error(0, 'packed, and cut off before anything can be unpacked');
  const capture = parsePlain(bytesOf(content), collector);
  if (isWhole || capture.warnings.length > 0) return capture;
  return { ...capture, warnings: ['the file is cut off: its packed content ends early'] };
}

function parsePlain(file: CaptureBytes, collector: CaptureCollector): Capture {
  const format = isPcap(file) ? 'pcap' : isPcapng(file) ? 'pcapng' : null;
  if (format === null) throw collector.error(0, otherFormat(file));
  if (format === 'pcap') readPcap(file, collector);
  else readPcapng(file, collector);
  if (file.length === CAPTURE_BYTES_MAX && !collector.full) {
    throw collector.error(
      0,
      'longer than 2 GiB: traffic.replay.frames or traffic.replay.time takes the beginning of it',
    );
  }
  return collector.finish(format, file.bytes);
}

/** What a file is that is no capture. */
function otherFormat(file: CaptureBytes): string {
  const word = file.has(0, 4) ? file.view.getUint32(0, false) : 0;
  const other = OTHER_FORMATS.find(([magic, mask]) => (word & mask) >>> 0 === magic);
  return other === undefined ? 'neither a pcap nor a pcapng file' : other[2];
}

interface Unpacked {
  readonly content: Uint8Array;
  readonly isWhole: boolean;
}

function unpackerOf(file: CaptureBytes): ((packed: Uint8Array, fileName: string) => Unpacked) | null {
  if (!file.has(0, 4)) return null;
  const word = file.view.getUint32(0, false);
  if ((word & 0xffff_0000) >>> 0 === GZIP_MAGIC) return unpackGzip;
  const isSkippable = (file.view.getUint32(0, true) & 0xffff_fff0) >>> 0 === ZSTD_SKIPPABLE;
  return word === ZSTD_MAGIC || isSkippable ? unpackZstd : null;
}

function unpackGzip(packed: Uint8Array, fileName: string): Unpacked {
  const unpack = (finishFlush: number): Uint8Array =>
    gunzipSync(packed, { finishFlush, maxOutputLength: UNPACKED_BYTES_MAX });
  try {
    return { content: unpack(constants.Z_FINISH), isWhole: true };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(fileName);
    // The file ends early; what came before is sound.
    if (error.code === 'Z_BUF_ERROR') return { content: unpack(constants.Z_SYNC_FLUSH), isWhole: false };
    throw new CaptureFileError(fileName, 0, `packed with gzip, and damaged: ${error.message}`);
  }
}

function unpackZstd(packed: Uint8Array, fileName: string): Unpacked {
  const parts: Uint8Array[] = [];
  let total = 0;
  let isWhole = false;
  const stream = new Decompress((part, isFinal = false) => {
    total += part.length;
    if (total > UNPACKED_BYTES_MAX) throw tooLarge(fileName);
    parts.push(part.slice());
    isWhole ||= isFinal;
  });
  const step = 65_536;
  try {
    for (let at = 0; at < packed.length; at += step)
      stream.push(packed.subarray(at, at + step), at + step >= packed.length);
  } catch (error) {
    if (error instanceof CaptureFileError) throw error;
    const isCut = error instanceof Error && error.message === 'unexpected EOF';
    if (!isCut) throw new CaptureFileError(fileName, 0, `packed with zstd, and damaged: ${String(error)}`);
    isWhole = false;
  }
  return { content: Buffer.concat(parts), isWhole };
}

function tooLarge(fileName: string): CaptureFileError {
  return new CaptureFileError(fileName, 0, 'packed, and holds more than 1 GiB: unpack it, or pipe it in with --pcap -');
}
