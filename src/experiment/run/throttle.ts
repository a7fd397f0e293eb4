import { CLIENT_CHANGES_WORD, CLIENT_RATE_DOUBLE } from '../../../actors/wire/client-links.ts';
import {
  THROTTLE_CHANGES_WORD,
  THROTTLE_RATES_DOUBLE,
  THROTTLE_STREAM_DOUBLES,
} from '../../../actors/wire/generator.ts';
import { PACED_BY_FRAMES } from '../../net/traffic/frame-schedule.ts';
import type { Host } from '../../runtime/host.ts';

/**
 * Sets every stream's mean rate, frames/s in the order of the plan's streams, and what it is paced by, one of the
 * PACED_BY_ values. Generators follow at their next poll.
 * @param burst frames that each sends back to back, in place of its own number; 0 for that.
 */
export function setRates(
  { plan, memory }: Host,
  ratesFps: readonly number[],
  pacedBy: readonly number[] = ratesFps.map(() => PACED_BY_FRAMES),
  burst = 0,
): void {
  for (const { generator, throttle } of plan.ports) {
    const rates = memory.doubles(throttle);
    plan.streams.forEach((stream, i) => {
      if (stream.generator !== generator) return;
      const at = THROTTLE_RATES_DOUBLE + THROTTLE_STREAM_DOUBLES * stream.index;
      rates[at] = ratesFps[i];
      rates[at + 1] = pacedBy[i];
      rates[at + 2] = burst;
    });
    // Releases the rates: a generator that sees the new count sees them too.
    Atomics.add(memory.words(throttle), THROTTLE_CHANGES_WORD, 1);
  }
}

/** Sets every client's rate, connections/s in the order of the plan's clients, likewise. */
export function setConnectionRates({ plan, memory }: Host, perSecond: readonly number[]): void {
  plan.clients.forEach(({ throttle }, i) => {
    memory.doubles(throttle)[CLIENT_RATE_DOUBLE] = perSecond[i];
    Atomics.add(memory.words(throttle), CLIENT_CHANGES_WORD, 1);
  });
}

/** Sends nothing more and opens no more connections; those that are open come to their end. */
export function stopTraffic(host: Host): void {
  setRates(
    host,
    host.plan.streams.map(() => 0),
  );
  setConnectionRates(
    host,
    host.plan.clients.map(() => 0),
  );
}
