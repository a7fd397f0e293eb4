import type { Scenario } from './scenario.ts';

/** VMs that are not there at some time of the run. */
export function movingVms({ vms, run }: Scenario): Set<string> {
  const named = [...run.timeline, ...run.autoscale].map(({ vm }) => vm);
  return new Set([...vms.filter(({ present }) => !present).map(({ name }) => name), ...named]);
}
