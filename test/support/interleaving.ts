/**
 * Runs a few threads of control over one shared memory in every order of their accesses, on one thread: the idea of
 * TigerBeetle's exhaustigen, with states instead of choices, so that orders which meet in the same state are followed
 * once. What runs is the code under test itself, unchanged.
 *
 * A JavaScript function cannot be stopped half way, so a thread of control is replayed: its body is run from the
 * beginning with the outcomes of its earlier accesses out of a log and the memory untouched, until it comes to the
 * first access that is not in the log; that one happens for real, and the next one throws the body away. A body must
 * therefore depend on nothing but what it read, and make all its objects itself.
 *
 * It finds faults of order. It takes Atomics for granted: a plain access where an atomic one is needed is invisible
 * here, and the tidy test looks for those.
 */
import { createHash } from 'node:crypto';
import { Memory } from '../../src/memory/arena.ts';

/** What a body gets: memory through which every access is seen, and a way to wait without a doorbell. */
export interface Context {
  readonly memory: Memory;
  /** 16-bit words of the whole buffer, for virtqueues. */
  readonly halves: Uint16Array;
  /** 32-bit words of the whole buffer. */
  readonly words: Int32Array;
  /** Nothing to do: goes on once another thread has changed the memory since the last pause. A poller's way to wait. */
  readonly pause: () => void;
}

export interface ModelThread {
  readonly name: string;
  /** Its answer is handed to `atEnd`. Throwing anything is a fault of the code under test. */
  readonly body: (context: Context) => unknown;
}

export interface Model {
  /** Size of the one buffer, called `model`. */
  readonly bytes: number;
  /** Whether plain accesses are separate steps (finds plain data read too early) or belong to the atomic one before. */
  readonly plainSteps: boolean;
  /** Puts the memory into its first state. */
  prepare?(memory: Memory): void;
  readonly threads: readonly ModelThread[];
  /** Looks at the memory and the threads' answers when all have ended. */
  atEnd?(memory: Memory, answers: readonly unknown[]): void;
}

type View = Int32Array | Uint16Array;
type Operation = (array: View, index: number, ...rest: number[]) => number;
const OPERATIONS = ['load', 'store', 'add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange', 'wait', 'notify'];

/** Thrown to leave a body at its next access; one for all, since making an error takes longer than the access. */
const SUSPEND = new Error('suspended');
const RUNNABLE = -1;
const PAUSED = -2;
const ENDED = -3;

/** What a thread did so far, and what it waits for: a word of memory, any change, or nothing. */
interface ThreadState {
  readonly log: readonly number[];
  readonly waits: number;
  /** Whether another thread has changed the memory since this one last paused. */
  readonly news: boolean;
  readonly answer: unknown;
}

interface State {
  readonly memory: Int32Array;
  readonly threads: readonly ThreadState[];
  /** How it was reached, newest first, for the report. */
  readonly step: string;
  readonly before: State | null;
}

/** How many states there were, and in how many all threads had ended. */
export interface Explored {
  readonly states: number;
  readonly endings: number;
}

/** How many states there may be, and how many accesses one thread may have made. */
export interface Limits {
  readonly states: number;
  readonly accesses: number;
}

const NO_LIMITS: Limits = { states: Infinity, accesses: Infinity };

/**
 * @param limits beyond which the mechanism is said to come to no rest; one that is sound comes to rest by itself.
 * @throws Error with the order of steps that led there, when a thread throws, `atEnd` does, or nobody can go on.
 */
export function explore(model: Model, limits = NO_LIMITS): Explored {
  return new Explorer(model, limits).run();
}

class Explorer {
  private readonly model: Model;
  private readonly limits: Limits;
  private readonly words: Int32Array;
  private readonly raw: Memory;
  private readonly proxies = new Map<object, View>();
  private readonly context: Context;
  private log: number[] = [];
  private cursor = 0;
  /** Whether the one new access of this replay has happened. */
  private spent = false;
  private waits = RUNNABLE;
  private news = false;
  private lastAccess = '';
  private notified: number[] = [];

  constructor(model: Model, limits: Limits) {
    this.model = model;
    this.limits = limits;
    const buffer = new SharedArrayBuffer(model.bytes);
    this.words = new Int32Array(buffer);
    this.raw = new Memory('the model', [['model', buffer]]);
    const watched = new Memory('a thread', [['model', buffer]]);
    watched.words = (region) => this.watch(this.raw.words(region));
    this.context = {
      memory: watched,
      words: this.watch(new Int32Array(buffer)),
      halves: this.watch(new Uint16Array(buffer)),
      pause: () => void this.access('pause', false, () => (this.news ? this.forget() : this.block(PAUSED))),
    };
  }

  run(): Explored {
    const restore = this.interceptAtomics();
    try {
      return this.search();
    } finally {
      restore();
    }
  }

