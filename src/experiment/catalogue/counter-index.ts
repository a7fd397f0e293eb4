import type { CounterRole, CounterSpec } from '../../../actors/actor.ts';
import { placeOf } from '../../../actors/registry.ts';
import type { Place } from '../../../actors/registry.ts';
import { buildPlan } from '../../plan/build-plan.ts';
import type { Scenario } from '../../scenario/scenario.ts';

/** One counter of one kind of component. */
export interface CounterEntry {
  readonly place: Place;
  readonly name: string;
  readonly role: CounterRole;
  readonly meaning: string;
}

/** Every counter that components of these scenarios keep, each once. */
export function counterIndex(scenarios: readonly Scenario[]): CounterEntry[] {
  const entries = new Map<string, CounterEntry>();
  for (const scenario of scenarios) {
    for (const { actors } of buildPlan(scenario).threads) {
      for (const { spec, counters } of actors) {
        const place = placeOf(spec);
        for (const counter of counters) {
          const { name, role } = counter;
          const meaning = explain(counter);
          entries.set(`${place} ${name} ${meaning}`, { place, name, role, meaning });
        }
      }
    }
  }
  return [...entries.values()];
}

function explain(counter: CounterSpec): string {
  return counter.role === 'drop' ? `frames that ended here: ${counter.reason}` : counter.meaning;
}

/** Entries that a word means: a counter's name, with or without a component before it, or part of a drop's reason. */
export function findCounters(entries: readonly CounterEntry[], word: string): CounterEntry[] {
  const name = word.slice(word.indexOf(':') + 1);
  const named = entries.filter((entry) => entry.name === name);
  if (named.length > 0) return named;
  const text = word.toLowerCase();
  return entries.filter(({ role, meaning }) => role === 'drop' && meaning.toLowerCase().includes(text));
}
