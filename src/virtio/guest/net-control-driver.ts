/**
 * The guest driver's side of the control virtqueue (drivers/net/virtio_net.c, virtnet_send_command): one command at a
 * time. Linux spins until the device has answered; a vCPU here is polled again and finds the answer later.
 */
import type { Memory, Region } from '../../memory/arena.ts';
import type { FeatureSet } from '../net/features.ts';
import type { GuestMemory } from './guest-memory.ts';
import * as control from '../net/net-control.ts';
import type { GuestQueueRef } from '../net/net-queues.ts';
import { createDriverQueue } from '../ring/ring-format.ts';
import type { DriverQueue } from '../ring/ring-format.ts';
import type { SplitLayout } from '../ring/split-layout.ts';

/** Bytes of guest memory for one command: header and data, and the answer. */
export const CONTROL_BUFFER_BYTES = 64;
const DATA_BYTE = 16;
const ACK_BYTE = 32;
const TOKEN = 0;
const NOT_ANSWERED = 0xff;

/** The control queue's ring, and the buffer of the command under way. */
export interface GuestControlRef extends GuestQueueRef {
  readonly buffer: Region;
}

export class NetControlDriver {
  private readonly guest: GuestMemory;
  private readonly queue: DriverQueue;
  private readonly addr: number;

  /** Makes the ring empty, so before the queue is enabled. */
  constructor(memory: Memory, guest: GuestMemory, ref: GuestControlRef, layout: SplitLayout, features: FeatureSet) {
    this.guest = guest;
    this.queue = createDriverQueue({ memory: guest, layout, features, tokens: memory.words(ref.tokens) });
    this.queue.initialise();
    this.addr = ref.buffer.offsetBytes;
  }

  /** Posts VQ_PAIRS_SET; then kick, and ask `answer`. */
  setQueuePairs(pairs: number): void {
    const { u8 } = this.guest;
    const { addr } = this;
    u8[addr] = control.CTRL_MQ;
    u8[addr + 1] = control.CTRL_MQ_VQ_PAIRS_SET;
    u8[addr + DATA_BYTE] = pairs & 0xff;
    u8[addr + DATA_BYTE + 1] = pairs >> 8;
    u8[addr + ACK_BYTE] = NOT_ANSWERED;
    const addrs = Int32Array.of(addr, addr + DATA_BYTE, addr + ACK_BYTE);
    const lens = Int32Array.of(control.CTRL_HEADER_BYTES, control.CTRL_MQ_BYTES, 1);
    this.queue.addChain(addrs, lens, 2, 1, TOKEN);
    this.queue.publish();
    this.queue.shouldKick();
  }

  /** Whether the answer is there: the look before sleeping. */
  get answered(): boolean {
    return this.queue.usedAvailable() > 0;
  }

  /** The device's answer, NET_OK or NET_ERR, once; null before. */
  answer(): number | null {
    if (!this.answered) return null;
    this.queue.takeUsed();
    return this.guest.u8[this.addr + ACK_BYTE];
  }
}