  private search(): Explored {
    this.model.prepare?.(this.raw);
    const start: State = {
      memory: this.words.slice(),
      threads: this.model.threads.map(() => ({ log: [], waits: RUNNABLE, news: false, answer: undefined })),
      step: 'start',
      before: null,
    };
    const seen = new Set<string>();
    const open: State[] = [start];
    let endings = 0;
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      const key = keyOf(state);
      if (seen.has(key)) continue;
      seen.add(key);
      const accesses = Math.max(...state.threads.map(({ log }) => log.length));
      if (seen.size > this.limits.states || accesses > this.limits.accesses) throw this.fault(state, 'no rest');
      const able = state.threads.flatMap(({ waits }, t) => (waits === RUNNABLE ? [t] : []));
      if (able.length === 0) {
        this.finish(state);
        endings++;
      }
      for (const t of able) open.push(this.advance(state, t));
    }
    return { states: seen.size, endings };
  }

  private finish(state: State): void {
    const stuck = state.threads.flatMap(({ waits }, t) => (waits === ENDED ? [] : [this.model.threads[t].name]));
    if (stuck.length > 0) throw this.fault(state, `nobody can go on; waiting for ever: ${stuck.join(', ')}`);
    this.words.set(state.memory);
    try {
      this.model.atEnd?.(
        this.raw,
        state.threads.map(({ answer }) => answer),
      );
    } catch (error) {
      throw this.fault(state, String(error));
    }
  }

  /** One access of thread `t`. */
  private advance(state: State, t: number): State {
    const { name, body } = this.model.threads[t];
    this.words.set(state.memory);
    this.log = [...state.threads[t].log];
    this.cursor = 0;
    this.spent = false;
    this.waits = RUNNABLE;
    this.news = state.threads[t].news;
    this.notified = [];
    let answer: unknown;
    try {
      answer = body(this.context);
      this.waits = ENDED;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw this.fault(state, `${name}: ${String(thrown)}`);
    }
    const memory = this.words.slice();
    const changed = memory.some((word, i) => word !== state.memory[i]);
    let wakeups = this.notified;
    const threads = state.threads.map((before, i): ThreadState => {
      if (i === t) return { log: this.log, waits: this.waits, news: this.news, answer };
      const thread = changed ? { ...before, news: true } : before;
      if (thread.waits === PAUSED && changed) return { ...thread, waits: RUNNABLE, news: false };
      if (thread.waits < 0 || !wakeups.includes(thread.waits)) return thread;
      // The eldest waiter is woken, once for each notification.
      const at = wakeups.indexOf(thread.waits);
      wakeups = wakeups.filter((_, n) => n !== at);
      return { ...thread, waits: RUNNABLE };
    });
    return { memory, threads, step: `${name}: ${this.lastAccess}`, before: state };
  }

  /** An access of the running body: out of the log, or for real if it is the new one, or the end of this replay. */
  private access(what: string, isStep: boolean, perform: () => number): number {
    if (this.cursor < this.log.length) return this.log[this.cursor++];
    if (this.waits !== RUNNABLE || (this.spent && isStep)) throw SUSPEND;
    if (isStep) {
      this.spent = true;
      this.lastAccess = what;
    }
    const outcome = perform();
    this.log.push(outcome);
    this.cursor++;
    return outcome;
  }

  private block(on: number): number {
    this.waits = on;
    return 0;
  }

  private forget(): number {
    this.news = false;
    return 0;
  }

  /** A view whose accesses by index are seen. */
  private watch<A extends View>(view: A): A {
    const plain = this.model.plainSteps;
    const place = (index: number) => (view.byteOffset + index * view.BYTES_PER_ELEMENT).toString();
    const proxy = new Proxy(view, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d/.test(key)) {
          return this.access(`read ${place(Number(key))}`, plain, () => target[Number(key)]);
        }
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'fill' || key === 'set') {
          const method = value as (...parameters: unknown[]) => unknown;
          return (...parameters: unknown[]) =>
            this.access(key, plain, () => (method.apply(target, parameters) === null ? 1 : 0));
        }
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
      set: (target, key, value: number) => {
        this.access(`write ${place(Number(key))} = ${value}`, plain, () => {
          target[Number(key)] = value;
          return 0;
        });
        return true;
      },
    });
    this.proxies.set(proxy, view);
    return proxy;
  }

  private interceptAtomics(): () => void {
    const real = new Map(OPERATIONS.map((name) => [name, Reflect.get(Atomics, name) as Operation]));
    for (const [name, original] of real) {
      Reflect.set(Atomics, name, (array: View, index: number, ...rest: number[]): unknown => {
        const view = this.proxies.get(array);
        if (view === undefined) return original(array, index, ...rest);
        const at = view.byteOffset + index * view.BYTES_PER_ELEMENT;
        const what = `${name} ${at} ${rest.join(' ')}`;
        if (name === 'wait' || name === 'notify') {
          return this.access(what, true, () => this.waitOrNotify(name, view, index, at, rest[0]));
        }
        return this.access(what, true, () => original(view, index, ...rest));
      });
    }
    return () => real.forEach((original, name) => Reflect.set(Atomics, name, original));
  }

  /** Waiting never times out here: a wake-up that only the time-out would mend is a lost one. */
  private waitOrNotify(name: string, view: View, index: number, at: number, value: number): number {
    if (name === 'wait') return view[index] === value ? this.block(at) : 1;
    for (let n = 0; n < value; n++) this.notified.push(at);
    return 0;
  }

  private fault(state: State, what: string): Error {
    const steps: string[] = [];
    for (let s: State | null = state; s !== null; s = s.before) steps.push(s.step);
    return new Error(`${what}\nafter\n  ${steps.reverse().join('\n  ')}`);
  }
}

/**
 * Two states are the same when memory and every thread's past are: the past decides all that a body holds. Digested,
 * for room.
 */
function keyOf({ memory, threads }: State): string {
  const pasts = threads.map(({ log, waits, news, answer }) =>
    waits === ENDED ? `ended ${JSON.stringify(answer)}` : `${waits}${news ? '!' : ':'}${log.join()}`,
  );
  const key = `${pasts.join('|')}/${memory.join()}`;
  return createHash('sha1').update(key).digest('base64');
}
