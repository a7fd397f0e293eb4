/** What must hold of poll lists in every order of accesses: see memory-models.ts. */
import { Arena } from '../../src/memory/arena.ts';
import { Doorbell, reserveDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { IdRingConsumer, IdRingProducer, reserveRing } from '../../src/memory/id-ring.ts';
import { Announcer, PendingQueue, reservePending } from '../../src/memory/pending-queue.ts';
import type { Context, Model } from './interleaving.ts';

export type PollListFault = 'look before clearing' | 'no second look' | 'announced before published';

/**
 * Rings that announce themselves, and their reader, which looks at those that were announced and at no other, one frame
 * a turn, and sleeps when there are none. All frames are read, and nobody sleeps through any.
 */
export function pollListModel(options: { numbers: readonly number[]; frames: number; fault?: PollListFault }): Model {
  const { numbers, frames, fault } = options;
  const arena = new Arena('model');
  const pending = reservePending(arena, Math.max(...numbers) + 1);
  const bell = reserveDoorbell(arena);
  const rings = numbers.map((number) => {
    const ring = reserveRing(arena, frames);
    ring.announced = fault === 'announced before published' ? null : { pending, number };
    return ring;
  });
  const reader = ({ memory }: Context): void => {
    const queue = new PendingQueue(memory, pending);
    const doorbell = new Doorbell(memory, bell);
    const inputs = rings.map((ring) => new IdRingConsumer(memory, ring));
    for (let left = numbers.length * frames; left > 0;) {
      const early = inputs.map((input) => (fault === 'look before clearing' ? input.depth() : 1));
      let moved = 0;
      for (let turns = queue.collect(); turns > 0; turns--) {
        const number = queue.shift();
        const at = numbers.indexOf(number);
        if (early[at] === 0 || inputs[at].readable(1) === 0) continue;
        inputs[at].take();
        inputs[at].release();
        moved++;
        if (fault !== 'look before clearing' || early[at] > 1) queue.push(number);
      }
      left -= moved;
      if (moved > 0 || left === 0) continue;
      doorbell.park();
      if (fault !== 'no second look' && !queue.empty) doorbell.unpark();
      else doorbell.wait();
    }
  };
  const producer = (at: number) => ({
    name: `producer ${at}`,
    body({ memory }: Context): void {
      const output = new IdRingProducer(memory, rings[at]);
      const announcer = new Announcer(memory, { pending, number: numbers[at] });
      const ringer = new Ringer(memory, bell);
      for (let k = 0; k < frames; k++) {
        output.put(k);
        if (fault === 'announced before published') announcer.announce();
        output.publish();
        ringer.ring();
      }
    },
  });
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [{ name: 'reader', body: reader }, ...numbers.map((_, at) => producer(at))],
  };
}
