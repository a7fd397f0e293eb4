import { describe, expect, it } from 'vitest';
import { parseCidr, parseIpv4 } from '../../../src/net/wire/address.ts';
import { ipv4ChecksumOk } from '../../../src/net/wire/checksum.ts';
import { isMulticast, macHigh, macLow } from '../../../src/net/wire/ethernet.ts';
import { ipv4Dst } from '../../../src/net/wire/ipv4.ts';
import { readU16 } from '../../../src/net/wire/network-order.ts';
import { surveyReplay } from '../../../src/net/capture/replay-survey.ts';
import { REPLAY_STAMPS_COUNT } from '../../../src/net/capture/replay-stamps.ts';
import { tcpChecksumOk } from '../../../src/net/tcp/tcp.ts';
import {
  FRAME_CORRUPT,
  FRAME_DUPLICATE,
  FRAME_FOREIGN,
  FRAME_GOOD,
  FRAME_REORDERED,
  FRAME_UNTIMED,
} from '../../../src/net/traffic/traffic-check.ts';
import { dropPriorityTag } from '../../../src/net/wire/vlan.ts';
import { udpChecksumOk } from '../../../src/net/wire/udp.ts';
import {
  ADDRESSING,
  captureOf,
  forwarded,
  fragmentOf,
  ipv4Frame,
  ReplayBed,
  STATION_MAC,
  VNIC_MAC,
  wholeOf,
} from '../../support/replay-bed.ts';
import type { Ipv4Shape } from '../../support/replay-bed.ts';

const frame = (shape: Partial<Ipv4Shape> = {}): Uint8Array =>
  ipv4Frame({ protocol: 'udp', dst: 0x0a00_0005, port: 1000, ttl: 64, sizeBytes: 64, fill: 0, ...shape });
const dstText = (text: string): Partial<Ipv4Shape> => ({ dst: parseIpv4(text) });
const ofType = (type: number, group = false): Uint8Array => {
  const bytes = frame();
  bytes[12] = type >>> 8;
  bytes[13] = type;
  if (group) bytes.fill(0xff, 0, 6);
  return bytes;
};

