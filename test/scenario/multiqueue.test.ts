/** Several queues at every stage, on real threads: whatever the schedule, nothing is lost from sight or reordered. */
import { expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { modesWhere } from '../../src/scenario/modes.ts';

const both = (key: string): string[] => [`vms.vm0.nics.vnic0.${key}`, `vms.vm0.nics.vnic1.${key}`];
const QUEUES = ['vms.vm0.vcpus=4', ...both('queues=4'), 'ports.eth0.rxQueues=4', 'ports.eth1.rxQueues=2'];
const PHASES =
  'run.phases=[{name: comfortable, rate: 40kpps, duration: 1s}, {name: flood, rate: 600kpps, duration: 1s}]';

it.each(modesWhere(({ queuesMax }) => queuesMax === null))(
  '%s with four queue pairs: every frame and buffer is accounted for, in order and whole',
  async (mode) => {
    const scenario = loadScenario('kvm-forum-2014', {
      overrides: [...QUEUES, ...both(`mode=${mode}`), PHASES, 'run.warmup=1s', 'expect=[]'],
    });
    const host = await ThreadHost.create(buildPlan(scenario));
    const result = await runScenario(scenario, host, { signal: new AbortController().signal });
    expect(result.ledger.faults).toEqual([]);
    expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
    for (const vcpu of [0, 1, 2, 3]) expect(result.counters[`vm0/vcpu${vcpu}`].rx_packets).toBeGreaterThan(0);
    const [comfortable] = result.phases;
    console.log(`${mode}: ${comfortable.total.deliveredFrames} of ${comfortable.total.sentFrames} at 40 kpps`);
  },
);
