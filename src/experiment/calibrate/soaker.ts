/**
 * A thread that soaks up whatever a core has left: it counts turns of a loop, so that what softirqs take of the core
 * shows as turns that are missing. No account of the kernel does that: softirq time goes to the thread it interrupts
 * (CONFIG_IRQ_TIME_ACCOUNTING is off by default), and in steps of a tick.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { processTids, setThreadCores, setThreadPolicy } from '../../runtime/os/os-threads.ts';

const GO_WORD = 0;
const TURNS_WORD = 1;
/** Turns are published this often: some microseconds. */
const TURNS_AT_ONCE = 1000;

/** A bundle is not worth its while: the thread knows nothing but its words. */
const SOURCE = `
const { parentPort, workerData: words } = require('node:worker_threads');
let x = 1;
function soak() {
  while (Atomics.load(words, ${GO_WORD}) === 1) {
    for (let i = 0; i < ${TURNS_AT_ONCE}; i++) x = (Math.imul(x, 1103515245) + 12345) | 0;
    Atomics.add(words, ${TURNS_WORD}, 1);
  }
}
parentPort.postMessage('ready');
for (;;) {
  Atomics.wait(words, ${GO_WORD}, 0);
  if (Atomics.load(words, ${GO_WORD}) < 0) break;
  soak();
}
module.exports = x;
`;

export class Soaker {
  private readonly words = new Int32Array(new SharedArrayBuffer(8));
  private readonly worker: Worker;

  /** Starts it on a core, asleep. @throws when it may not be put there. */
  static async start(core: number): Promise<Soaker> {
    const before = new Set(processTids());
    const soaker = new Soaker();
    await once(soaker.worker, 'message');
    const own = processTids().filter((tid) => !before.has(tid));
    for (const tid of own) {
      const { granted, reason } = setThreadCores(tid, [core]);
      if (!granted) throw new Error(`a thread cannot be put on core ${core}: ${reason}`);
      // Others that want the core are kept off where that is allowed; softirqs ask nobody.
      setThreadPolicy(tid, { class: 'other', nice: -20 });
    }
    return soaker;
  }

  private constructor() {
    this.worker = new Worker(SOURCE, { eval: true, workerData: this.words });
  }

  begin(): void {
    Atomics.store(this.words, GO_WORD, 1);
    Atomics.notify(this.words, GO_WORD);
  }

  /** Turns so far, in thousands; wraps at 2^31. */
  turns(): number {
    return Atomics.load(this.words, TURNS_WORD);
  }

  end(): void {
    Atomics.store(this.words, GO_WORD, 0);
  }

  async stop(): Promise<void> {
    Atomics.store(this.words, GO_WORD, -1);
    Atomics.notify(this.words, GO_WORD);
    await this.worker.terminate();
  }
}