describe('replayed frames', () => {
  it('come from the station and go to the vNIC, group addresses excepted', () => {
    const bed = new ReplayBed(captureOf([frame(), ofType(0x0806, true), ofType(0x86dd)]));
    const [unicast, broadcast, ipv6] = [bed.send(0), bed.send(1), bed.send(2)];
    for (const sent of [unicast, ipv6]) {
      expect([macHigh(sent, 0), macLow(sent, 0)]).toEqual([VNIC_MAC.high, VNIC_MAC.low]);
    }
    expect(isMulticast(macHigh(broadcast, 0))).toBe(true);
    expect(broadcast.subarray(0, 6)).toEqual(new Uint8Array(6).fill(0xff));
    for (const sent of [unicast, broadcast, ipv6]) {
      expect([macHigh(sent, 6), macLow(sent, 6)]).toEqual([STATION_MAC.high, STATION_MAC.low]);
    }
    expect(ipv6.subarray(12)).toEqual(ofType(0x86dd).subarray(12));
  });

  it('are for a host of the far network, neighbours apart, unless they are routed there or nowhere', () => {
    const kept = ['198.18.1.3', '224.0.0.5', '255.255.255.255', '127.0.0.1', '0.0.0.0'];
    const captured = ['10.0.0.5', '10.0.0.6', '198.18.0.77', ...kept];
    const bed = new ReplayBed(captureOf(captured.map((text) => frame(dstText(text)))));
    const sent = captured.map((_, seq) => ipv4Dst(bed.send(seq), 14));
    const { address } = ADDRESSING.network;
    for (const dst of sent.slice(0, 3)) {
      expect(dst).toBeGreaterThanOrEqual(address + 10);
      expect(dst).toBeLessThanOrEqual(address + 254);
    }
    expect(sent[0]).not.toBe(sent[1]);
    expect(sent.slice(3)).toEqual(kept.map(parseIpv4));
  });

  it.each([
    ['10.1.0.0/29', [1, 6]],
    ['10.1.0.0/31', [0, 1]],
    ['10.1.0.0/32', [0, 0]],
  ])('fit the network %s', (network, [first, last]) => {
    const cidr = parseCidr(network);
    const frames = Array.from({ length: 20 }, (_, i) => frame({ dst: 0x0b00_0000 + i }));
    const bed = new ReplayBed(captureOf(frames), [{ ...ADDRESSING, network: cidr }]);
    const hosts = frames.map((_, seq) => ipv4Dst(bed.send(seq), 14) - cidr.address);
    expect([Math.min(...hosts), Math.max(...hosts)]).toEqual([first, last]);
  });

  it('follow the longest of the routes', () => {
    const routes = [
      { prefix: 0, length: 0, leads: true },
      { prefix: parseIpv4('10.0.0.0'), length: 8, leads: false },
    ];
    const bed = new ReplayBed(captureOf([frame(dstText('8.8.8.8')), frame(dstText('10.0.0.5'))]), [
      { ...ADDRESSING, routes },
    ]);
    expect(ipv4Dst(bed.send(0), 14)).toBe(parseIpv4('8.8.8.8'));
    expect(ipv4Dst(bed.send(1), 14) >>> 8).toBe(ADDRESSING.network.address >>> 8);
  });

  it('keep their checksums right or wrong', () => {
    const wrongHeader = frame({ fill: 1 });
    wrongHeader[24] ^= 0x11;
    const wrongTcp = frame({ protocol: 'tcp', fill: 2 });
    wrongTcp[50] ^= 0x11;
    const bed = new ReplayBed(captureOf([frame(), frame({ protocol: 'tcp' }), wrongHeader, wrongTcp]));
    const [udp, tcp, badHeader, badTcp] = [0, 1, 2, 3].map((seq) => bed.send(seq));
    expect([udp, tcp, badHeader, badTcp].map((sent) => ipv4ChecksumOk(sent, 14, 20))).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect([udpChecksumOk(udp, 14), tcpChecksumOk(tcp, 14), tcpChecksumOk(badTcp, 14)]).toEqual([true, true, false]);
    expect(bed.receive(badHeader)).toBe(FRAME_GOOD);
    const mended = badHeader.slice();
    mended[24] ^= 0x11;
    expect(bed.receive(mended)).toBe(FRAME_CORRUPT);
  });

  it('have the length they had on the wire: padded, or the end that was cut off zero', () => {
    const cut = frame({ sizeBytes: 1000 });
    const capture = captureOf([frame().subarray(0, 54), cut.subarray(0, 96), frame().subarray(0, 30)], [54, 996, 9000]);
    const bed = new ReplayBed(capture);
    const [short, long] = [bed.send(0), bed.send(1)];
    expect([short.length, long.length]).toEqual([60, 996]);
    expect([...short.subarray(54)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...long.subarray(44, 96)]).toEqual([...cut.subarray(44, 96)]);
    expect(long.subarray(96).every((byte) => byte === 0)).toBe(true);
    expect(bed.receive(forwarded(long))).toBe(FRAME_GOOD);
    const length = bed.sources[0].write(bed.bytes, bed.words, 64, 2, 0);
    expect(length).toBe(9000);
    expect(bed.words.subarray((64 + 2048) >> 2).every((word) => word === 0x2323_2323)).toBe(true);
  });

  it('bear their priority tag on the wire, and are known without it', () => {
    const plain = frame();
    const tagged = Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, 0xe0, 0, ...plain.subarray(12)]);
    const bed = new ReplayBed(captureOf([tagged]));
    const sent = bed.send(0);
    expect([sent.length, [...sent.subarray(12, 18)]]).toEqual([64, [0x81, 0, 0xe0, 0, 8, 0]]);
    const length = dropPriorityTag(sent, 0, sent.length);
    expect(length).toBe(60);
    expect(bed.receive(forwarded(sent.subarray(0, length)))).toBe(FRAME_GOOD);
  });

  it('are surveyed beforehand', () => {
    const frames = [frame(), frame().subarray(0, 13), frame().subarray(0, 20), frame({ sizeBytes: 1518 })];
    const survey = surveyReplay(wholeOf(captureOf(frames, [60, 13, 4000, 1514])), 1500);
    expect(survey).toMatchObject({ sent: 3, runts: 1, meanFrameBytes: (64 + 4004 + 1518) / 3, capturedFps: 0.75 });
    expect(survey.remarks).toEqual({ cut: 1, beyond: 0, fragment: 0, priority: 0 });
    expect(survey.unforwarded).toMatchObject({ superFrame: 1 });
  });
});

