/** The experiments of a calibration: what the kernel's work on a frame takes of the host's core, path by path. */
import { nowNs } from '../../runtime/threads/clock.ts';
import { openLibc } from '../../runtime/os/libc.ts';
import { TAP_QUEUE_FRAMES } from './bed.ts';
import type { CalibrationBed, Port, Tap } from './bed.ts';
import type { PathTrial } from './solve.ts';

/** Where frames that enter by a port end. The cost of a path is all that softirq does on the host's core. */
export interface SoftirqPath {
  readonly port: Port;
  readonly to: Port | Tap;
  /** What is emptied meanwhile, on the wire's core. */
  readonly emptied: Tap | Port | null;
  readonly what: string;
}

export const SOFTIRQ_PATHS = {
  received: { port: 'port2', to: 'port1', emptied: null, what: 'backlog to the end of the skb core: nobody takes it' },
  bridged: {
    port: 'port0',
    to: 'port0',
    emptied: null,
    what: 'and through the bridge, which drops what came from there',
  },
  sent: { port: 'port0', to: 'port1', emptied: 'port1', what: 'and out of the other port, to a packet socket' },
  queued: { port: 'port0', to: 'tap0', emptied: 'tap0', what: 'and into a tap that is read' },
  refused: { port: 'port0', to: 'tap0', emptied: null, what: 'and to a tap that nobody reads, which is full' },
} as const satisfies Readonly<Record<string, SoftirqPath>>;
export type PathName = keyof typeof SOFTIRQ_PATHS;
export const PATH_NAMES = Object.keys(SOFTIRQ_PATHS) as readonly PathName[];

/** Frames of a burst and time from one to the next: a wake-up for each frame, for several, and hardly any. */
const LOADS = [
  { burst: 1, everyNs: 20_000 },
  { burst: 32, everyNs: 100_000 },
  { burst: 64, everyNs: 150_000 },
] as const;
const TRIAL_NS = 2e7;
const RUN_IN_NS = 1e6;

/** A round: each path under each load, with the core's own pace before and after. */
export function passRound(bed: CalibrationBed, order: readonly PathName[]): PathTrial<PathName>[] {
  return order.flatMap((name) => {
    const before = passTrial(bed, name, null);
    const loaded = LOADS.map((load) => passTrial(bed, name, load));
    const after = passTrial(bed, name, null);
    // The faster of the two: whatever else came to the core made it slower.
    const nsPerTurn = Math.min(before.elapsedNs / before.turns, after.elapsedNs / after.turns);
    return loaded.map(({ frames, wakes, turns, elapsedNs }) => {
      return { path: name, frames, wakes, lostNs: elapsedNs - turns * nsPerTurn };
    });
  });
}

interface Passed {
  readonly frames: number;
  readonly wakes: number;
  readonly turns: number;
  readonly elapsedNs: number;
}

function passTrial(bed: CalibrationBed, name: PathName, load: (typeof LOADS)[number] | null): Passed {
  const path: SoftirqPath = SOFTIRQ_PATHS[name];
  const { port, to, emptied } = path;
  const { soaker } = bed;
  const burst = load === null ? 0 : bed.aim(to, load.burst);
  const everyNs = load?.everyNs ?? Infinity;
  soaker.begin();
  spinUntil(nowNs() + RUN_IN_NS);
  const [framesBefore, wakesBefore, turnsBefore] = [bed.received(port), bed.wakes(), soaker.turns()];
  const beganNs = nowNs();
  let dueNs = beganNs;
  for (let now = beganNs; now - beganNs < TRIAL_NS; now = nowNs()) {
    if (burst === 0 || now < dueNs) continue;
    bed.send(port, burst);
    if (emptied !== null) bed.empty(emptied);
    dueNs = Math.max(dueNs + everyNs, now);
  }
  const turns = soaker.turns() - turnsBefore;
  const elapsedNs = nowNs() - beganNs;
  const [frames, wakes] = [bed.received(port) - framesBefore, bed.wakes() - wakesBefore];
  soaker.end();
  if (emptied !== null) bed.empty(emptied);
  return { frames, wakes, turns, elapsedNs };
}

function spinUntil(ns: number): void {
  while (nowNs() < ns);
}

/** What a worker in user space pays for its calls, ns each, one figure a round. */
export interface CallCosts {
  readonly read: number;
  /** Into a tap in no bridge: the frame ends in the skb core. */
  readonly write: number;
  /** Through bridge and port to a packet socket. */
  readonly writeThrough: number;
  readonly systemCall: number;
}

const READ_FRAMES = 500;
const CALLS = 500;

/** Times calls on the host's core, by the clock: whatever interrupts them makes a round longer, and the median robust. */
export function passCalls(bed: CalibrationBed): CallCosts {
  bed.empty('tap0');
  bed.aim('tap0', 64);
  let queued = 0;
  while (queued < Math.min(READ_FRAMES, TAP_QUEUE_FRAMES)) {
    queued += bed.send('port0', 64);
    spinUntil(nowNs() + 150_000);
  }
  bed.standOn('host');
  const read = timed(READ_FRAMES, () => void bed.read('tap0', READ_FRAMES));
  bed.empty('tap0');
  bed.aim('port0', 1);
  const write = timed(CALLS, () => bed.write('tap1', CALLS));
  bed.aim('port1', 1);
  const writeThrough = timed(CALLS, () => bed.write('tap0', CALLS));
  const { libc } = openLibc();
  const systemCall = timed(CALLS, () => {
    for (let i = 0; i < CALLS; i++) libc?.enterKernel();
  });
  bed.standOn('wire');
  bed.empty('port1');
  return { read, write, writeThrough, systemCall };
}

function timed(count: number, work: () => void): number {
  const beganNs = nowNs();
  work();
  return (nowNs() - beganNs) / count;
}
