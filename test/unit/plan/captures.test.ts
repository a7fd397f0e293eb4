import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCidr } from '../../../src/net/wire/address.ts';
import { readyReplay, surveyCapture } from '../../../src/plan/wires/captures.ts';
import type { ReplaySpec } from '../../../src/scenario/scenario.ts';
import { pcapBytes } from '../../support/capture-bytes.ts';
import { ipv4Frame } from '../../support/replay-bed.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

const WHOLE: ReplaySpec = { frames: 'all', timeNs: 'all', longestPauseNs: 1e9, split: 'none', clients: 'none' };
const PORTS = [
  { name: 'eth0', mtuBytes: 1500 },
  { name: 'eth1', mtuBytes: 1500 },
];
const ADDRESSING = { network: parseCidr('198.18.1.0/24'), firstHost: 10, routes: [] };
const header = (i: number): number[] => {
  const bytes = [
    ...ipv4Frame({ protocol: 'udp', dst: 0x0a00_0000 + i, port: i & 0xff, ttl: 9, sizeBytes: 64, fill: 0 }),
  ];
  return bytes.slice(0, 34);
};

function bytesOf(...holders: object[]): number {
  const buffers = new Set<ArrayBufferLike>();
  for (const holder of holders) {
    for (const value of Object.values(holder)) if (ArrayBuffer.isView(value)) buffers.add(value.buffer);
  }
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

describe('what a capture costs', () => {
  it.each([
    ['frames of 14 bytes', (i: number) => [...header(i).slice(0, 12), 8, 6], 14],
    ['headers alone', header, 34],
    ['headers of long frames that were cut', header, 1514],
  ])('is at most three times its size, and four times for a stream: %s', (_name, frame, original) => {
    const path = join(folder, 'many.pcap');
    const frames = Array.from({ length: 20_000 }, (_, i) => ({ seconds: i, fraction: 0, bytes: frame(i), original }));
    writeFileSync(path, pcapBytes(frames, true));
    const { size } = statSync(path);
    const { capture, selections } = surveyCapture(path, WHOLE, PORTS);
    expect(capture.frameCount).toBe(20_000);
    const { times, parts } = selections[0];
    expect(bytesOf(capture, times, { parts }) / size).toBeLessThan(3);
    const { frames: ready, index } = readyReplay(selections[0], WHOLE, ADDRESSING);
    expect(bytesOf(ready, index) / size).toBeLessThan(4);
  });

  it('is paid once: streams that are addressed alike share their frames, and a file is read again when it changed', () => {
    const path = join(folder, 'shared.pcap');
    writeFileSync(path, pcapBytes([{ seconds: 1, fraction: 0, bytes: header(1) }], true));
    const { selections, capture } = surveyCapture(path, WHOLE, PORTS);
    const [first, second] = selections.map((selection) => readyReplay(selection, WHOLE, { ...ADDRESSING }));
    expect(second).toBe(first);
    expect(surveyCapture(path, WHOLE, PORTS).capture).toBe(capture);
    writeFileSync(
      path,
      pcapBytes(
        [1, 2].map((i) => ({ seconds: i, fraction: 0, bytes: header(i) })),
        true,
      ),
    );
    expect(surveyCapture(path, WHOLE, PORTS).capture.frameCount).toBe(2);
  });
});
