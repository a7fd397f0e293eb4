import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BIT_RATE_FORM,
  DURATION_FORM,
  IMIX_FRAME_BYTES,
  QuantityError,
  RATE_FORM,
  SIZE_FORM,
  formatBitRate,
  formatDuration,
  formatRate,
  formatSize,
  meanFrameBytes,
  parseBitRateBps,
  parseDurationNs,
  parseRate,
  parseSizeBytes,
  rateFps,
} from '../../../src/scenario/text/quantities.ts';
import type { Rate } from '../../../src/scenario/text/quantities.ts';

const GIGABIT_BPS = 1e9;

describe('rates', () => {
  it.each<[string, Rate]>([
    ['300kpps', { kind: 'frames', perSecond: 300_000 }],
    ['1.488Mpps', { kind: 'frames', perSecond: 1_488_000 }],
    ['2MPPS', { kind: 'frames', perSecond: 2_000_000 }],
    ['0pps', { kind: 'frames', perSecond: 0 }],
    ['10Gbps', { kind: 'bits', layer: 2, perSecond: 1e10 }],
    ['10gbpsl1', { kind: 'bits', layer: 1, perSecond: 1e10 }],
    ['500MbpsL2', { kind: 'bits', layer: 2, perSecond: 5e8 }],
    ['100%', { kind: 'lineRate', share: 1 }],
    ['12.5%', { kind: 'lineRate', share: 0.125 }],
    ['3 kpps', { kind: 'frames', perSecond: 3000 }],
    ['1e6pps', { kind: 'frames', perSecond: 1_000_000 }],
    ['1.5E+3 frames/s', { kind: 'frames', perSecond: 1500 }],
    ['1_000_000 packets/s', { kind: 'frames', perSecond: 1_000_000 }],
    ['200kfps', { kind: 'frames', perSecond: 200_000 }],
    ['10Gbit/s', { kind: 'bits', layer: 2, perSecond: 1e10 }],
    ['10Gbit', { kind: 'bits', layer: 2, perSecond: 1e10 }],
    ['2.5 Gb/s', { kind: 'bits', layer: 2, perSecond: 2.5e9 }],
    ['0.01Tbit/sL1', { kind: 'bits', layer: 1, perSecond: 1e10 }],
    ['33.3 %', { kind: 'lineRate', share: 0.333 }],
  ])('reads %s', (text, rate) => {
    expect(parseRate(text)).toEqual(rate);
  });

  it.each(['', 'pps', '-1pps', '1.pps', '3  kpps', '10kppsL1', 'k%', '5M%', '1epps', '1__0pps', '10GbpsL3', '1GB/s'])(
    'refuses %j and lists the forms',
    (text) => {
      expect(() => parseRate(text)).toThrow(QuantityError);
      expect(() => parseRate(text)).toThrow(`found "${text}", allowed: ${RATE_FORM.allowed}`);
    },
  );

  it.each(['300000', '1e6', '1_000_000'])('says of %s that it needs a unit', (text) => {
    expect(() => parseRate(text)).toThrow(`a number needs a unit: did you mean "${text}pps"?`);
  });

  it('resolves to the line rates of RFC 2544 tables', () => {
    expect(Math.round(rateFps(parseRate('100%'), 64, GIGABIT_BPS))).toBe(1_488_095);
    expect(Math.round(rateFps(parseRate('100%'), 1518, GIGABIT_BPS))).toBe(81_274);
    expect(Math.round(rateFps(parseRate('10GbpsL1'), 64, GIGABIT_BPS))).toBe(14_880_952);
    expect(rateFps(parseRate('512Mbps'), 64, GIGABIT_BPS)).toBe(1_000_000);
    expect(rateFps(parseRate('7kpps'), 1518, GIGABIT_BPS)).toBe(7_000);
  });

  it('mixes seven short, four medium and one long frame', () => {
    expect(IMIX_FRAME_BYTES).toHaveLength(12);
    expect(meanFrameBytes(IMIX_FRAME_BYTES)).toBeCloseTo((7 * 64 + 4 * 594 + 1518) / 12, 9);
  });
});

