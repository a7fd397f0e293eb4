import { describe, expect, it } from 'vitest';
import {
  carriedPerSecondMax,
  firstBeyondLine,
  givenRates,
  multipliedRates,
  chooseOffered,
  parseLoad,
  parseSteps,
} from '../../../../src/experiment/sweep/offered-rates.ts';
import { modeChange, parseVariant } from '../../../../src/experiment/sweep/variants.ts';
import type { VariantChange } from '../../../../src/experiment/sweep/variants.ts';
import { QuantityError, formatRate, parseRate } from '../../../../src/scenario/text/quantities.ts';
import type { Rate } from '../../../../src/scenario/text/quantities.ts';
import { overrideText } from '../../../../src/scenario/text/override.ts';
import { parseScenario } from '../../../../src/plan/load-scenario.ts';

const scenario = parseScenario('ports: [{ name: eth0, speed: 1Gbps }, { name: eth1, speed: 1Gbps }]', 'x.yaml');
const LINE_FPS = 1e9 / (8 * 84);

describe('steps of load', () => {
  it('run from the first to the last, both included', () => {
    const written = (text: string) => parseSteps(text).map((rate) => formatRate(rate as Rate));
    expect(written('10%..50%/10%')).toEqual(['10%', '20%', '30%', '40%', '50%']);
    expect(written('50kpps..190kpps/50kpps')).toEqual(['50kpps', '100kpps', '150kpps']);
    expect(parseSteps('2kcps..4kcps/1kcps')).toEqual(
      [2000, 3000, 4000].map((perSecond) => ({ kind: 'connections', perSecond })),
    );
  });

  it('may be multiples of the loss-free rate, and of units with a slash', () => {
    expect(parseSteps('50%L..150%L/50%L')).toEqual([0.5, 1, 1.5].map((multiple) => ({ kind: 'multiple', multiple })));
    expect(parseSteps('1Gbit/s..2Gbit/s/0.5 Gbit/s').map((rate) => formatRate(rate as Rate))).toEqual([
      '1Gbps',
      '1.5Gbps',
      '2Gbps',
    ]);
  });

  it.each([
    '1Gbit/s..2Gbit/s',
    '0.5L..100%/0.5L',
    '10%',
    '10%..50%',
    '10%..50kpps/10%',
    '1kcps..2kpps/1kcps',
    '50%..10%/10%',
    '10%..50%/0%',
    'x..y/z',
    '1pps..1Gpps/1pps',
  ])('refuse %s', (text) => {
    expect(() => parseSteps(text)).toThrow(/allowed/);
  });
});

describe('what is to be offered', () => {
  it('is rates, or multiples of the loss-free rate', () => {
    expect(chooseOffered(['100kpps', '1e5pps', '50 %'].map(parseLoad))).toMatchObject({ kind: 'rates' });
    expect(chooseOffered(['0.5L', '150%L', '2 L'].map(parseLoad))).toEqual({
      kind: 'multiples',
      multiples: [0.5, 1.5, 2],
    });
  });

  it.each([
    [['100kpps', '2L'], 'frames/s and multiples of L'],
    [['100kpps', '2kcps'], 'frames/s and connections/s'],
  ])('is refused for %j', (loads, found) => {
    expect(() => chooseOffered(loads.map(parseLoad))).toThrow(`found "${found}", allowed: one of them`);
  });

  it.each(['0L', 'L', '-1L', '2l'])('takes no %s', (text) => {
    expect(() => parseLoad(text)).toThrow(QuantityError);
  });
});

describe('offered rates', () => {
  it('are those given, ascending, as frames/s of all streams', () => {
    const rates = givenRates(scenario, [parseRate('100%'), parseRate('100kpps')]);
    expect(rates.map(({ offeredPerSecond }) => Math.round(offeredPerSecond))).toEqual([
      100_000,
      Math.round(2 * LINE_FPS),
    ]);
    expect(carriedPerSecondMax(scenario, 'frames')).toBeCloseTo(2 * LINE_FPS);
  });

  it('name the first that a line cannot carry', () => {
    expect(firstBeyondLine(scenario, [parseRate('1Mpps'), parseRate('100%')])).toBeNull();
    expect(firstBeyondLine(scenario, [parseRate('1Mpps'), parseRate('3Mpps')])).toEqual(parseRate('3Mpps'));
  });

  it('are multiples of the loss-free rate, ending at the line', () => {
    const within = multipliedRates(scenario, 'frames', [2, 0.5], 100_000);
    expect(within.map(({ offeredPerSecond, multiple }) => [offeredPerSecond, multiple])).toEqual([
      [50_000, 0.5],
      [200_000, 2],
    ]);
    const capped = multipliedRates(scenario, 'frames', [1, 2, 3, 4], 1_200_000);
    expect(capped.map(({ offeredPerSecond }) => Math.round(offeredPerSecond))).toEqual([
      1_200_000,
      2_400_000,
      Math.round(2 * LINE_FPS),
    ]);
    expect(firstBeyondLine(scenario, [capped[2].rate])).toBeNull();
  });
});

describe('variants', () => {
  it('set the mode of every vNIC', () => {
    const { name, overrides } = modeChange(scenario, 'direct');
    expect(name).toBe('direct');
    const changed = parseScenario('', 'x.yaml', { overrides });
    expect(changed.vms.flatMap(({ nics }) => nics.map(({ mode }) => mode))).toEqual(['direct', 'direct']);
  });

  it('are read with several changes, whose values may have commas', () => {
    expect(parseVariant('guard=host.kernel=linux-4.9,host.hz=1000')).toEqual({
      name: 'guard',
      overrides: [
        { flag: '--variant guard', assignment: 'host.kernel=linux-4.9' },
        { flag: '--variant guard', assignment: 'host.hz=1000' },
      ],
    });
    expect(parseVariant('two=traffic.frameSize=[64, 1518],seed=2')?.overrides.map(overrideText)).toEqual([
      'traffic.frameSize=[64, 1518]',
      'seed=2',
    ]);
    expect(parseVariant('nothing')).toBeNull();
    expect(parseVariant('=host.hz=100')).toBeNull();
  });

  it('are named in what is wrong with them', () => {
    const faultOf = (change: VariantChange): string => {
      try {
        parseScenario('', 'x.yaml', { overrides: change.overrides });
      } catch (error) {
        return (error as Error).message;
      }
      return 'none';
    };
    expect(faultOf(parseVariant('guard=host.kernel=linux-9')!)).toMatch(
      /^--variant guard: host\.kernel: found "linux-9"/,
    );
    expect(faultOf(parseVariant('guard=host..kernel=x')!)).toMatch(/^--variant guard: host\.\.kernel: found /);
    expect(faultOf(modeChange(scenario, 'vhsot'))).toMatch(/^--modes: found "vhsot".*did you mean "vhost"/m);
  });
});
