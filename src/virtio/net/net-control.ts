/**
 * The control virtqueue of a network device (VIRTIO 1.x section 5.1.6.5, struct virtio_net_ctrl), as the VMM serves it:
 * QEMU's virtio_net_handle_ctrl, in user space even where the data queues are vhost's. A command is one chain:
 *
 *   device-readable: +0 u8 class | +1 u8 command | +2 data of the command        device-writable: +0 u8 ack
 */
import type { GuestMemory } from '../guest/guest-memory.ts';
import type { DeviceQueue } from '../ring/ring-format.ts';

/** Length of class and command. */
export const CTRL_HEADER_BYTES = 2;
export const NET_OK = 0;
export const NET_ERR = 1;

/** Class and command of section 5.1.6.5.5, and its data: le16 virtqueue_pairs. */
export const CTRL_MQ = 4;
export const CTRL_MQ_VQ_PAIRS_SET = 0;
export const CTRL_MQ_BYTES = 2;
/** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN and _MAX. */
export const VQ_PAIRS_MIN = 1;
export const VQ_PAIRS_MAX = 0x8000;

/** Entries of the control queue (QEMU, virtio_net_add_queue_pair and virtio_net_device_realize: 64). */
export const CONTROL_QUEUE_SIZE = 64;

/** Index of the control queue: behind all pairs the device has, or behind the only one used without MQ (5.1.2). */
export function controlQueueIndex(queuePairs: number): number {
  return 2 * queuePairs;
}

export interface NetControlOptions {
  readonly memory: GuestMemory;
  readonly queue: DeviceQueue;
  /** max_virtqueue_pairs; 1 where MQ was not negotiated, and then every MQ command is an error. */
  readonly queuePairsMax: number;
  /** Puts a number of pairs from 1 to `queuePairsMax` into use. */
  readonly setQueuePairs: (pairs: number) => void;
  readonly log: (line: string) => void;
}

export class NetControlDevice {
  private readonly options: NetControlOptions;

  constructor(options: NetControlOptions) {
    this.options = options;
  }

  /** Whether a command waits. */
  get requested(): boolean {
    return this.options.queue.availCount() !== 0;
  }

  /**
   * Asks for a kick at the next command.
   *
   * @returns false when one came meanwhile.
   */
  arm(): boolean {
    return !this.options.queue.enableNotify();
  }

  /**
   * Executes every command that waits.
   *
   * @returns why the device needs a reset, if a chain is broken or has no room for a command or its answer; else null.
   */
  serve(): string | null {
    const { queue } = this.options;
    queue.disableNotify();
    for (let waiting = queue.availCount(); waiting > 0; waiting--) {
      const head = queue.pop();
      if (head < 0) break;
      if (queue.readableBytes < CTRL_HEADER_BYTES || queue.writableBytes < 1) return 'a control chain without headers';
      const answer = this.execute();
      this.acknowledge(answer);
      queue.pushUsed(head, 1);
    }
    queue.publishUsed();
    return queue.broken === 0 ? null : 'the control virtqueue is broken';
  }

  /** Whether the driver wants to be told of answers. Once after `serve`. */
  shouldCall(): boolean {
    return this.options.queue.shouldCall();
  }

  private execute(): number {
    const { queue, queuePairsMax, setQueuePairs, log } = this.options;
    const [controlClass, command] = [this.readable(0), this.readable(1)];
    const dataBytes = queue.readableBytes - CTRL_HEADER_BYTES;
    const said = `control class ${controlClass} command ${command} (${dataBytes} bytes of data)`;
    const isPairsSet = controlClass === CTRL_MQ && command === CTRL_MQ_VQ_PAIRS_SET && dataBytes === CTRL_MQ_BYTES;
    const pairs = isPairsSet ? this.readable(2) | (this.readable(3) << 8) : 0;
    if (!isPairsSet || queuePairsMax === 1 || pairs < VQ_PAIRS_MIN || pairs > queuePairsMax) {
      log(`${said}${isPairsSet ? ` VQ_PAIRS_SET ${pairs}` : ''}: VIRTIO_NET_ERR`);
      return NET_ERR;
    }
    setQueuePairs(pairs);
    log(`${said} VQ_PAIRS_SET ${pairs}: VIRTIO_NET_OK`);
    return NET_OK;
  }

  /** Byte `at` of the chain's device-readable part, however the driver has cut it up (section 2.7.4, framing). */
  private readable(at: number): number {
    const { memory, queue } = this.options;
    let offset = at;
    for (let i = 0; i < queue.chainCount && queue.chainFlags[i] === 0; i++) {
      if (offset < queue.chainLen[i]) return memory.u8[queue.chainAddr[i] + offset];
      offset -= queue.chainLen[i];
    }
    return 0;
  }

  private acknowledge(answer: number): void {
    const { memory, queue } = this.options;
    const first = queue.chainFlags.findIndex((flags, i) => i < queue.chainCount && flags !== 0);
    memory.u8[queue.chainAddr[first]] = answer;
  }
}
