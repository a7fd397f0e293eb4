/**
 * An open descriptor of a tap device of this machine's own kernel (struct tun_file, drivers/net/tun.c): one read(2) a
 * frame out of the tap's queue for whoever serves the vNIC, and one write(2) a frame of the guest's into the stack. It
 * runs on the thread of that worker or VMM, which takes the frames as it takes them from an emulated tap; what the
 * kernel's tap has counted is told by the tap itself (devices.ts).
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import type { DeviceCalls } from '../../src/memory/device-calls.ts';
import { EventWord } from '../../src/memory/doorbell.ts';
import { FramePool, FrameReturns, SLOT_LENGTH_WORD, SlotMemory } from '../../src/memory/frame-pool.ts';
import type { PoolRef, SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingProducer } from '../../src/memory/id-ring.ts';
import { BacklogLength } from '../../src/kernel/backlog-length.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, NOT_IN_VIRTUAL_TIME, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

export const TUN_FILE_COUNTERS = [
  { name: 'reads', role: 'event', meaning: 'frames that read(2) took out of the queue of a tap of the kernel' },
  { name: 'dry_reads', role: 'event', meaning: 'read(2) calls that found it empty' },
  { name: 'writes', role: 'event', meaning: 'frames of the guest given to a tap of the kernel by write(2)' },
  { name: 'write_errors', role: 'event', meaning: 'those that the tap refused' },
] as const satisfies readonly CounterSpec[];
const {
  reads: READS,
  dry_reads: DRY_READS,
  writes: WRITES,
  write_errors: WRITE_ERRORS,
} = indexCounters(TUN_FILE_COUNTERS);

/** What the guest sends, and the queue that frames for it are read into. */
export const TUN_FILE_PORTS = portsOf('tun-file', { backlog: port<TunBacklogLink>(), reader: port<TunReaderLink>() });

export interface TunFileConfig {
  readonly name: string;
  readonly counters: Region;
  /** Name that the host opened the device under. */
  readonly descriptor: string;
  readonly slots: SlotMemoryRef;
  /** Slots that frames are read into. */
  readonly pool: PoolRef;
  /** Frames read ahead of the worker at most; all others wait in the kernel's queue, and are lost there. */
  readonly readAheadFrames: number;
}

export interface TunBacklogLink {
  readonly backlog: RingRef;
  readonly backlogLength: Region;
}

/** The queue in front of the worker, which is on this thread, and the word that tells it to look. */
export interface TunReaderLink {
  readonly queue: RingRef;
  readonly event: Region;
}

export class TunFile implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly calls: DeviceCalls;
  private readonly file: number;
  private readonly slots: SlotMemory;
  private readonly address: number;
  private readonly pool: FramePool;
  private readonly returns: FrameReturns;
  private readonly readAheadFrames: number;
  private queue: IdRingProducer | null = null;
  private event!: EventWord;
  private backlog: IdRingConsumer | null = null;
  private backlogLength!: BacklogLength;

  constructor(memory: Memory, config: TunFileConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    if (memory.devices === null) throw new Error(`${config.name} needs a kernel host`);
    this.calls = memory.devices;
    this.file = this.calls.descriptor(config.descriptor);
    this.slots = new SlotMemory(memory, config.slots);
    this.address = this.calls.addressOf(this.slots.bytes);
    this.pool = new FramePool(memory, this.slots, config.pool);
    this.returns = new FrameReturns(this.slots);
    this.readAheadFrames = config.readAheadFrames;
  }

  attach({ port, link }: JointOf<typeof TUN_FILE_PORTS>): void {
    if (port === 'backlog') {
      this.backlog = new IdRingConsumer(this.memory, link.backlog);
      this.backlogLength = new BacklogLength(this.memory, link.backlogLength);
      return;
    }
    this.queue = new IdRingProducer(this.memory, link.queue);
    this.event = new EventWord(this.memory, link.event);
  }

  detach({ port }: SocketOf<typeof TUN_FILE_PORTS>): void {
    if (port === 'backlog') this.backlog = null;
    else this.queue = null;
  }

  poll(budget: number, _nowNs: number): number {
    const { backlog, queue } = this;
    const sent = backlog === null ? 0 : this.transmit(backlog, budget);
    return queue === null ? sent : sent + this.receive(queue, budget);
  }

  /** tun_get_user: the frame goes through bridge and port in this call, on this thread's time. */
  private transmit(backlog: IdRingConsumer, budget: number): number {
    const n = Math.min(budget, backlog.readable(budget));
    if (n === 0) return 0;
    const { slots, calls, address, file } = this;
    const counts = this.counters.values;
    for (let i = 0; i < n; i++) {
      const id = backlog.take();
      const length = slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD];
      if (calls.write(file, address + slots.byteOf(id), length) < 0) counts[WRITE_ERRORS]++;
      this.returns.free(id);
    }
    counts[WRITES] += n;
    backlog.release();
    this.returns.flush();
    this.backlogLength.add(-n);
    return n;
  }

  /** tun_do_read, until the tap's queue is empty or the worker has enough. */
  private receive(queue: IdRingProducer, budget: number): number {
    const { slots, calls, address, file, pool } = this;
    const room = Math.min(budget, this.readAheadFrames - queue.depth(), pool.available(budget));
    let read = 0;
    for (; read < room; read++) {
      const id = pool.acquire();
      const length = calls.read(file, address + slots.byteOf(id), slots.frameBytesMax);
      if (length <= 0) {
        this.counters.values[DRY_READS]++;
        pool.release(id);
        break;
      }
      slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD] = length;
      queue.put(id);
    }
    if (read === 0) return 0;
    this.counters.values[READS] += read;
    queue.publish();
    this.event.signal();
    return read;
  }

  /** Asleep, the thread waits for the tap as long as there is room for a frame from it. */
  arm(): boolean {
    const { queue, backlog } = this;
    this.calls.watch(this.file, queue !== null && queue.depth() < this.readAheadFrames);
    return backlog === null || backlog.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  census(out: Census): void {
    this.pool.reclaim();
    for (const id of this.pool.freeIds()) out.slots.push(id);
  }
}

export const TUN_FILE = component({
  kind: 'tun-file',
  place: 'tap',
  thread: 'vhost',
  drawn: { label: 'tap', colour: 'vermillion' },
  lanes: {},
  counters: TUN_FILE_COUNTERS,
  ports: TUN_FILE_PORTS,
  measuredCost: NOT_IN_VIRTUAL_TIME,
  create: (memory, config: TunFileConfig) => new TunFile(memory, config),
});
