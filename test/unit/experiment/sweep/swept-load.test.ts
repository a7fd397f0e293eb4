import { describe, expect, it } from 'vitest';
import {
  askedAt,
  chooseLoad,
  countedPerSecond,
  offeredPerSecond,
  rateOf,
  sharingNames,
} from '../../../../src/experiment/sweep/swept-load.ts';
import { carriedPerSecondMax, parseSweptRate } from '../../../../src/experiment/sweep/offered-rates.ts';
import { loadScenario } from '../../../../src/plan/load-scenario.ts';
import { shippedScenarios } from '../../../../src/scenario/file.ts';

const FRAMES = { unit: 'frames', counted: null } as const;

describe('what a sweep varies', () => {
  it('is frames/s where a stream follows, and connections/s where only clients are', () => {
    expect(chooseLoad(loadScenario('kvm-forum-2014'), null, null)).toEqual(FRAMES);
    expect(chooseLoad(loadScenario('tcp-terminate'), null, null)).toEqual({ unit: 'connections', counted: null });
    expect(chooseLoad(loadScenario('noisy-neighbour-vhost'), null, 'quiet').counted).toBe('quiet');
  });

  it('is refused, with what is allowed, where nothing would follow', () => {
    const overrides = ['traffic.streams=[{ from: eth0, to: eth1, rate: 10kpps }]'];
    expect(() => chooseLoad(loadScenario('ladder', { overrides }), null, null)).toThrow(
      'ladder has a rate of its own for every stream, so that nothing follows a load in frames/s, allowed: a scenario ' +
        'with a stream that has no rate, or with traffic.connections',
    );
    expect(() => chooseLoad(loadScenario('tcp-terminate'), 'frames', null)).toThrow('allowed: connections/s');
    expect(() => chooseLoad(loadScenario('ladder'), 'connections', null)).toThrow('allowed: frames/s');
    expect(() => chooseLoad(loadScenario('network-appliance'), null, 'request')).toThrow(
      '--stream: found "request", allowed: requests, attack',
    );
  });

  it('is finite for every shipped scenario that can be swept', () => {
    for (const name of shippedScenarios()) {
      const scenario = loadScenario(name);
      if (sharingNames(scenario).length === 0 && scenario.traffic.connections.length === 0) continue;
      const max = carriedPerSecondMax(scenario, chooseLoad(scenario, null, null).unit);
      expect(max, name).toBeGreaterThan(0);
      expect(max, name).toBeLessThan(Infinity);
    }
  });

  it('leaves what does not follow as the scenario has it', () => {
    const appliance = loadScenario('network-appliance');
    const rate = parseSweptRate('100kpps');
    expect(offeredPerSecond(appliance, rate)).toBe(100_000);
    expect(countedPerSecond(appliance, FRAMES, rate)).toBe(120_000);
    expect(countedPerSecond(appliance, { unit: 'frames', counted: 'requests' }, rate)).toBe(20_000);
    const tcp = loadScenario('tcp-terminate');
    const asked = askedAt(tcp, parseSweptRate('3kcps'));
    expect(asked).toEqual({ rate: tcp.traffic.rate, connectionsPerSecond: 3000 });
    expect(askedAt(tcp, rate).connectionsPerSecond).toBeNull();
    expect(offeredPerSecond(tcp, rateOf(tcp, 'connections', 3000))).toBe(3000);
  });

  it.each(['3', '3kf', 'kcps'])('is not %s', (text) => {
    expect(() => parseSweptRate(text)).toThrow(/300kpps.*2kcps/);
  });
});
