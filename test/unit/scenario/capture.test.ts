import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import type { ActorSpec } from '../../../actors/registry.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { parseScenario } from '../../../src/plan/load-scenario.ts';
import { streamRatesFps } from '../../../src/scenario/stream-rates.ts';
import { pcapBytes } from '../../support/capture-bytes.ts';

const directory = mkdtempSync(join(tmpdir(), 'vhostlab-'));
afterAll(() => rmSync(directory, { recursive: true }));
const captureFile = (name: string, content: Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const framesOf = (...sizes: number[]): Uint8Array =>
  pcapBytes(
    sizes.map((size, seconds) => ({ seconds, fraction: 0, bytes: new Array<number>(size).fill(2) })),
    true,
  );
const scenarioOf = (path: string, more = '') => parseScenario(`traffic: { pcap: ${path}${more} }\n`, 'x.yaml');

describe('a scenario that replays a capture', () => {
  it.each(['a #1.pcap', 'x: y.pcap', '[one].pcap', '007', 'none', 'null', '"quoted"', '{a}', '- b', '*c', 'é\u00a0d'])(
    'takes any name of a file from a flag: %s',
    (name) => {
      const value = captureFile(name, framesOf(60));
      const { traffic } = parseScenario('', 'x.yaml', { overrides: [{ flag: '--pcap', path: 'traffic.pcap', value }] });
      expect(traffic.pcap).toBe(value);
    },
  );

  it('is refused in the words of the flag that named it', () => {
    const value = join(directory, 'not there');
    const flag = { flag: '--pcap', path: 'traffic.pcap', value };
    expect(() => parseScenario('', 'x.yaml', { overrides: [flag] })).toThrow(/^--pcap: no file .*not there, allowed: /);
  });

  it('has rates after the mean frame of the capture, padding and FCS included', () => {
    const { ports, traffic } = scenarioOf(captureFile('mean.pcap', framesOf(20, 100, 1514)), ', frameSize: 64');
    const meanBytes = (64 + 104 + 1518) / 3;
    for (const { frameBytes } of traffic.streams) expect(frameBytes).toEqual([meanBytes]);
    const [fps] = streamRatesFps({ ports, streams: traffic.streams }, { kind: 'lineRate', share: 1 });
    expect(fps).toBeCloseTo(ports[0].speedBps / (8 * (meanBytes + 20)), 6);
  });

  it.each([
    ['cut.pcap', framesOf(60).subarray(0, 60), 'byte 0: no Ethernet frame in this capture'],
    [
      'wifi.pcap',
      pcapBytes([{ seconds: 1, fraction: 0, bytes: [1, 2, 3] }], true, 0xa1b2c3d4, 105),
      'byte 0: no Ethernet frame in this capture, but 1 of Wi-Fi (IEEE 802.11) (link type 105); "airdecap-ng FILE" ' +
        'converts it where it is not or no longer encrypted',
    ],
    ['text.pcap', new TextEncoder().encode('hello, world'), 'byte 0: neither a pcap nor a pcapng file'],
    ['none.pcap', framesOf(), 'byte 0: no Ethernet frame in this capture'],
    ['runt.pcap', framesOf(13, 0), 'byte 0: no Ethernet frame in this capture'],
  ])('refuses %s before anything starts', (name, content, found) => {
    const path = captureFile(name, content);
    expect(() => scenarioOf(path)).toThrow(`x.yaml:1:18: ${path}: ${found}, allowed: none, or the path of a capture`);
  });

  it.each([
    ['{ kind: nat44 }', 'nat44'],
    ['{ kind: server }', 'server'],
    ['{ kind: tcp-terminate }', 'tcp-terminate'],
    ['{ kind: load-balancer, virtual: 198.18.0.100:80, backends: [{ endpoint: 198.18.1.2:80 }] }', 'load-balancer'],
  ])('refuses a function that changes what frames are known by: %s', (nf, kind) => {
    const path = captureFile('rewritten.pcap', framesOf(60));
    const text = `traffic: { pcap: ${path} }\nvms: [{ name: fw, nics: [{ name: a }, { name: b }], nf: ${nf} }]\n`;
    const sentence =
      `found a capture, and ${kind} on the way of stream eth0-to-eth1 (VM fw), which changes more than the next hop: ` +
      'replayed frames are known by their content, allowed: none, or ip-forward, firewall or a module there';
    expect(() => parseScenario(text, 'x.yaml')).toThrow(`x.yaml:1:18: ${sentence}`);
  });

  it('is refused where no stream would replay it', () => {
    const path = captureFile('unused.pcap', framesOf(60));
    const text = `traffic: { pcap: ${path}, streams: [] }\n`;
    expect(() => parseScenario(text, 'x.yaml')).toThrow('x.yaml:1:18: found a capture, and no stream that would');
  });

  it.each([
    ['rate: 2x', '', /found 2x without a capture, allowed: /],
    ['rate: 2x, pattern: poisson', 'pcap', /found 2x with pattern poisson and burst 1, allowed: pattern: constant/],
    ['replay: { split: clients }', 'pcap', /missing key "clients" for split: clients, allowed: a prefix such as/],
    [
      'replay: { clients: 10.0.0.0\/8 }',
      'pcap',
      /found 10.0.0.0\/8 with split: none, allowed: none, or split: clients/,
    ],
    [
      'replay: { split: interface }',
      'pcap',
      /split by interface, no frame of this capture is for the streams that leave/,
    ],
    ['replay: { time: 0s }', 'pcap', /allowed: all, or a duration longer than zero/],
  ])('is refused with %s', (keys, pcap, message) => {
    const path = captureFile('ruled.pcap', framesOf(60, 60));
    const capture = pcap === '' ? '' : `, pcap: ${path}`;
    expect(() => parseScenario(`traffic: { ${keys}${capture} }\n`, 'x.yaml')).toThrow(message);
  });

  it('needs times for a rate of its own pace', () => {
    const path = captureFile('timeless.pcap', framesOf(60));
    expect(() => scenarioOf(path, ', rate: 1x')).toThrow('for a capture whose frames have no times, or all the same');
    const timed = captureFile('timed.pcap', framesOf(60, 60, 60));
    expect(scenarioOf(timed, ', rate: 1x').traffic.streams.map(({ capturedFps }) => capturedFps)).toEqual([1, 1]);
  });

  it.each(['{ kind: ip-forward }', '{ kind: firewall, default: allow }'])('goes through %s', (nf) => {
    const path = captureFile('forwarded.pcap', framesOf(60));
    const text = `traffic: { pcap: ${path} }\nvms: [{ name: fw, nics: [{ name: a }, { name: b }], nf: ${nf} }]\n`;
    expect(parseScenario(text, 'x.yaml').traffic.pcap).toBe(path);
  });

  it('plans a source and a sink for each stream, with one set of stamps between them', () => {
    const path = captureFile('plan.pcap', framesOf(60));
    const scenario = scenarioOf(path);
    const specs = buildPlan(scenario).threads.flatMap(({ actors }) => actors.map(({ spec }): ActorSpec => spec));
    const sources = specs.flatMap((spec) => (spec.kind === 'generator' ? spec.config.sources : []));
    const checks = specs.flatMap((spec) => (spec.kind === 'sink' ? spec.config.check : []));
    const sent = sources.map((source) => (source.kind === 'capture' ? source : null));
    const checked = checks.flatMap((check) => (check.kind === 'capture' ? check.streams : []));
    expect(sent.map((source) => source?.stream.frames.count)).toEqual([1, 1]);
    expect(checked.map(({ stamps }) => stamps)).toEqual([sent[1]?.stream.stamps, sent[0]?.stream.stamps]);
    expect(sent[0]?.stream.stamps).not.toEqual(sent[1]?.stream.stamps);
    const { dstMac, srcMac, frames } = sent[0]!.stream;
    expect([dstMac, srcMac]).toEqual([parseMac(scenario.vms[0].nics[0].mac), parseMac(scenario.ports[0].mac)]);
    // Source and sink of a stream have the same frames, in memory that threads share.
    expect(checked[1].frames).toBe(frames);
    expect(frames.words.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});
