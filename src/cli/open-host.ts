import type { Host } from '../runtime/host.ts';
import type { Plan } from '../runtime/plan.ts';
import type { Scenario } from '../scenario/scenario.ts';

export const HOST_KINDS = ['threads', 'virtual'] as const;
export type HostKind = (typeof HOST_KINDS)[number];

/** The host asked for, not started. Only its own modules are loaded. */
export async function openHost(kind: HostKind, plan: Plan, scenario: Scenario): Promise<Host> {
  if (kind === 'threads') {
    const { ThreadHost } = await import('../runtime/threads/thread-host.ts');
    return ThreadHost.create(plan);
  }
  const { VirtualHost } = await import('../runtime/virtual/virtual-host.ts');
  return new VirtualHost(plan, { seed: scenario.seed });
}
