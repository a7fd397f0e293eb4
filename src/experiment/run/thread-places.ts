import type { Host } from '../../runtime/host.ts';
import type { RunResult } from './run-result.ts';

/** Every thread of a run: its part in the plan, its place, and what it ran. */
export function threadPlaces({ plan, places }: Pick<Host, 'plan' | 'places'>): RunResult['threads'] {
  return places.map(({ name, core, policy, kind = 'main' }) => {
    const planned = plan.threads.find((thread) => thread.name === name) ?? { kind, actors: [] };
    return { name, kind: planned.kind, core, policy, actors: planned.actors.map((actor) => actor.name) };
  });
}
