import { planCores } from '../../runtime/os/core-plan.ts';
import { needOf } from '../../runtime/plan.ts';
import type { Plan } from '../../runtime/plan.ts';
import { buildPlan } from '../../plan/build-plan.ts';
import { phasesNs } from '../../scenario/run-length.ts';
import type { Scenario } from '../../scenario/scenario.ts';

/** What somebody who looks for a scenario wants to know of one. */
export interface ScenarioEntry {
  readonly name: string;
  /** First sentence of its description. */
  readonly summary: string;
  /** Cores of this machine that real threads need; the virtual host needs none of them. */
  readonly coresNeeded: number;
  /** Length of warm-up, phases and settling, ns, in the time of the host it runs on: starting and judging come besides. */
  readonly durationNs: number;
  /** Relations that it expects to hold. */
  readonly expectations: number;
  /** Whether this machine has fewer cores, so that the virtual host is to run it. */
  readonly virtual: boolean;
  /** The line that runs it. */
  readonly command: string;
}

/** Lays the scenario out to learn what it needs. @param cores that this process may use. */
export function describeScenario(scenario: Scenario, cores: number): ScenarioEntry {
  const { name, description, run, expect } = scenario;
  const needed = coresNeeded(buildPlan(scenario));
  const virtual = needed > cores;
  return {
    name,
    summary: firstSentence(description),
    coresNeeded: needed,
    durationNs: run.warmupNs + run.settleNs + phasesNs(run),
    expectations: expect.length,
    virtual,
    command: `npm run vhostlab -- run ${name}${virtual ? ' --host virtual' : ''}`,
  };
}

/** Up to a stop that a new sentence or nothing follows: not the one in `linux-3.13` or `1.5 ms`. */
function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s+[A-Z]|\s*$)/s.exec(text.trim())?.[0] ?? text.trim();
}

/** Those it names, and besides as many as keep hardware apart from the modelled host. */
function coresNeeded({ threads }: Plan): number {
  const named = threads.flatMap(({ core }) => core ?? []);
  const free = threads.map((thread) => needOf({ ...thread, core: null }));
  const apart = planCores(free, [0, 1]).coresNeeded;
  return Math.max(apart, ...named.map((core) => core + 1));
}
