import type { Region } from '../../memory/arena.ts';
import { BOUNCES } from '../os/core-distance.ts';
import type { CoreDistance } from '../os/core-distance.ts';
import type { HostedThread } from './hosted-thread.ts';

/**
 * Measures, now and again, how far the modelled host's core is from the hardware's: where either has several, the first.
 */
export class DistanceMeter {
  private readonly word: Region;
  private bounces = 0;
  /** Between the two cores so far; null before the first measurement that was answered. */
  distance: CoreDistance | null = null;

  /** @param word of the plan's, see core-distance.ts. */
  constructor(word: Region) {
    this.word = word;
  }

  /** Takes some milliseconds. @param threads out of their loops, each with its core, or -1 where it has none. */
  async measure(threads: readonly (readonly [HostedThread, number])[]): Promise<void> {
    const near = threads.find(([{ plan }, core]) => plan.kind === 'hardware' && core >= 0);
    const far = threads.find(([{ plan }, core]) => plan.kind !== 'hardware' && core >= 0 && core !== near?.[1]);
    if (near === undefined || far === undefined) return;
    const start = this.bounces;
    this.bounces += BOUNCES;
    const [tripNs] = await Promise.all([
      near[0].answer((calls) => calls.bounce(this.word, start, true)),
      far[0].answer((calls) => calls.bounce(this.word, start, false)),
    ]);
    if (tripNs !== null) this.note([near[1], far[1]], tripNs);
  }

  private note(cores: readonly [number, number], tripNs: number): void {
    const { leastNs, mostNs } = this.distance ?? { leastNs: tripNs, mostNs: tripNs };
    this.distance = {
      cores,
      lastNs: tripNs,
      leastNs: Math.min(leastNs, tripNs),
      mostNs: Math.max(mostNs, tripNs),
    };
  }
}
