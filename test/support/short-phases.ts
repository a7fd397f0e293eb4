import { requestedFps } from '../../src/experiment/run/phase-result.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** Below this, frames/s, a phase waits for queues to run empty, which takes its own time. */
const SLOW_FPS = 1000;

/** The scenario with phases of `phaseNs`; one that is slow by intent keeps its length. */
export function withShortPhases(scenario: Scenario, phaseNs: number): Scenario {
  const phases = scenario.run.phases.map((phase) => {
    const rates = requestedFps(scenario, phase);
    const slow = rates.length > 0 && Math.max(...rates) < SLOW_FPS;
    return { ...phase, durationNs: slow ? phase.durationNs : phaseNs };
  });
  return { ...scenario, run: { ...scenario.run, phases } };
}
