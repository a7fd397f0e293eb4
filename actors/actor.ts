/**
 * What every component on the path is: a state machine that moves frames from its input rings to its output rings when
 * it is polled. It never blocks, never allocates per frame, never reads a clock and never knows which thread it is on;
 * that is the business of the host that runs it (src/runtime).
 */

/**
 * How a counter enters the sums: `in` and `out` of the hop, frames that end here by reason (`drop`) or because they have
 * done their job (`consume`), frames that begin here (`clone`): copies made by flooding, and what a guest sends of its
 * own.
 */
export type CounterRole = 'in' | 'out' | 'drop' | 'consume' | 'clone' | 'event';

/**
 * One counter, named as `ethtool -S` would. What frames do is counted by lane, a way through the component; `place` is
 * where a drop is lost, if that is not the component itself. `meaning` and `reason` say in words what happened.
 */
export type CounterSpec =
  | {
      readonly name: string;
      readonly role: 'in' | 'out' | 'consume' | 'clone';
      readonly lane: string;
      readonly meaning: string;
    }
  | {
      readonly name: string;
      readonly role: 'drop';
      readonly lane: string;
      readonly reason: string;
      readonly place?: 'pool';
    }
  | { readonly name: string; readonly role: 'event'; readonly meaning: string };

/** Index of each counter in its actor's page, by name. */
export function indexCounters<S extends readonly CounterSpec[]>(
  specs: S,
): { readonly [K in S[number]['name']]: number } {
  return Object.fromEntries(specs.map((spec, i) => [spec.name, i])) as { [K in S[number]['name']]: number };
}

/** One of an actor's sockets: a port by its name, and which of its links where a port takes several. */
export interface Socket<Name extends string = string> {
  readonly port: Name;
  readonly index: number;
}

/** A link in its socket. */
export interface Joint<Name extends string = string, Link extends object = object> extends Socket<Name> {
  readonly link: Link;
}

/** What an actor holds privately when the threads are parked at batch boundaries. */
export interface Census {
  /** Host slot ids in private hands: free stacks, frames between two rings. */
  readonly slots: number[];
  /** Frames among what is held privately or in rings only this actor can count (virtqueues). */
  frames: number;
  /** Guest buffer addresses held free, posted or in transit by this guest. */
  readonly guestBuffers: number[];
}

/** The contract between a component and the host that runs it. */
export interface Actor {
  /** Unique in the run: `eth0`, `br0`, `vhost-vnic0`, `vm0/vcpu1`. */
  readonly name: string;
  /**
   * CPU time declared by the scenario for work done since the host last looked, in ns. The host burns it and sets 0.
   */
  debtNs: number;
  /** Moves at most about `budget` frames; returns how many it moved, 0 when there was nothing to do. */
  poll(budget: number, nowNs: number): number;
  /** Turns notifications on and looks once more; false when there is work after all. */
  arm(): boolean;
  /** Connects a port, before the run or while frames flow. */
  attach(joint: Joint): void;
  /**
   * Lets go of a port. Frames already handed to its rings belong to the other side; later ones are dropped and counted.
   */
  detach(socket: Socket): void;
  /** Publishes the counters. Once a poll. */
  commit(): void;
  /** Adds what is held privately. Called while every thread is parked. */
  census(out: Census): void;
  /**
   * Its virtual machine goes, and this actor with it: every thread of the machine stands still, and nothing comes in
   * any more. Frames it holds, or that lie in what only it can reach, are dropped and counted; host slots go home.
   */
  retire?(): void;
  /** What happened on the control path, in words, oldest first. */
  report?(): readonly string[];
}
