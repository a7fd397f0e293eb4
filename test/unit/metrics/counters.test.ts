import { describe, expect, test } from 'vitest';
import { SINK, arrivedCounter } from '../../../actors/wire/sink.ts';
import { TAP } from '../../../actors/host/tap.ts';
import { counterOf, pageOf, placeOfCounter } from '../../../src/metrics/derive/counters.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';

const actors = buildPlan(loadScenario('kvm-forum-2014')).threads.flatMap((thread) => thread.actors);
const sink = actors.find(({ name }) => name === 'sink-eth1')!;

describe('a counter that is not kept', () => {
  test('is no zero in results', () => {
    const counters = { tap0: { tx_dropped: 0 } };
    expect(counterOf(TAP, counters, 'tap0', 'tx_dropped')).toBe(0);
    expect(() => counterOf(TAP, counters, 'tap0', 'wakeups')).toThrow('no counter wakeups of tap0');
    expect(() => counterOf(TAP, counters, 'tap1', 'tx_dropped')).toThrow('no counter tx_dropped of tap1');
    // @ts-expect-error -- a name that no tap counts under does not compile
    expect(() => counterOf(TAP, counters, 'tap0', 'tx_droped')).toThrow('no counter tx_droped');
  });

  test('has no place in a page, nor has that of another component', () => {
    expect(placeOfCounter(SINK, sink, 'rx_packets')).toBe(0);
    expect(placeOfCounter(SINK, sink, arrivedCounter('eth0-to-eth1'))).toBe(SINK.counters.length);
    expect(() => placeOfCounter(SINK, sink, arrivedCounter('none'))).toThrow('sink-eth1 keeps no counter rx_none');
    expect(() => placeOfCounter(TAP, sink, 'tx_dropped')).toThrow('sink-eth1 is a sink, no tap');
    expect(() => pageOf({ counters: new Map() }, 'br0')).toThrow('br0 keeps no counters');
  });
});
