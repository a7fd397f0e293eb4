import type { Host } from '../../runtime/host.ts';
import type { RunResult } from './run-result.ts';

/** The main thread is of no plan. */
const MAIN = { kind: 'main', actors: [] } as const;

/** Every thread of a run: its part in the plan, its place, and what it ran. */
export function threadPlaces({ plan, places }: Pick<Host, 'plan' | 'places'>): RunResult['threads'] {
  return places.map(({ name, core, policy }) => {
    const { kind, actors } = plan.threads.find((thread) => thread.name === name) ?? MAIN;
    return { name, kind, core, policy, actors: actors.map((actor) => actor.name) };
  });
}
