import { EMPTY, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ProvisioningEvent } from '../../../src/metrics/derive/live-run.ts';
import type { IntervalRecord } from '../../../src/metrics/derive/interval-record.ts';
import { ndjsonLine, streamIntervals } from '../../../src/metrics/sinks/ndjson.ts';
import { formatAmount, formatCompact, formatExact, formatShare, formatTime } from '../../../src/text/number-format.ts';
import { intervalLine, printLines } from '../../../src/metrics/sinks/plain-lines.ts';
import { barText, dividedBar, paintFor, shorten, tableLines, wrapWords } from '../../../src/metrics/text/text-table.ts';
import { connectionRecord, floodRecord, heading } from '../../support/interval-records.ts';

describe('a run as plain lines', () => {
  it('says in one line what arrived, who ran and where most was lost', () => {
    expect(intervalLine(floodRecord, 11)).toBe(
      ' 14.5 s  flood        offered 2.98M  sent 2.98M  eth0-to-eth1 54.3k  eth1-to-eth0 1.24k  softirq0 64/1   ' +
        'vhost-vnic0 9/81   vhost-vnic1 10/79  lost 98 %, most at eth1 rx (RX ring has no free descriptor)',
    );
  });

  it('says so when nothing is lost, and when nothing is sent', () => {
    const calm = { ...floodRecord, hops: [] };
    expect(intervalLine(calm, 5)).toMatch(/ {2}nothing dropped$/);
    const streams = floodRecord.streams.map((stream) => ({ ...stream, sentFps: 0 }));
    expect(intervalLine({ ...floodRecord, streams }, 5)).toMatch(/ {2}dropped at eth1 rx \(RX ring/);
  });

  it('says what became of connections, and of frames only where there are streams', () => {
    expect(intervalLine(connectionRecord, 5)).toMatch(
      / 14\.5 s {2}flood {2}eth0-to-vnic0 offered 40k {4}established 8\.21k {2}completed 8\.19k {2}failed 31\.7k {2}softirq0/,
    );
    const both = { ...connectionRecord, streams: floodRecord.streams };
    expect(intervalLine(both, 5)).toMatch(/ {2}offered 2\.98M .* eth1-to-eth0 1\.24k {2}eth0-to-vnic0 offered 40k {2}/);
  });

  it('says what programs sent and received', () => {
    const end = { ...floodRecord.hops[0], actor: 'end-eth0', place: 'end' as const, inFps: 1200 };
    const hops = [
      { ...end, lane: 'tx' },
      { ...end, lane: 'rx', inFps: 7 },
    ];
    expect(intervalLine({ ...floodRecord, streams: [], hops }, 5)).toMatch(
      / {2}end-eth0 sent 1\.2k {3}end-eth0 received 7 {6}softirq0/,
    );
  });

  it('begins with what the results depend on', () => {
    const lines: string[] = [];
    const intervals = new Subject<IntervalRecord>();
    printLines({ heading, startNs: 0, provisioning: EMPTY, intervals }, (line) => lines.push(line));
    expect(lines[0]).toBe(
      'kvm-forum-2014 on real threads, seed 1: warm-up 1.0 s at 80kpps, comfortable 12.0 s at 80kpps, ' +
        'flood 12.0 s at 100% (2.98 M/s), settle 0.5 s',
    );
    expect(lines).toContain('  core 0, host CPU 0: softirq0 (fifo 1)');
    const before = lines.length;
    intervals.next(floodRecord);
    expect(lines).toHaveLength(before + 1);
  });
});

const ADDED: ProvisioningEvent = {
  vm: 'web1',
  order: 'add',
  cause: 'timeline',
  orderedNs: 2e9,
  tookNs: 148e6,
  doneAtNs: 7.148e9,
  vnics: [
    ...['vnic2', 'vnic3'].map((vnic) => ({
      ...{ vm: 'web1', vnic, mode: 'vhost', mtuBytes: 1500, isPresent: true, offered: ['MAC', 'MTU'] },
      negotiated: ['MAC'],
    })),
  ],
  drain: null,
  droppedFrames: 0,
};

describe('VMs that come and go', () => {
  it('have a line each: how long it took, why, and what came of it', () => {
    const lines: string[] = [];
    const provisioning = new Subject<ProvisioningEvent>();
    printLines({ heading, startNs: 5e9, provisioning, intervals: EMPTY }, (line) => lines.push(line));
    provisioning.next(ADDED);
    provisioning.next({ ...ADDED, order: 'remove', vnics: [], drain: { tookNs: 6e8, connectionsLeft: 64 } });
    provisioning.next({ ...ADDED, tookNs: null, vnics: [] });
    expect(lines.slice(-3)).toEqual([
      '  2.1 s  add web1: 148 ms to its first frame; timeline; virtio-net vnic2, vnic3: MTU 1500, MAC',
      '  2.1 s  remove web1: 148 ms to its end; timeline; drained in 600 ms, 64 connections left',
      '  2.1 s  add web1: not finished; timeline',
    ]);
  });
});

describe('a run as records', () => {
  it('tells of a VM that came or went, and of what was not finished when the intervals end', () => {
    const lines: string[] = [];
    const provisioning = new Subject<ProvisioningEvent>();
    streamIntervals({ heading, startNs: 0, provisioning, intervals: EMPTY }, (line) => lines.push(line));
    provisioning.next({ ...ADDED, tookNs: null });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { event: 'provisioning', data: { vm: 'web1', tookNs: null, vnics: [{ negotiated: ['MAC'] }, {}] } },
    ]);
  });

  it('is one JSON object a line, with both times', () => {
    const lines: string[] = [];
    const intervals = new Subject<IntervalRecord>();
    streamIntervals({ heading, startNs: 0, provisioning: EMPTY, intervals }, (line) => lines.push(line));
    intervals.next(floodRecord);
    const { event, data } = JSON.parse(lines[0]) as { event: string; data: Record<string, unknown> };
    expect(event).toBe('interval');
    expect(data).toMatchObject({ monotonicNs: 1e15, phase: 'flood', streams: floodRecord.streams });
    expect(new Date(data.time as string).toISOString()).toBe(data.time);
    expect(lines[0]).not.toContain('\n');
  });

  it('has null where a number is undefined', () => {
    const at = new Date('2026-11-22T10:00:00Z');
    expect(ndjsonLine('interval', 5, { ratio: NaN, rate: Infinity, none: null }, at)).toBe(
      '{"event":"interval","data":{"time":"2026-11-22T10:00:00.000Z","monotonicNs":5,"ratio":null,"rate":null,"none":null}}',
    );
  });
});

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [0.5, '0.5'],
    [999.4, '999'],
    [999.6, '1k'],
    [1234, '1.23k'],
    [54_300, '54.3k'],
    [121_000, '121k'],
    [1_488_095, '1.49M'],
    [17_700_000_000, '17.7G'],
    [null, '-'],
  ])('compact %s: %s', (value, text) => {
    expect(formatCompact(value)).toBe(text);
  });

  it.each([
    [0, '0 %'],
    [0.00001, '<0.01 %'],
    [0.0034, '0.34 %'],
    [0.05, '5.0 %'],
    [0.64, '64 %'],
    [0.995, '99.5 %'],
    [0.9992, '99.92 %'],
    [0.99999, '>99.99 %'],
    [1, '100 %'],
    [null, '-'],
  ])('share %s: %s', (ratio, text) => {
    expect(formatShare(ratio)).toBe(text);
  });

  it.each([
    [350, '350 ns'],
    [96_200, '96.2 us'],
    [1_200_000, '1.2 ms'],
    [2.1e9, '2.1 s'],
    [null, '-'],
  ])('time %s: %s', (ns, text) => {
    expect(formatTime(ns)).toBe(text);
  });

  it('amounts in sentences, exact counts in the ledger', () => {
    expect(formatAmount(1_190_000)).toBe('1.19 M');
    expect(formatAmount(340)).toBe('340');
    expect(formatExact(35_712_004)).toBe('35,712,004');
    expect(formatExact(999)).toBe('999');
  });
});

