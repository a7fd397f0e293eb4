import type { Host } from '../runtime/host.ts';
import { buildPlan } from '../plan/build-plan.ts';
import type { HostKind } from '../runtime/host.ts';
import { kernelScenario } from '../scenario/rules/kernel-host.ts';
import type { EndSpec } from '../scenario/attach.ts';
import type { Scenario } from '../scenario/scenario.ts';

/**
 * The host asked for, not started. Only its own modules are loaded.
 * @param scenario as `scenarioFor` gives it for this host.
 * @param ends of wires where real programs are; none on virtual time.
 */
export async function openHost(kind: HostKind, scenario: Scenario, ends: readonly EndSpec[] = []): Promise<Host> {
  if (kind === 'kernel') {
    const { buildKernelPlan } = await import('../plan/kernel/kernel-plan.ts');
    const { KernelHost } = await import('../runtime/kernel/kernel-host.ts');
    const { plan, layout } = buildKernelPlan(scenario, ends);
    return KernelHost.open(plan, layout);
  }
  const plan = buildPlan(scenario, ends);
  if (kind === 'threads' && ends.length > 0) {
    const { AttachedHost } = await import('../runtime/kernel/attached-host.ts');
    return AttachedHost.open(plan);
  }
  if (kind === 'threads') {
    const { ThreadHost } = await import('../runtime/threads/thread-host.ts');
    return ThreadHost.create(plan);
  }
  const { VirtualHost } = await import('../runtime/virtual/virtual-host.ts');
  return new VirtualHost(plan, { seed: scenario.seed });
}

/** A scenario as a host can run it. @throws ScenarioError for what the kernel host cannot carry. */
export function scenarioFor(kind: HostKind, scenario: Scenario): Scenario {
  return kind === 'kernel' ? kernelScenario(scenario) : scenario;
}
