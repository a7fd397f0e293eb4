/** What descriptors say agrees with what is said elsewhere, and the lanes with what the order of counters said before. */
import { describe, expect, test } from 'vitest';
import { component } from '../../../actors/component.ts';
import { COMPONENTS } from '../../../actors/registry.ts';
import { TAP } from '../../../actors/host/tap.ts';
import { planLanes } from '../../../src/metrics/derive/lanes.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { DROP_PLACES } from '../../../src/scenario/words.ts';

describe('the descriptors', () => {
  test('are one a kind, and one kind of place looks the same for all who serve it', () => {
    const kinds = COMPONENTS.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const { place, drawn } of COMPONENTS) {
      expect(COMPONENTS.find((each) => each.place === place)!.drawn).toEqual(drawn);
    }
  });

  test('name their ports by their own kind', () => {
    for (const { kind, ports } of COMPONENTS) {
      for (const [name, port] of Object.entries(ports)) expect(port).toMatchObject({ component: kind, name });
    }
  });

  test('drop at the places that a scenario may ask about, and where real programs are, of which none is asked', () => {
    const places = COMPONENTS.flatMap(({ place, counters }) =>
      counters.flatMap((counter) => (counter.role === 'drop' ? ['place' in counter ? counter.place : place] : [])),
    );
    expect([...new Set(places)].sort()).toEqual([...DROP_PLACES, 'end'].sort());
  });

  test('are refused with a lane that is none of theirs', () => {
    const wrong = [{ name: 'rx', lane: 'receive', role: 'in', meaning: 'frames' }] as const;
    expect(() => component({ ...TAP, counters: wrong })).toThrow('component tap has no lane "receive"');
  });

  test('count each thing once', () => {
    for (const { counters } of COMPONENTS) {
      const names = counters.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
  });
});

describe('the lanes of a plan', () => {
  test('follow the path, whatever the order of counters in an actor', () => {
    const plan = buildPlan(loadScenario('kvm-forum-2014'));
    const shuffled = {
      ...plan,
      threads: plan.threads.map((thread) => ({
        ...thread,
        actors: thread.actors.map((actor) => ({ ...actor, counters: [...actor.counters].reverse() })),
      })),
    };
    const shape = (lanes: ReturnType<typeof planLanes>) =>
      lanes.map(({ actor, name, inIndexes, outIndexes, drops, inputs }) => {
        return [actor, name, inIndexes.length, outIndexes.length, drops.length, inputs.map((input) => input.name)];
      });
    expect(shape(planLanes(shuffled))).toEqual(shape(planLanes(plan)));
    const places = planLanes(plan).map(({ place }) => place);
    expect(places.slice(0, 4)).toEqual(['generator', 'generator', 'nic', 'nic']);
    expect(places[places.length - 1]).toBe('sink');
  });
});
