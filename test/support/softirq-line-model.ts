/** What must hold of a CPU's softirq line in every order of accesses: see memory-models.ts. */
import { Arena } from '../../src/memory/arena.ts';
import { Doorbell } from '../../src/memory/doorbell.ts';
import { CONTEXT_INTERRUPT, reserveSoftirqLine, SoftirqLine, SoftirqRaiser } from '../../src/kernel/softirq-line.ts';
import type { Context, Model } from './interleaving.ts';
import { equal } from './memory-models.ts';

const SOFTIRQ_TID = 7;

/**
 * A softirq thread that sleeps, and is ksoftirqd in every other pass, and is raised by several: every raise is followed
 * by a look, because it woke the thread or lifted it out of ksoftirqd or came before the thread's second look; and
 * whoever woke it has left its context.
 */
export function softirqLineModel(options: { raisers: number; fault?: 'no second look' }): Model {
  const { raisers, fault } = options;
  const arena = new Arena('model');
  const line = reserveSoftirqLine(arena);
  const work = arena.reserve(4 * raisers);
  const look = (words: Int32Array): number => {
    let found = 0;
    for (let r = 0; r < raisers; r++) found += Atomics.load(words, r);
    return found;
  };
  const softirq = ({ memory, pause }: Context): number => {
    const words = memory.words(work);
    const doorbell = new Doorbell(memory, line);
    const own = new SoftirqLine(memory, line);
    let contexts = 0;
    let seen = look(words);
    for (let pass = 0; seen < raisers; seen = look(words), pass++) {
      contexts |= own.takeContexts();
      if (pass % 2 === 0) {
        own.defer();
        if (look(words) === seen) while (!own.lifted) pause();
        if (own.lifted && look(words) === 0) throw new Error('lifted by nobody');
        own.undefer();
      } else {
        doorbell.park();
        if (fault === undefined && look(words) !== seen) doorbell.unpark();
        else doorbell.wait();
      }
    }
    return contexts;
  };
  return {
    bytes: arena.bytes,
    plainSteps: false,
    prepare: (memory) => void (new SoftirqLine(memory, line).tid = SOFTIRQ_TID),
    threads: [
      { name: 'softirq', body: softirq },
      ...Array.from({ length: raisers }, (_, r) => ({
        name: `raiser ${r}`,
        body({ memory }: Context): boolean {
          memory.lift = (tid) => equal('lifted', tid, SOFTIRQ_TID);
          Atomics.store(memory.words(work), r, 1);
          return new SoftirqRaiser(memory, line).raise(CONTEXT_INTERRUPT);
        },
      })),
    ],
    atEnd(memory, [taken, ...woke]) {
      const contexts = (taken as number) | new SoftirqLine(memory, line).takeContexts();
      if (woke.includes(true)) equal('contexts', contexts, CONTEXT_INTERRUPT);
    },
  };
}
