/** Runs on this machine's own kernel, for tests: whether they can be had here, and short ones at low rates. */
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { buildKernelPlan } from '../../src/plan/kernel/kernel-plan.ts';
import { KernelHost } from '../../src/runtime/kernel/kernel-host.ts';
import { NetworkNamespace } from '../../src/runtime/kernel/namespace.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { kernelScenario } from '../../src/scenario/rules/kernel-host.ts';

/** Why no run on the kernel can be had here; empty where one can. */
export function kernelObstacle(): string {
  try {
    const namespace = new NetworkNamespace();
    try {
      namespace.within(() => namespace.configure(['link add v0 type veth peer name v1']));
    } finally {
      namespace.close();
    }
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const SHORT = ['run.warmup=150ms', 'run.settle=300ms', 'host.costs=none', 'expect=[]'];

/** A second of `rate` through the path of scenario livelock. */
export async function runOnKernel(rate: string, overrides: readonly string[] = []): Promise<RunResult> {
  const phases = `run.phases=[{ name: only, rate: ${rate}, duration: 1s }]`;
  const scenario = kernelScenario(loadScenario('livelock', { overrides: [...SHORT, phases, ...overrides] }));
  const { plan, layout } = buildKernelPlan(scenario);
  const host = await KernelHost.open(plan, layout);
  return runScenario(scenario, host, { signal: new AbortController().signal });
}
