/** How a softirq CPU hands a frame to a bridge: to one it works on itself, or to one that another CPU works on. */
import type { Memory, Region } from '../memory/arena.ts';
import { BacklogLength } from './backlog-length.ts';
import { Ringer } from '../memory/doorbell.ts';
import type { RingRef } from '../memory/id-ring.ts';
import { IdRingProducer } from '../memory/id-ring.ts';
import { CONTEXT_INTERRUPT, SoftirqRaiser } from './softirq-line.ts';

/**
 * The backlog of another CPU, which works on the bridge the frames are for: enqueue_to_backlog() with an interrupt to
 * that CPU, as receive packet steering does it (get_rps_cpu, net/core/dev.c).
 */
export interface SteeringRef {
  /** Softirq line of that CPU. */
  readonly line: Region;
  /** Frames its backlog may hold: netdev_max_backlog and one. */
  readonly limitFrames: number;
  /** And how many it holds. */
  readonly backlogLength: Region;
}

/** The way into one bridge port, as the plan describes it. */
export interface BridgeInputRef {
  /** The bridge's input, or what lies before the CPU that frames are steered to. */
  readonly toBridge: RingRef;
  /** Rung when the bridge has a thread of its own. */
  readonly bridgeDoorbell: Region | null;
  readonly steering: SteeringRef | null;
}

/** The sending end. */
export class BridgeInput {
  readonly ring: IdRingProducer;
  private readonly bridge: Ringer | null;
  private readonly cpu: SoftirqRaiser | null;
  private readonly limitFrames: number;
  private readonly backlog: BacklogLength | null;

  constructor(memory: Memory, ref: BridgeInputRef) {
    const { toBridge, bridgeDoorbell, steering } = ref;
    this.ring = new IdRingProducer(memory, toBridge);
    this.bridge = bridgeDoorbell === null ? null : new Ringer(memory, bridgeDoorbell);
    this.cpu = steering === null ? null : new SoftirqRaiser(memory, steering.line);
    this.limitFrames = steering?.limitFrames ?? 0;
    this.backlog = steering === null ? null : new BacklogLength(memory, steering.backlogLength);
  }

  /** To the backlog of another CPU. */
  get steered(): boolean {
    return this.backlog !== null;
  }

  /** Room for frames, at most `wanted`. */
  room(wanted: number): number {
    let room = this.ring.writable(wanted);
    if (this.backlog !== null) {
      const left = this.limitFrames - this.backlog.frames;
      if (left < room) room = left < 0 ? 0 : left;
    }
    return room < wanted ? room : wanted;
  }

  /** Hands over the `frames` that were put into the ring. */
  publish(frames: number): void {
    if (this.backlog !== null) this.backlog.add(frames);
    this.ring.publish();
    if (this.bridge !== null) this.bridge.ring();
    else if (this.cpu !== null) this.cpu.raise(CONTEXT_INTERRUPT);
  }
}
