/** The hosts of a run, before anything is on them. */
import type { SoftirqLimits } from '../../runtime/softirq-policy.ts';
import { CONTROL_SEAT } from '../draft.ts';
import type { CpuSeat, PlanDraft } from '../draft.ts';
import type { HostDraft } from '../parts.ts';
import type { HostSpec, Scenario, VnicSpec } from '../../scenario/scenario.ts';
import { softirqName } from '../../scenario/names.ts';

/** Gives every host its memory and its softirq threads: the first stage, so that nothing else is in the draft. */
export function planHosts(draft: PlanDraft, { hosts }: Scenario): HostDraft[] {
  const total = hosts.reduce((sum, { softirqCpus }) => sum + softirqCpus, 0);
  let first = 0;
  return hosts.map((spec) => {
    const cpus = Array.from({ length: spec.softirqCpus }, () => first++);
    // A single CPU is nobody's choice: its threads spread over the cores there are.
    const host = hosts.length === 1 ? null : spec.name;
    const seat: CpuSeat = total === 1 ? CONTROL_SEAT : { host, cpu: null, cpus };
    const seats = cpus.map((cpu): CpuSeat => (total === 1 ? seat : { host, cpu, cpus }));
    draft.hosts.push({ name: host, scheduler: spec.scheduler });
    const arena = draft.arena(hosts.length === 1 ? 'host' : `host:${spec.name}`);
    const softirqs = seats.map((each, cpu) => {
      const name = softirqName(hosts, spec.name, cpu);
      const thread = draft.thread(name, 'softirq', 'softirq', each);
      const { sliceNs } = spec.scheduler;
      thread.softirq = { limits: softirqLimits(spec), sliceNs, threaded: spec.threadedNapi };
      return draft.actorOn(thread, name, [arena.name]);
    });
    return { spec, arena, softirqs, seats, seat };
  });
}

/** The host of that name. */
export function hostNamed(hosts: readonly HostDraft[], name: string): HostDraft {
  const found = hosts.find(({ spec }) => spec.name === name);
  if (found === undefined) throw new Error(`no host ${name} in the scenario`);
  return found;
}

/** A vNIC's vhost workers go round the CPUs of the host from its own on, as the vectors of a port do. */
export function workerCpu({ softirqCpus }: HostSpec, { vhost }: VnicSpec, pair: number): number {
  return (vhost.cpu + pair) % softirqCpus;
}

function softirqLimits({ hz, softirq }: HostSpec): SoftirqLimits {
  const { budget, budgetTimeNs, maxRestart, maxTimeNs, repollList, ksoftirqdGuard } = softirq;
  return {
    hz,
    sweepBudgetFrames: budget,
    sweepTimeNs: budgetTimeNs,
    visitSweepsMax: maxRestart,
    visitTimeNs: maxTimeNs,
    repollList,
    ksoftirqdGuard,
  };
}