describe('tables', () => {
  const plain = paintFor(false);
  it('align columns and cut at the edge', () => {
    const columns = [{ align: 'left' }, { align: 'right' }, { align: 'left' }] as const;
    const rows = [
      ['tap0', '5', 'tap queue full'],
      ['vhost', '1234', ''],
    ];
    expect(tableLines(columns, rows, 80, plain)).toEqual(['tap0      5  tap queue full', 'vhost  1234']);
    expect(tableLines(columns, rows, 20, plain)).toEqual(['tap0      5  tap qu…', 'vhost  1234']);
    expect(tableLines(columns, rows, 8, plain)).toEqual(['tap0   5', 'vhost  …']);
  });

  it('draw bars that show the least share and never too much', () => {
    expect(barText(0, 10)).toBe('');
    expect(barText(0.0001, 10)).toBe('▏');
    expect(barText(0.55, 10)).toBe('█████▌');
    expect(barText(2, 10)).toBe('██████████');
    expect(dividedBar(0.5, 0.3, 10)).toBe('█████▒▒▒··');
    expect(dividedBar(0.96, 0.04, 10)).toHaveLength(10);
  });

  it('cut and wrap text', () => {
    expect(shorten('tap queue full', 5)).toBe('tap …');
    expect(wrapWords('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapWords('', 7)).toEqual([]);
  });
});
