import { describe, expect, it } from 'vitest';
import {
  EXIT_EXPECTATION,
  EXIT_INTERNAL_ERROR,
  EXIT_INTERRUPTED,
  EXIT_INVALID_RUN,
  EXIT_LEDGER,
  EXIT_OK,
  exitCodeOf,
} from '../../../src/experiment/run/exit-codes.ts';
import { evaluateExpectations, measure } from '../../../src/experiment/judge/expectations.ts';
import type { Expectation, Measurement } from '../../../src/scenario/scenario.ts';
import { phaseOf, tapFull } from '../../support/phase-results.ts';

const phases = [
  phaseOf({ name: 'calm', sentFrames: 100_000 }),
  phaseOf({
    drops: [tapFull('tap0', 600_000), { ...tapFull('eth0', 200_000), place: 'nic' }],
    threads: { 'vhost-vnic0': [0.1, 0.8], 'vhost-vnic1': [0.1, null] },
    counters: { eth0: { rx_missed_errors: 200_000 } },
  }),
];
const of = (metric: Measurement['metric'], changes: Partial<Measurement> = {}): Measurement => {
  return { metric, phase: 'flood', stream: null, place: null, thread: null, counter: null, ...changes };
};

describe('measurements of a run', () => {
  it.each([
    { of: of('offered'), value: 200_000 },
    { of: of('delivered'), value: 120_000 },
    { of: of('delivered', { stream: 'eth0-to-eth1' }), value: 60_000 },
    { of: of('loss'), value: 0.4 },
    { of: of('loss', { phase: 'calm' }), value: 0 },
    { of: of('latencyP99'), value: 3e5 },
    { of: of('latencyP50', { stream: 'eth0-to-eth1' }), value: null },
    { of: of('dropShare', { place: 'tap' }), value: 0.75 },
    { of: of('dropShare', { place: 'pool' }), value: 0 },
    { of: of('dropShare', { place: 'tap', phase: 'calm' }), value: null },
    { of: of('running', { thread: 'vhost-vnic0' }), value: 0.1 },
    { of: of('waiting', { thread: 'vhost-vnic0' }), value: 0.8 },
    { of: of('waiting', { thread: 'vhost-vnic1' }), value: null },
    { of: of('counter', { counter: 'eth0:rx_missed_errors' }), value: 200_000 },
    { of: of('sent', { phase: 'another' }), value: null },
  ])('$of.metric $of.phase $of.stream $of.place $of.thread: $value', ({ of: measurement, value }) => {
    expect(measure(measurement, phases)).toBe(value);
  });

  it('throws for a counter that is not kept: the scenario was checked for it', () => {
    expect(() => measure(of('counter', { counter: 'eth0:nothing' }), phases)).toThrow('no counter nothing of eth0');
  });

  it('takes nothing from a phase that was cut short', () => {
    expect(measure(of('sent'), [phaseOf({ complete: false })])).toBeNull();
  });
});

describe('expectations', () => {
  const against: Expectation = {
    left: of('delivered'),
    relation: '<',
    right: { kind: 'measurement', measurement: of('delivered', { phase: 'calm' }), times: 0.5 },
    why: 'livelock',
  };

  it('shows both values beside the relation', () => {
    expect(evaluateExpectations([against], phases, true)[0]).toEqual({
      text: 'delivered in flood 120 k/s < 0.5 x delivered in calm (10 k/s)',
      why: 'livelock',
      passed: false,
      left: 120_000,
      right: 10_000,
    });
  });

  it.each([
    ['<', [true, false, false]],
    ['<=', [true, true, false]],
    ['==', [false, true, false]],
    ['>=', [false, true, true]],
    ['>', [false, false, true]],
  ] as const)('relation %s', (relation, [less, equal, more]) => {
    const passed = (value: number) =>
      evaluateExpectations([{ left: of('loss'), relation, right: { kind: 'value', value }, why: '' }], phases, true)[0]
        .passed;
    expect([passed(0.5), passed(0.4), passed(0.3)]).toEqual([less, equal, more]);
  });

  it('passes no judgement on a run that is not to be judged, nor on a phase that was cut short', () => {
    expect(evaluateExpectations([against], phases, false)[0].passed).toBeNull();
    const cut = [phases[0], { ...phases[1], complete: false }];
    expect(evaluateExpectations([against], cut, true)[0].passed).toBeNull();
  });

  it('takes what has no value in a complete phase as not met', () => {
    const unmeasured = { ...against, left: of('waiting', { thread: 'vhost-vnic1' }) };
    const [result] = evaluateExpectations([unmeasured], phases, true);
    expect(result.passed).toBe(false);
    const nowhere: Expectation = {
      left: of('dropShare', { place: 'guest', phase: 'calm' }),
      relation: '<=',
      right: { kind: 'value', value: 0.05 },
      why: 'nothing was lost there, nor anywhere',
    };
    expect(evaluateExpectations([nowhere], phases, true)[0].passed).toBe(false);
    expect(result.text).toContain('waiting of vhost-vnic1 in flood not measured');
  });
});

describe('exit code of a finished run', () => {
  const fine = { failed: false, balanced: true, interrupted: false, valid: true, expectationsMet: true };
  it.each([
    [fine, EXIT_OK],
    [{ ...fine, expectationsMet: false }, EXIT_EXPECTATION],
    [{ ...fine, expectationsMet: false, valid: false }, EXIT_INVALID_RUN],
    [{ ...fine, valid: false, interrupted: true }, EXIT_INTERRUPTED],
    [{ ...fine, interrupted: true, balanced: false }, EXIT_LEDGER],
    [{ ...fine, balanced: false, failed: true }, EXIT_INTERNAL_ERROR],
  ])('%j: %i', (outcome, code) => {
    expect(exitCodeOf(outcome)).toBe(code);
  });
});
