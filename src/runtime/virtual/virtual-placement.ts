import { planCores } from '../os/core-plan.ts';
import type { ThreadPlace } from '../host.ts';
import { describePolicy } from '../os/os-threads.ts';
import type { ThreadPolicy } from '../os/os-threads.ts';
import { needOf } from '../plan.ts';
import type { HardwarePolls, Plan, ThreadPlan } from '../plan.ts';
import type { VirtualHostOptions } from './virtual-options.ts';
import type { VirtualSeat } from './virtual-thread.ts';

const FAIR: ThreadPolicy = { class: 'other', nice: 0 };
const INTERRUPT: ThreadPolicy = { class: 'fifo', priority: 1 };

/**
 * Gives each thread of the plan its virtual CPU, by the rule for real cores, and its class: softirq threads switch
 * between real-time class and nice 0, unless NAPI is threaded. A core that the scenario insists on is a virtual CPU
 * here, as each CPU of the modelled hosts is, and there are as many as that takes.
 *
 * @throws when `placement` names a thread that is not in the plan, or no CPU.
 */
export function placeVirtually(plan: Plan, options: VirtualHostOptions): readonly VirtualSeat[] {
  const { placement } = options;
  for (const [name, cpu] of Object.entries(placement)) {
    if (!plan.threads.some((thread) => thread.name === name))
      throw new Error(`no thread "${name}" in this run to place`);
    if (!Number.isInteger(cpu) || cpu < 0) throw new Error(`thread ${name} asks for virtual CPU ${cpu}`);
  }
  const needs = plan.threads.map((thread) => needOf({ ...thread, core: placement[thread.name] ?? thread.core }));
  // Each CPU of the modelled hosts, and one more for the hardware.
  const modelled = Math.max(0, ...needs.map(({ cpu }) => (cpu === undefined ? 0 : cpu + 2)));
  const cpus = Math.max(options.cpus, modelled, ...needs.map(({ core }) => 1 + (core ?? 0)));
  const { cores } = planCores(
    needs,
    Array.from({ length: cpus }, (_, cpu) => cpu),
  );
  return plan.threads.map((thread, i) => {
    const inline = thread.softirq !== null && !thread.softirq.threaded;
    return { cpu: cores[i], policy: inline ? INTERRUPT : (thread.policy ?? FAIR) };
  });
}

/** For the screen: where each thread runs, and how. */
export function describePlaces(
  threads: readonly ThreadPlan[],
  seats: readonly VirtualSeat[],
  { hardwarePollNs, hardwareIdlePollNs }: HardwarePolls,
): ThreadPlace[] {
  return threads.map(({ name, kind, softirq }, i) => {
    const { cpu, policy } = seats[i];
    const inline = softirq !== null && !softirq.threaded;
    const how = inline ? `${describePolicy(policy)} inline, nice 0 as ksoftirqd` : describePolicy(policy);
    const polled = `polled every ${hardwarePollNs} ns, ${hardwareIdlePollNs} ns while idle`;
    return { name, core: cpu, policy: kind === 'hardware' ? polled : how };
  });
}
