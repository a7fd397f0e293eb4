/** Counters that a scenario's expectations name, looked up among those that its components keep. */
import type { Scenario } from '../scenario/scenario.ts';
import { valueFault } from '../scenario/fault.ts';
import type { Fault } from '../scenario/fault.ts';
import { didYouMean } from '../scenario/text/suggestion.ts';
import { buildPlan } from './build-plan.ts';

/** Each expectation on a counter that its component does not keep, such as a misspelt one. */
export function unknownCounters(scenario: Scenario): Fault[] {
  const named = scenario.expect.flatMap(({ left, right }, i) => {
    const compared = right.kind === 'value' ? null : right.measurement.counter;
    return [
      { counter: left.counter, path: ['expect', i, 'counter'] },
      // One that is carried over from the left side is told of there.
      { counter: compared === left.counter ? null : compared, path: ['expect', i, 'than', 'counter'] },
    ].flatMap(({ counter, path }) => (counter === null ? [] : [{ counter, path }]));
  });
  if (named.length === 0) return [];
  const actors = buildPlan(scenario).threads.flatMap((thread) => thread.actors);
  const kept = new Map(actors.map(({ name, counters }) => [name, counters.map((counter) => counter.name)]));
  return named.flatMap(({ counter, path }) => {
    const [component, name] = counter.split(':');
    const names = kept.get(component) ?? [];
    if (names.includes(name)) return [];
    const allowed = names.length === 0 ? 'none' : names.join(', ');
    return [valueFault(path, `${component} keeps no counter "${name}", allowed: ${allowed}${didYouMean(name, names)}`)];
  });
}
