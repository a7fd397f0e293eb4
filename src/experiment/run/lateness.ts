/** How late each generator was, and how long what its frames meet would last without it. */
import { GENERATOR } from '../../../actors/wire/generator.ts';
import { counterOf } from '../../metrics/derive/counters.ts';
import type { CounterTable } from '../../metrics/derive/counters.ts';
import { histogramGrowth, shareAbove, summariseHistogram } from '../../metrics/derive/latency.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import { hardwareVnicsOf } from '../../plan/backends/hardware-vnics.ts';
import type { Plan } from '../../runtime/plan.ts';
import { MODES } from '../../scenario/modes.ts';
import type { PortSpec, Scenario } from '../../scenario/scenario.ts';
import type { LatenessResult } from './run-result.ts';

/** @param ratesFps frames/s asked of each stream, in the order of the plan's streams. */
export function describeLateness(
  plan: Plan,
  scenario: Scenario,
  ratesFps: readonly number[],
  counters: CounterTable,
  [before, after]: readonly [Snapshot, Snapshot],
): LatenessResult[] {
  return plan.ports.map(({ name, generator }) => {
    const late = histogramGrowth(before.lateness.get(generator)!, after.lateness.get(generator)!);
    const summary = summariseHistogram(late);
    const { meets, limitNs } = firstToFill(
      scenario,
      scenario.ports.find((port) => port.name === name)!,
      ratesFps,
    );
    return {
      generator,
      p50Ns: summary?.p50Ns ?? null,
      p999Ns: summary?.p999Ns ?? null,
      meets,
      limitNs,
      lateRatio: limitNs === null ? null : shareAbove(late, limitNs),
      absences: counterOf(GENERATOR, counters, generator, 'absences'),
      caughtUpFrames: counterOf(GENERATOR, counters, generator, 'caught_up'),
    };
  });
}

/** Room that frames find first, and the time in which they fill it at their rate when nobody empties it. */
type FirstRoom = Pick<LatenessResult, 'meets' | 'limitNs'>;

/**
 * A vNIC that the card serves has a buffer for each entry of its pool or ring; all other frames meet the receive rings
 * of the port. Of several the one that is full first.
 */
function firstToFill(scenario: Scenario, port: PortSpec, ratesFps: readonly number[]): FirstRoom {
  const inCard = hardwareVnicsOf(scenario, port.name).map(({ nic }) => nic);
  const fpsTo = (goes: (via: string) => boolean): number =>
    scenario.traffic.streams.reduce((sum, { from, via }, i) => {
      return from === port.name && goes(via) ? sum + ratesFps[i] : sum;
    }, 0);
  const rooms = [
    { meets: `receive ring of ${port.name}`, entries: port.rxRing * port.rxQueues, fps: fpsTo((via) => !served(via)) },
    ...inCard.map(({ name, mode, queueSize, queues }) => ({
      meets: MODES[mode].servedBy === 'nic' ? `receive queue of ${name}` : `buffer pool of ${name}`,
      entries: queueSize * queues,
      fps: fpsTo((via) => via === name),
    })),
  ];
  return rooms
    .filter(({ fps }) => fps > 0)
    .map(({ meets, entries, fps }): FirstRoom => ({ meets, limitNs: (entries / fps) * 1e9 }))
    .reduce<FirstRoom>((least, room) => (room.limitNs! < (least.limitNs ?? Infinity) ? room : least), {
      meets: rooms[0].meets,
      limitNs: null,
    });

  function served(via: string): boolean {
    return inCard.some(({ name }) => name === via);
  }
}
