import { describe, expect, it } from 'vitest';
import { capturedFrame } from '../../../src/net/capture/capture.ts';
import type { Capture } from '../../../src/net/capture/capture.ts';
import { parseCapture } from '../../../src/net/capture/capture-file.ts';
import type { ReplaySplit } from '../../../src/net/choices.ts';
import { hasBothDirections, PART_NONE, partsOf, usedInterfaces } from '../../../src/net/capture/replay-parts.ts';
import { surveyReplay } from '../../../src/net/capture/replay-survey.ts';
import { parseCidr, parseIpv4 } from '../../../src/net/wire/address.ts';
import { internetChecksum } from '../../../src/net/wire/checksum.ts';
import { setIpv4Checksum, setIpv4Dst, setIpv4Src } from '../../../src/net/wire/ipv4.ts';
import { ByteList, pcapngBlock, pcapngOptions, pcapngSection } from '../../support/capture-bytes.ts';
import { captureOf, ipv4Frame, wholeOf } from '../../support/replay-bed.ts';

const plain = (): Uint8Array =>
  ipv4Frame({ protocol: 'udp', dst: 0x0a00_0005, port: 1000, ttl: 64, sizeBytes: 104, fill: 0 });
function changed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = plain();
  change(bytes);
  setIpv4Checksum(bytes, 14, 0);
  setIpv4Checksum(bytes, 14, internetChecksum(bytes, 14, 20));
  return bytes;
}
const ofType = (type: number): Uint8Array => {
  const bytes = plain();
  bytes.set([type >>> 8, type & 0xff], 12);
  return bytes;
};
const tagged = (tci: number, bytes: Uint8Array, type = 0x8100): Uint8Array =>
  Uint8Array.from([...bytes.subarray(0, 12), type >>> 8, type & 0xff, tci >>> 8, tci & 0xff, ...bytes.subarray(12)]);

describe('frames that no router forwards', () => {
  it.each([
    ['superFrame', new Uint8Array(1700)],
    ['vlan', tagged(5, plain())],
    ['nestedVlan', tagged(5, tagged(6, plain()), 0x88a8)],
    ['nestedVlan', tagged(5, tagged(6, plain()))],
    ['arp', ofType(0x0806)],
    ['ipv6', ofType(0x86dd)],
    ['otherProtocol', ofType(0x88cc)],
    ['badHeader', plain().subarray(0, 30)],
    ['badHeader', changed((bytes) => bytes.set([0x44], 14))],
    ['badHeader', changed((bytes) => bytes.set([0xff, 0xff], 16))],
    ['badChecksum', plain().fill(1, 24, 26)],
    ['group', changed((bytes) => setIpv4Dst(bytes, 14, parseIpv4('224.0.0.5')))],
    ['group', plain().fill(0xff, 0, 6)],
    ['nowhere', changed((bytes) => setIpv4Dst(bytes, 14, parseIpv4('127.0.0.1')))],
    ['ttl', changed((bytes) => bytes.set([1], 22))],
  ])('%s', (reason, bytes) => {
    const { unforwarded, sent } = surveyReplay(wholeOf(captureOf([bytes, plain()])), 1500);
    expect(sent).toBe(2);
    expect(Object.entries(unforwarded).filter(([, frames]) => frames > 0)).toEqual([[reason, 1]]);
  });

  it('are none of what is ordinary, fragments and priority tags included', () => {
    const fragment = changed((bytes) => bytes.set([0x20], 20));
    const cut = plain().subarray(0, 70);
    const capture = captureOf([plain(), fragment, tagged(0xa000, plain()), cut, plain()], [, , , 100, 20]);
    const { unforwarded, remarks } = surveyReplay(wholeOf(capture), 1500);
    expect(Object.values(unforwarded).every((frames) => frames === 0)).toBe(true);
    expect(remarks).toEqual({ fragment: 1, priority: 1, cut: 1, beyond: 1 });
  });

  it('may be long on a wire of a larger MTU', () => {
    const long = changed((bytes) => bytes.set([0x06, 0x90], 16));
    const capture = captureOf([long], [14 + 0x690]);
    expect(surveyReplay(wholeOf(capture), 1500).unforwarded.superFrame).toBe(1);
    expect(surveyReplay(wholeOf(capture), 2000).unforwarded.superFrame).toBe(0);
  });
});

describe('the directions of a capture', () => {
  const between = (src: string, dst: string): Uint8Array =>
    changed((bytes) => {
      setIpv4Src(bytes, 14, parseIpv4(src));
      setIpv4Dst(bytes, 14, parseIpv4(dst));
    });
  const idb = pcapngBlock(true, 1, new ByteList(true).u16(1, 0).u32(0).bytes);
  const packet = (id: number, direction: number): number[] => {
    const options = pcapngOptions(true, [[2, new ByteList(true).u32(direction).bytes]]);
    const frame = [...plain()];
    return pcapngBlock(true, 6, new ByteList(true).u32(id, 0, 1, 100, 100).raw(frame).raw(options).bytes);
  };
  const parts = (capture: Capture, split: ReplaySplit, clients: string | null = null): number[] => [
    ...partsOf(capture, split, clients === null ? null : parseCidr(clients)),
  ];

  it('are told by the client network: from it, to it, or neither', () => {
    const [inside, outside] = ['192.168.1.9', '8.8.8.8'];
    const frames = [between(inside, outside), between(outside, inside), between(inside, '192.168.1.10')];
    const all = [...frames, tagged(0, frames[1]), ofType(0x0806)];
    const capture = captureOf(all);
    expect(parts(capture, 'clients', '192.168.1.0/24')).toEqual([0, 1, PART_NONE, 1, PART_NONE]);
    expect(parts(capture, 'none')).toEqual([0, 0, 0, 0, 0]);
    expect(capturedFrame(capture, 0)).toEqual(frames[0]);
  });

  it('are told by interface and by direction', () => {
    const blocks = [idb, idb, idb, packet(2, 1), packet(0, 2), packet(2, 0), packet(0, 1)];
    const capture = parseCapture(Uint8Array.from([pcapngSection(true), ...blocks].flat()), 'two.pcapng');
    expect([usedInterfaces(capture), hasBothDirections(capture)]).toEqual([[0, 2], true]);
    expect(parts(capture, 'interface')).toEqual([1, 0, 1, 0]);
    expect(parts(capture, 'direction')).toEqual([0, 1, PART_NONE, 0]);
  });
});
