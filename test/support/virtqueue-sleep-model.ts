/**
 * Driver and device of one virtqueue, split or packed, each with a doorbell to sleep on, as the guest vCPU and the
 * vhost worker use them: all chains come back and nobody sleeps through a kick or a call, with flags and with
 * EVENT_IDX.
 */
import { Arena } from '../../src/memory/arena.ts';
import type { Memory } from '../../src/memory/arena.ts';
import { Doorbell, EventWord, reserveDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import type { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { DIRECTION_DEVICE_WRITES } from '../../src/virtio/ring/device-chain.ts';
import {
  createDeviceQueue,
  createDriverQueue,
  isPacked,
  QUEUE_STATE_WORDS,
  ringBytes,
  ringLayoutAt,
  tokenWords,
} from '../../src/virtio/ring/ring-format.ts';
import type { DriverQueue } from '../../src/virtio/ring/ring-format.ts';
import type { Context, Model } from './interleaving.ts';
import { packedBase } from './packed-base.ts';

const BUFFER_BYTES = 4;

export interface SleepOptions {
  readonly queueSize: number;
  readonly chains: number;
  readonly startIdx: number;
  readonly features: FeatureSet;
  /** Ask for a call at three quarters of the outstanding chains, as transmission does. */
  readonly delayed?: boolean;
  readonly fault?: 'device ignores its second look' | 'driver ignores its second look';
}

export function virtqueueSleepModel(options: SleepOptions): Model {
  const { queueSize, chains, startIdx, features, fault } = options;
  const arena = new Arena('model');
  const ringByte = arena.reserve(ringBytes(queueSize, 4, features), 16).offsetBytes;
  const layout = ringLayoutAt(ringByte, queueSize, 4, features);
  const base = isPacked(features) ? packedBase(queueSize, startIdx) : startIdx;
  const tokens = arena.reserve(tokenWords(queueSize, features) * 4, 4);
  const state = arena.reserve(QUEUE_STATE_WORDS * 4, 4);
  const buffer = arena.reserve(BUFFER_BYTES, 4);
  const driverBell = reserveDoorbell(arena);
  const deviceBell = reserveDoorbell(arena);
  const kickWord = arena.reserve(4);

  const guest = (i32: Int32Array, u16: Uint16Array): GuestMemory => {
    const sizeBytes = arena.bytes;
    return { i32, u16, sizeBytes, wholeRegion: () => ({ addr: 0, sizeBytes }) } as unknown as GuestMemory;
  };
  const bindDriver = (memory: Memory, seen: GuestMemory): DriverQueue =>
    createDriverQueue({ memory: seen, layout, features, tokens: memory.words(tokens) });

  const driverBody = ({ memory, words, halves }: Context): void => {
    const queue = bindDriver(memory, guest(words, halves));
    queue.loadState(memory.words(state), 0);
    const bell = new Doorbell(memory, driverBell);
    const kick = new EventWord(memory, kickWord);
    const device = new Ringer(memory, deviceBell);
    for (let added = 0, taken = 0; taken < chains;) {
      if (added < chains && queue.freeCount > 0) {
        queue.addInBuf(buffer.offsetBytes, BUFFER_BYTES, added++);
        queue.publish();
        if (queue.shouldKick()) {
          kick.signal();
          device.ring();
        }
        continue;
      }
      const used = queue.usedAvailable();
      for (let i = 0; i < used; i++) if (queue.takeUsed() !== taken++) throw new Error('chains out of order');
      if (used > 0) continue;
      bell.park();
      const quiet = options.delayed === true ? queue.enableCallbackDelayed() : queue.enableCallback();
      if (quiet || fault === 'driver ignores its second look') bell.wait();
      else bell.unpark();
      queue.disableCallback();
    }
  };

  const deviceBody = ({ memory, words, halves }: Context): void => {
    const seen = guest(words, halves);
    const queue = createDeviceQueue({ memory: seen, layout, features, direction: DIRECTION_DEVICE_WRITES });
    queue.start(base);
    const bell = new Doorbell(memory, deviceBell);
    const kick = new EventWord(memory, kickWord);
    const driver = new Ringer(memory, driverBell);
    queue.disableNotify();
    for (let used = 0; used < chains;) {
      if (queue.availCount() > 0) {
        queue.pushUsed(queue.pop(), BUFFER_BYTES);
        queue.publishUsed();
        used++;
        if (queue.shouldCall()) driver.ring();
        continue;
      }
      if (queue.enableNotify() && fault !== 'device ignores its second look') {
        queue.disableNotify();
        continue;
      }
      while (!kick.take()) {
        bell.park();
        if (kick.pending) bell.unpark();
        else bell.wait();
      }
      queue.disableNotify();
    }
  };

  return {
    bytes: arena.bytes,
    plainSteps: false,
    prepare(memory) {
      const raw = memory.buffer('model');
      const seen = guest(new Int32Array(raw), new Uint16Array(raw));
      const queue = bindDriver(memory, seen);
      // What an earlier life of the ring left behind.
      new Uint8Array(raw, ringByte, ringBytes(queueSize, 4, features)).fill(0xff);
      queue.initialise(base);
      const earlier = createDeviceQueue({ memory: seen, layout, features, direction: DIRECTION_DEVICE_WRITES });
      earlier.start(base);
      earlier.disableNotify();
      queue.saveState(memory.words(state), 0);
    },
    threads: [
      { name: 'driver', body: driverBody },
      { name: 'device', body: deviceBody },
    ],
  };
}
