/** What crosses between the main thread and a thread of the run: the task that starts it, and the calls it answers. */
import type { Joint, Socket } from '../../../actors/actor.ts';
import type { MessagePort } from 'node:worker_threads';
import type { Region } from '../../memory/arena.ts';
import type { Stock } from '../host.ts';
import type { DeviceTask } from '../kernel/thread-devices.ts';
import type { InterruptClass, ThreadAssignment } from '../os/placement.ts';
import type { ThreadPlan } from '../plan.ts';

/** Starts a thread. Its buffers are all the shared memory it ever sees. */
export interface ThreadTask {
  readonly plan: ThreadPlan;
  readonly buffers: readonly (readonly [string, SharedArrayBuffer])[];
  /** From calibrateBurn, for declared costs. */
  readonly burnIterationsPerNs: number;
  /** Devices of this machine's kernel; null on a host that has none. */
  readonly devices: DeviceTask | null;
  /** Carries the calls below. */
  readonly port: MessagePort;
}

/** What placement decided for a thread, as far as the thread itself must know. */
export interface ThreadRole {
  /** How a softirq thread gets ahead of its peers. */
  readonly interruptClass: InterruptClass;
  /** Where the doorbells of the threads lie that run on the same core, in `signals`. */
  readonly peers: readonly number[];
  /** It raises softirqs; what a CPU's ksoftirqd holds then runs inline, but where its kernel has the guard. */
  readonly liftsSoftirq: boolean;
}

/** Where the doorbells lie of the threads that share a core with the one of that name. */
export function doorbellsBeside(
  name: string,
  threads: readonly Pick<ThreadPlan, 'name' | 'doorbell'>[],
  assigned: readonly Pick<ThreadAssignment, 'name' | 'core'>[],
): number[] {
  const coreOf = (thread: string): number | undefined => assigned.find((each) => each.name === thread)?.core;
  const beside = threads.filter((each) => each.name !== name && coreOf(each.name) === coreOf(name));
  return beside.map(({ doorbell }) => doorbell.offsetBytes);
}

/** Calls a thread answers while it is out of its loop. */
export interface ThreadCalls {
  /** Names the thread. @returns the kernel's number of it. */
  introduce(): number;
  /** Builds the actors and connects their ports, but for those that lead to VMs that are not there. */
  prepare(role: ThreadRole, absent: readonly string[]): void;
  /** Goes back into the loop for the stay of this number, unless it has been called out of it since. */
  enterLoop(stay: number): void;
  /** One side of a measurement of the distance to another thread's core: see core-distance.ts. */
  bounce(word: Region, start: number, serves: boolean): number | null;
  takeStock(): Stock;
  attach(actor: string, joint: Joint): void;
  detach(actor: string, socket: Socket): void;
  /** Opens a window on one more buffer, or closes it. */
  grant(name: string, buffer: SharedArrayBuffer): void;
  revoke(name: string): void;
  /** Has every actor retire: the VM goes. */
  retire(): void;
  report(actor: string): readonly string[];
  /** Lets the thread end. */
  end(): void;
}
