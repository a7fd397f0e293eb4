/** A thread's way to devices of this machine's kernel, and how it sleeps and wakes where some threads wait for devices. */
import { useParking } from '../../memory/doorbell.ts';
import type { DeviceCalls } from '../../memory/device-calls.ts';
import { openLibc } from '../os/libc.ts';
import { FileCalls } from '../os/network-calls.ts';

/** What a thread is told of the devices of its run. Plain data. */
export interface DeviceTask {
  /** What the host has opened, by name. */
  readonly descriptors: readonly (readonly [string, number])[];
  /**
   * Threads that wait for devices while they sleep: where each one's doorbell lies in the run's signals, bytes, and the
   * eventfd that is rung with it. All others sleep by futex.
   */
  readonly bells: readonly (readonly [number, number])[];
}

const POLLIN = 1; // include/uapi/asm-generic/poll.h
const POLLFD_BYTES = 8;
/** A thread inside a call cannot be ended: it looks again after this. */
const SLEEP_MS_MAX = 50;

export class ThreadDevices extends FileCalls implements DeviceCalls {
  private readonly descriptors: ReadonlyMap<string, number>;
  private readonly polled: Int32Array;
  private readonly polledAddress: number;
  /** Entry 0 is the thread's own bell. */
  private count = 1;
  /** The number that bells are rung with, and where a bell that is set back leaves its count. */
  private readonly one: number;
  private readonly scratch: number;

  /** @param bell the thread's own eventfd; -1 for a thread that waits for no device. */
  constructor({ descriptors }: DeviceTask, bell: number) {
    super();
    this.descriptors = new Map(descriptors);
    const entries = descriptors.length + 1;
    const bytes = new Uint8Array(new SharedArrayBuffer((entries + 2) * POLLFD_BYTES));
    this.polled = new Int32Array(bytes.buffer);
    this.polledAddress = this.addressOf(bytes);
    this.one = this.polledAddress + entries * POLLFD_BYTES;
    this.scratch = this.one + POLLFD_BYTES;
    this.polled[2 * entries] = 1;
    this.polled[0] = bell;
    this.polled[1] = POLLIN;
  }

  descriptor(name: string): number {
    const found = this.descriptors.get(name);
    if (found === undefined) throw new Error(`the host opened nothing under the name ${name}`);
    return found;
  }

  watch(descriptor: number, readable: boolean): void {
    let entry = 1;
    while (entry < this.count && this.polled[2 * entry] !== descriptor) entry++;
    if (entry === this.count) this.polled[2 * this.count++] = descriptor;
    this.polled[2 * entry + 1] = readable ? POLLIN : 0;
  }

  /** Sleeps until the bell is rung or a watched device can be read, or for a while. */
  sleep(): void {
    this.poll(this.polledAddress, this.count, SLEEP_MS_MAX);
    // The upper half of the bell's second word is what came of it: rung, it is set back.
    if (this.polled[1] >>> 16 !== 0) this.read(this.polled[0], this.scratch, 8);
  }

  /** Wakes the thread that sleeps on a bell. */
  ring(bell: number): void {
    this.write(bell, this.one, 8);
  }
}

/** Bells of every run that this thread knows, by the memory that the doorbells lie in. */
const bellsOf = new WeakMap<ArrayBufferLike, ReadonlyMap<number, number>>();

/**
 * Has the calling thread sleep on the devices it watches, where it is one that has a bell, and wake those that do.
 * @param signals the memory that the doorbells of the run lie in.
 * @param doorbellByte of the thread's own doorbell; -1 for the main thread.
 * @throws where koffi is not to be had.
 */
export function parkWithDevices(task: DeviceTask, signals: ArrayBufferLike, doorbellByte: number): ThreadDevices {
  const bells = new Map(task.bells);
  bellsOf.set(signals, bells);
  const own = bells.get(doorbellByte) ?? -1;
  const devices = new ThreadDevices(task, own);
  const { libc, reason } = openLibc();
  if (libc === null || libc.futexWait === null || libc.futexWake === null) throw new Error(reason);
  const { futexWait, futexWake } = libc;
  useParking({
    wait: own < 0 ? futexWait : () => devices.sleep(),
    wake: (words) => {
      const bell = bellsOf.get(words.buffer)?.get(words.byteOffset);
      if (bell === undefined) futexWake(words);
      else devices.ring(bell);
    },
  });
  return devices;
}
