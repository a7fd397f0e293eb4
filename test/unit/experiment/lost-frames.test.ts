import { describe, expect, test } from 'vitest';
import { foreignBySink } from '../../../src/experiment/judge/lost-frames.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { phaseOf } from '../../support/phase-results.ts';

const foreign = (scenario: string, counters: Readonly<Record<string, Readonly<Record<string, number>>>>) =>
  foreignBySink(loadScenario(scenario), phaseOf({ counters }));

describe('frames that were for nobody on a wire', () => {
  test('are told by the sink that saw them', () => {
    const seen = { 'sink-eth0': { rx_foreign: 0 }, 'sink-eth1': { rx_foreign: 7 } };
    expect(foreign('livelock', seen)).toEqual([{ port: 'eth1', sink: 'sink-eth1', frames: 7 }]);
  });

  test('are none where clients or programs are at the ends of the wires', () => {
    expect(foreign('tcp-terminate', { 'client-eth0': { rx_foreign: 3 } })).toEqual([]);
    expect(foreign('livelock', { 'end-eth0': { rx_packets: 3 } })).toEqual([]);
  });
});