describe('the sink of a replay', () => {
  it('knows frames of equal content apart, and finds what is missing, double or late', () => {
    const bed = new ReplayBed(captureOf([frame(), frame(), frame({ ttl: 9 }), frame({ port: 2000 })]));
    const sent = Array.from({ length: 12 }, (_, seq) => forwarded(bed.send(seq)));
    const judge = (seq: number): number => {
      const verdict = bed.receive(sent[seq]);
      expect(bed.check.sentNs).toBe(3 * seq);
      return verdict;
    };
    expect([0, 2, 6, 4].map(judge)).toEqual([FRAME_GOOD, FRAME_GOOD, FRAME_GOOD, FRAME_REORDERED]);
    expect([7, 2, 4, 3].map(judge)).toEqual([FRAME_GOOD, FRAME_DUPLICATE, FRAME_DUPLICATE, FRAME_REORDERED]);
  });

  it('finds corruption in payload, header and tag', () => {
    const bed = new ReplayBed(captureOf([frame({ sizeBytes: 1518 }), frame({ protocol: 'tcp' })]));
    const sent = forwarded(bed.send(0));
    for (const at of [15, 18, 20, 22, 24, 34 + 8, 60, 700, 1511, 1512, 1513]) {
      const damaged = sent.slice();
      damaged[at] ^= 0x40;
      expect([at, bed.receive(damaged)]).toEqual([at, FRAME_CORRUPT]);
    }
    expect(bed.receive(sent.subarray(0, 1513))).toBe(FRAME_CORRUPT);
    expect(bed.receive(sent)).toBe(FRAME_GOOD);
  });

  it('takes what was never sent for foreign', () => {
    const bed = new ReplayBed(captureOf([frame(), ofType(0x86dd), ofType(0x0806, true)]));
    expect(bed.receive(frame({ port: 5 }))).toBe(FRAME_FOREIGN);
    expect([bed.send(0), bed.send(1), bed.send(2)].map((sent) => bed.receive(sent))).toEqual([
      FRAME_GOOD,
      FRAME_FOREIGN,
      FRAME_FOREIGN,
    ]);
    expect(bed.receive(new Uint8Array(20))).toBe(FRAME_FOREIGN);
    expect(bed.receive(new ReplayBed(captureOf([frame({ port: 6 })])).send(0))).toBe(FRAME_FOREIGN);
  });

  it('tells streams of the same frames apart', () => {
    const bed = new ReplayBed(captureOf([frame(), frame()]), [ADDRESSING, ADDRESSING, ADDRESSING]);
    for (const [seq, lane] of [
      [0, 2],
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 2],
    ]) {
      expect(bed.receive(forwarded(bed.send(seq, lane)))).toBe(FRAME_GOOD);
      expect([bed.check.streamIndex, bed.check.sentNs]).toEqual([lane, 3 * seq]);
    }
    const unusedLane = bed.send(2);
    unusedLane[19] |= 3;
    expect(bed.receive(unusedLane)).toBe(FRAME_FOREIGN);
  });

  it('keeps count when tags wrap, whatever was lost meanwhile', () => {
    const bed = new ReplayBed(captureOf([frame()]));
    for (const seq of [65_534, 65_535, 65_536, 200_000, 2 ** 31 - 1, 2 ** 32 + 5, 2 ** 48]) {
      expect(bed.receive(forwarded(bed.send(seq)))).toBe(FRAME_GOOD);
      expect(bed.check.sentNs).toBe(3 * seq);
    }
  });

  it('keeps count of more equal frames than there are tags', () => {
    const bed = new ReplayBed(captureOf(new Array<Uint8Array>(70_000).fill(frame().subarray(0, 34))));
    for (const seq of [0, 1, 69_999, 70_000, 70_001]) {
      expect(bed.receive(forwarded(bed.send(seq)))).toBe(FRAME_GOOD);
      expect(bed.check.sentNs).toBe(3 * seq);
    }
  });

  it('gives a frame whose stamp was overwritten the oldest time there is', () => {
    const bed = new ReplayBed(captureOf(Array.from({ length: 16 }, (_, i) => frame({ port: i }))));
    const early = bed.send(0);
    for (let seq = 1; seq < REPLAY_STAMPS_COUNT; seq += 1) bed.sources[0].write(bed.bytes, bed.words, 64, seq, 3 * seq);
    expect(bed.receive(early)).toBe(FRAME_GOOD);
    expect(bed.check.sentNs).toBe(0);
    const second = new ReplayBed(captureOf(Array.from({ length: 16 }, (_, i) => frame({ port: i }))));
    const late = second.send(1);
    for (let seq = 2; seq < REPLAY_STAMPS_COUNT + 9; seq += 1) {
      second.sources[0].write(second.bytes, second.words, 64, seq, 3 * seq);
    }
    expect(second.receive(late)).toBe(FRAME_GOOD);
    expect(second.check.sentNs).toBe(3 * 9);
  });

  it('lets fragments keep their identification, and counts each once', () => {
    const fragment = (id: number, more: boolean): Uint8Array =>
      fragmentOf(frame({ sizeBytes: 200 }), id, more ? 0x2000 : 0x00b9);
    const bed = new ReplayBed(captureOf([fragment(500, true), fragment(500, false), frame()]));
    const sent = [0, 1, 3, 4].map((seq) => bed.send(seq));
    expect(sent.map((bytes) => ipv4Id(bytes))).toEqual([500, 500, 500, 500]);
    expect([bed.receive(forwarded(sent[0])), bed.receive(forwarded(sent[1]))]).toEqual([FRAME_UNTIMED, FRAME_UNTIMED]);
    expect([bed.receive(sent[2]), bed.receive(sent[2])]).toEqual([FRAME_UNTIMED, FRAME_DUPLICATE]);
    const damaged = sent[3].slice();
    damaged[150] ^= 1;
    expect(bed.receive(damaged)).toBe(FRAME_CORRUPT);
    const other = fragmentOf(sent[3], 501, 0x00b9);
    expect(bed.receive(other)).toBe(FRAME_CORRUPT);
  });

  it('times a fragment where no equal one is near', () => {
    const bed = new ReplayBed(captureOf([fragmentOf(frame(), 9, 0x2000)]));
    for (const [seq, dueNs, verdict] of [
      [0, 5, FRAME_GOOD],
      [1, 5 + 1e9, FRAME_GOOD],
      [2, 6 + 1e9, FRAME_UNTIMED],
    ]) {
      expect(bed.receive(bed.send(seq, 0, dueNs))).toBe(verdict);
      if (verdict === FRAME_GOOD) expect(bed.check.sentNs).toBe(dueNs);
    }
  });

  it('does not time a fragment after an equal one that was lost, though its checksum be wrong', () => {
    const damaged = frame();
    damaged[21] = 65;
    const bed = new ReplayBed(captureOf([damaged]));
    bed.send(2_147_483_628);
    expect(bed.receive(bed.send(2_147_483_629))).toBe(FRAME_UNTIMED);
  });

  it('takes a fragment for the latest that any stream has sent', () => {
    const bed = new ReplayBed(captureOf([fragmentOf(frame(), 9, 0x2000)]), [ADDRESSING, ADDRESSING]);
    const lost = bed.send(0, 0, 0);
    const sent = bed.send(0, 1, 5e9);
    expect([bed.receive(sent), bed.check.streamIndex, bed.check.sentNs]).toEqual([FRAME_GOOD, 1, 5e9]);
    expect([bed.receive(lost), bed.check.streamIndex]).toEqual([FRAME_UNTIMED, 0]);
    expect(bed.receive(sent)).toBe(FRAME_DUPLICATE);
    bed.send(1, 0, 9e9);
    expect(bed.receive(bed.send(1, 1, 9.5e9))).toBe(FRAME_UNTIMED);
  });

  it('calls a fragment double though another stream has sent none of its kind', () => {
    const bed = new ReplayBed(captureOf([fragmentOf(frame(), 9, 0x2000)]), [ADDRESSING, ADDRESSING]);
    const sent = bed.send(0);
    expect([bed.receive(sent), bed.receive(sent), bed.check.streamIndex]).toEqual([FRAME_GOOD, FRAME_DUPLICATE, 0]);
  });

  it('knows equal fragments of right and of wrong checksum, and what was captured with neither', () => {
    const right = fragmentOf(frame(), 9, 0x2000);
    const wrong = right.slice();
    wrong[24] ^= 0x11;
    const both = new ReplayBed(captureOf([right, wrong]));
    const [sentRight, sentWrong] = [both.send(0), both.send(1)];
    expect([both.receive(forwarded(sentRight)), both.receive(sentWrong)]).toEqual([FRAME_UNTIMED, FRAME_UNTIMED]);
    const one = new ReplayBed(captureOf([right]));
    const sent = one.send(0);
    const corrupt = sent.slice();
    corrupt[24] ^= 0x11;
    expect([one.receive(corrupt), one.receive(sent)]).toEqual([FRAME_CORRUPT, FRAME_GOOD]);
  });

  it('finds frames that differ in anything but what a router changes', () => {
    const alike = Array.from({ length: 20_000 }, (_, i) => {
      const bytes = frame({ sizeBytes: 1518 });
      // A counter across two words, as in tried captures that once took 47 s.
      bytes.set([i & 0xff, i >>> 8], 46);
      bytes.set([i >>> 4, i & 0xf], 1400);
      return bytes.subarray(0, 1514);
    });
    const capture = captureOf(alike);
    const began = performance.now();
    const bed = new ReplayBed(capture);
    // A few tens of milliseconds; quadratic it would be minutes.
    expect(performance.now() - began).toBeLessThan(3000);
    for (const seq of [0, 19_999, 10_000]) {
      expect(bed.receive(forwarded(bed.send(seq)))).not.toBe(FRAME_FOREIGN);
      expect(bed.check.sentNs).toBe(3 * seq);
    }
  });
});

function ipv4Id(bytes: Uint8Array): number {
  return readU16(bytes, 18);
}
