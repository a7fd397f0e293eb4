// Reads a capture file of either format; the content decides which, not the name.
import { readFileSync, statSync } from 'node:fs';
import { CaptureCollector, CaptureFileError, type Capture } from './capture.ts';
import { isPcap, readPcap } from './pcap.ts';
import { isPcapng, readPcapng } from './pcapng.ts';

/** What Node reads into one buffer at once. */
const FILE_BYTES_MAX = 0x7fff_ffff;
const GZIP_MAGIC = 0x1f8b;

/** Reads a pcap or pcapng file. Throws CaptureFileError, or the system's error when the file cannot be opened. */
export function readCaptureFile(path: string): Capture {
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) throw new CaptureFileError(path, 0, `${size} bytes, files of up to 2 GiB can be read`);
  return parseCapture(readFileSync(path), path);
}

/** Reads the content of a pcap or pcapng file; `fileName` is for messages. Throws CaptureFileError. */
export function parseCapture(content: Uint8Array, fileName: string): Capture {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const collector = new CaptureCollector(content, fileName);
  if (isPcap(view)) {
    readPcap(view, collector);
    return collector.finish('pcap');
  }
  if (isPcapng(view)) {
    readPcapng(view, collector);
    return collector.finish('pcapng');
  }
  const compressed = view.byteLength >= 2 && view.getUint16(0, false) === GZIP_MAGIC;
  throw collector.error(
    0,
    compressed ? 'compressed with gzip: decompress it first' : 'neither a pcap nor a pcapng file',
  );
}