describe('durations, sizes and speeds', () => {
  it.each([
    ['300ns', 300],
    ['20us', 20_000],
    ['1.5ms', 1_500_000],
    ['500MS', 500_000_000],
    ['60s', 60e9],
    ['10m', 600e9],
    ['1h', 3600e9],
    ['0us', 0],
  ])('reads the duration %s', (text, ns) => {
    expect(parseDurationNs(text)).toBe(ns);
  });

  it.each(['5', '', '5 sec', '-1s', '1d', '1s500ms', '9999999h'])('refuses the duration %j', (text) => {
    expect(() => parseDurationNs(text)).toThrow(DURATION_FORM.allowed);
  });

  it('reads sizes in binary units and speeds in decimal ones', () => {
    expect(parseSizeBytes('64MiB')).toBe(67_108_864);
    expect(parseSizeBytes('0.5gib')).toBe(536_870_912);
    expect(() => parseSizeBytes('64MB')).toThrow(SIZE_FORM.allowed);
    expect(parseBitRateBps('2.5Gbps')).toBe(2_500_000_000);
    expect(() => parseBitRateBps('0Gbps')).toThrow(BIT_RATE_FORM.allowed);
    expect(() => parseBitRateBps('1GbpsL1')).toThrow(BIT_RATE_FORM.allowed);
  });
});

describe('what is written can be read', () => {
  const perSecond = fc.oneof(fc.integer({ min: 0, max: 2 ** 50 }), fc.double({ min: 1e-6, max: 1e20, noNaN: true }));
  const rate = fc.oneof(
    fc.record({ kind: fc.constant('frames' as const), perSecond }),
    fc.record({ kind: fc.constant('bits' as const), layer: fc.constantFrom<1 | 2>(1, 2), perSecond }),
    fc.record({ kind: fc.constant('lineRate' as const), share: fc.double({ min: 1e-6, max: 100, noNaN: true }) }),
  );

  it('rates, exactly, and the pattern for editors agrees', () => {
    fc.assert(
      fc.property(rate, (value) => {
        expect(parseRate(formatRate(value))).toEqual(value);
        expect(formatRate(value)).toMatch(new RegExp(RATE_FORM.pattern));
      }),
    );
  });

  it('durations, sizes and speeds, exactly', () => {
    const whole = fc.oneof(
      fc.integer({ min: 0, max: 2 ** 48 }),
      fc.integer({ min: 0, max: 1e5 }).map((n) => n * 60e9),
    );
    fc.assert(
      fc.property(whole, (value) => {
        expect(parseDurationNs(formatDuration(value))).toBe(value);
        expect(parseSizeBytes(formatSize(value))).toBe(value);
        expect(parseBitRateBps(formatBitRate(value + 1))).toBe(value + 1);
        expect(formatDuration(value)).toMatch(new RegExp(DURATION_FORM.pattern));
        expect(formatSize(value)).toMatch(new RegExp(SIZE_FORM.pattern));
        expect(formatBitRate(value + 1)).toMatch(new RegExp(BIT_RATE_FORM.pattern));
      }),
    );
  });

  it('accepts by pattern exactly what it can parse', () => {
    const letters = fc.constantFrom(...'kKmMgGpPbBsSlL12%nNuUhHiIt/ ');
    const text = fc
      .tuple(
        fc.constantFrom('1', '0.5', '20', '.5', '', '1e3', '1_0', '1_'),
        fc.string({ unit: letters, maxLength: 6 }),
      )
      .map(([digits, unit]) => (digits + unit).trim())
      // Of numbers that are too large the pattern knows nothing.
      .filter((each) => !/e\d\d/.test(each));
    const parses = (parse: (text: string) => unknown, each: string): boolean => {
      try {
        parse(each);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(text, (each) => {
        expect(new RegExp(RATE_FORM.pattern).test(each)).toBe(parses(parseRate, each));
        expect(new RegExp(DURATION_FORM.pattern).test(each)).toBe(parses(parseDurationNs, each));
        expect(new RegExp(SIZE_FORM.pattern).test(each)).toBe(parses(parseSizeBytes, each));
        expect(new RegExp(BIT_RATE_FORM.pattern).test(each)).toBe(parses(parseBitRateBps, each));
      }),
      { numRuns: 2000 },
    );
  });

  it('prefers the unit a person would', () => {
    expect(formatRate(parseRate('1488kpps'))).toBe('1.488Mpps');
    expect(formatRate(parseRate('33.3%'))).toBe('33.3%');
    expect(formatRate({ kind: 'bits', layer: 1, perSecond: 1e9 })).toBe('1GbpsL1');
    expect(formatDuration(90e9)).toBe('90s');
    expect(formatDuration(0)).toBe('0ns');
    expect(formatSize(3 * 2 ** 20)).toBe('3MiB');
  });
});
