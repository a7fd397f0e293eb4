/** Captures replayed on virtual time: their own pace, shares of the line by bytes, directions, fragments, tags. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { pcapBytes } from '../support/capture-bytes.ts';
import type { PcapFrame } from '../support/capture-bytes.ts';
import { ipv4Frame } from '../support/replay-bed.ts';
import type { Ipv4Shape } from '../support/replay-bed.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-captures-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

const udp = (shape: Partial<Ipv4Shape> = {}): number[] => [
  ...ipv4Frame({ protocol: 'udp', dst: 0x0a00_0005, port: 1000, ttl: 64, sizeBytes: 64, fill: 0, ...shape }),
];
/** A capture of these frames at these times in microseconds. */
function fileOf(frames: readonly { readonly us: number; readonly bytes: readonly number[] }[]): string {
  const path = join(folder, `${(files += 1)}.pcap`);
  const records = frames.map(({ us, bytes }): PcapFrame => {
    return { seconds: 1000 + Math.floor(us / 1e6), fraction: us % 1e6, bytes };
  });
  writeFileSync(path, pcapBytes(records, true));
  return path;
}

/** One phase of `ms` at `rate`, after a run-in, on hosts that cost nothing beyond their own work. */
async function replay(pcap: string, rate: string, ms: number, more: readonly string[] = []): Promise<RunResult> {
  const scenario = loadScenario('kvm-forum-2014', {
    overrides: [
      'expect=[]',
      'run.warmup=1ms',
      'run.settle=100ms',
      `run.phases=[{ name: only, rate: ${rate}, duration: ${ms}ms }]`,
      { flag: '--pcap', path: 'traffic.pcap', value: pcap },
      ...more,
    ],
  });
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  const result = await runScenario(scenario, host, { signal: new AbortController().signal });
  expect(result.ledger.faults).toEqual([]);
  expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
  return result;
}

describe('a replay', () => {
  it("keeps a capture's own pace, times a factor, over any number of rounds", async () => {
    const frames = Array.from({ length: 100 }, (_, i) => ({ us: i * 100, bytes: udp({ port: i }) }));
    const path = fileOf(frames);
    for (const [rate, fps] of [
      ['1x', 10_000],
      ['2.5x', 25_000],
    ] as const) {
      const { phases, capture } = await replay(path, rate, 500);
      expect(capture!.streams[0].capturedFps).toBeCloseTo(10_000, 6);
      for (const { offeredFrames, deliveredFrames, lossRatio } of phases[0].streams) {
        expect([offeredFrames, lossRatio]).toEqual([fps / 2, 0]);
        // What is under way at either end.
        expect(Math.abs(deliveredFrames - offeredFrames)).toBeLessThan(20);
      }
      expect(phases[0].rate).toBe(rate);
    }
  });

  it('does not exceed its share of the line while large frames follow one another', async () => {
    const all = [64, 1518].flatMap((sizeBytes) =>
      Array.from({ length: 2000 }, (_, i) => ({ us: i, bytes: udp({ sizeBytes, port: i }) })),
    );
    const { phases } = await replay(fileOf(all), '60%', 200, ['hosts.0.costs=none']);
    expect(phases[0].total.lossRatio).toBe(0);
    expect(phases[0].latencyAll!.p50Ns).toBeLessThan(400_000);
    const { tx_bytes: bytes } = phases[0].counters['generator-eth0'];
    const { tx_packets: frames } = phases[0].counters['generator-eth0'];
    const share = ((bytes + frames * 24) * 8) / (0.2 * 1e9);
    expect(Math.abs(share - 0.6)).toBeLessThan(0.001);
  });

  it('gives each direction its own frames', async () => {
    const between = (src: number, port: number): number[] => {
      const bytes = udp({ port });
      bytes.splice(26, 8, 192, 168, src, 1, 192, 168, 1 - src, 1);
      return bytes;
    };
    const frames = [0, 0, 1, 0, 0, 1].map((src, i) => ({ us: 100 * i, bytes: between(src, i) }));
    const split = ['traffic.replay.split=clients', 'traffic.replay.clients=192.168.0.0/24'];
    const { phases, capture } = await replay(fileOf(frames), '1x', 300, split);
    const sent = capture!.streams.map(({ sent: each, capturedFps }) => [each, Math.round(capturedFps!)]);
    expect(sent).toEqual([
      [4, 6667],
      [2, 3333],
    ]);
    expect(phases[0].streams.map(({ sentFrames }) => sentFrames)).toEqual([2000, 1000]);
  });

  it('lets fragments through to the sink, whole datagrams in one queue', async () => {
    const fragment = (id: number, flags: number): number[] => {
      const bytes = udp({ sizeBytes: 200 });
      bytes.splice(18, 4, id >>> 8, id & 0xff, flags >>> 8, flags & 0xff);
      bytes.splice(24, 2, 0, 0);
      let sum = 0;
      for (let at = 14; at < 34; at += 2) sum += bytes[at] * 256 + bytes[at + 1];
      sum = (sum & 0xffff) + (sum >>> 16);
      bytes.splice(24, 2, (~sum >>> 8) & 0xff, ~sum & 0xff);
      return bytes;
    };
    const frames = Array.from({ length: 40 }, (_, i) => ({
      us: i,
      bytes: fragment(700 + (i >> 1), i % 2 ? 25 : 0x2000),
    }));
    const { phases } = await replay(fileOf(frames), '20kpps', 100);
    expect(phases[0].total).toMatchObject({ lossRatio: 0, droppedFrames: 0 });
    expect(Math.abs(phases[0].streams[0].deliveredFrames - 1000)).toBeLessThan(20);
    expect(phases[0].latencyAll).toBeNull();
  });

  it('has guests take priority tags off, and drop frames of VLANs by name', async () => {
    const tagged = (tci: number, type: number): number[] => {
      const bytes = udp();
      bytes.splice(12, 0, type >>> 8, type & 0xff, tci >>> 8, tci & 0xff);
      return bytes;
    };
    const bytes = [tagged(0xa000, 0x8100), tagged(7, 0x8100), tagged(7, 0x88a8)];
    const { phases, capture } = await replay(fileOf(bytes.map((each, us) => ({ us, bytes: each }))), '30kpps', 100);
    expect(phases[0].streams[0]).toMatchObject({ sentFrames: 1500, deliveredFrames: 500 });
    const reasons = phases[0].drops.map(({ counter, frames }) => [counter, frames]);
    expect(reasons).toEqual(
      expect.arrayContaining([
        ['nf_vlan', 500],
        ['nf_qinq', 500],
      ]),
    );
    expect(capture!.streams[0].unforwarded).toMatchObject({ vlan: 1, nestedVlan: 1 });
  });
});
