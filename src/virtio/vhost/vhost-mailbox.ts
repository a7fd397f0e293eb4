/**
 * An ioctl on a vhost device that another thread owns, as a mailbox (src/memory/mailbox.ts) of shared words: the system
 * call of the VMM, served by the device's owner. One command at a time.
 *
 *   word 0       state of the mailbox
 *   word 1       ioctl number
 *   words 2-6    arguments: index, then num | fd | feature words | three addresses
 *   words 8-12   answer: result, reason, detail, lo, hi
 *   word 16      number of memory regions, then address and size of each
 */
import { Mailbox } from '../../memory/mailbox.ts';
import { VHOST_MEM_REGIONS_MAX } from './vhost-device.ts';
import type { VhostDevice } from './vhost-device.ts';
import type { MemoryRegion } from '../guest/guest-memory.ts';
import * as io from './vhost-ioctl.ts';
import type { VhostAnswer, VhostCommand } from './vhost-ioctl.ts';

const STATE_WORD = 0;
const IOCTL_WORD = 1;
const ARGUMENT_WORD = 2;
const ANSWER_WORD = 8;
const REGION_COUNT_WORD = 16;
const REGION_WORD = 17;
export const VHOST_MAILBOX_WORDS = 160;

/** The VMM's end. */
export class VhostMailboxClient {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly mailbox: Mailbox;

  /** Binds to VHOST_MAILBOX_WORDS zeroed words from `offsetWord` of memory shared by VMM and device owner. */
  constructor(words: Int32Array, offsetWord: number) {
    this.words = words;
    this.at = offsetWord;
    this.mailbox = new Mailbox(words, offsetWord + STATE_WORD);
  }

  /**
   * Posts a command; then ring the owner's doorbell and `poll`.
   *
   * @throws Error if one is under way, RangeError if a table has more regions than the mailbox holds.
   */
  post(command: VhostCommand): void {
    const { words, at } = this;
    if (!this.mailbox.idle) throw new Error('vhost mailbox: an ioctl is still under way');
    const regions = command.ioctl === io.VHOST_SET_MEM_TABLE ? command.regions : [];
    if (REGION_WORD + regions.length * 2 > VHOST_MAILBOX_WORDS) {
      throw new RangeError(
        `vhost mailbox: ${regions.length} memory regions, a table has at most ${VHOST_MEM_REGIONS_MAX}`,
      );
    }
    words[at + IOCTL_WORD] = command.ioctl;
    argumentWords(command).forEach((word, i) => (words[at + ARGUMENT_WORD + i] = word));
    words[at + REGION_COUNT_WORD] = regions.length;
    regions.forEach(({ addr, sizeBytes }, i) => {
      words[at + REGION_WORD + i * 2] = addr;
      words[at + REGION_WORD + i * 2 + 1] = sizeBytes;
    });
    this.mailbox.post();
  }

  /** Whether an answer waits for `poll`: the look before sleeping. */
  get answered(): boolean {
    return this.mailbox.answered;
  }

  /** The answer, once; null while the command is under way or none was posted. */
  poll(): VhostAnswer | null {
    const { words, at } = this;
    if (!this.mailbox.answered) return null;
    const answer: VhostAnswer = {
      result: words[at + ANSWER_WORD],
      reason: words[at + ANSWER_WORD + 1],
      detail: words[at + ANSWER_WORD + 2],
      lo: words[at + ANSWER_WORD + 3] >>> 0,
      hi: words[at + ANSWER_WORD + 4] >>> 0,
    };
    this.mailbox.finish();
    return answer;
  }
}

/** The end of the thread that owns the device. */
export class VhostMailboxServer {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly mailbox: Mailbox;

  constructor(words: Int32Array, offsetWord: number) {
    this.words = words;
    this.at = offsetWord;
    this.mailbox = new Mailbox(words, offsetWord + STATE_WORD);
  }

  /** Whether a command waits for `serve`: the look before sleeping. */
  get requested(): boolean {
    return this.mailbox.requested;
  }

  /** Executes the command that waits, if one does. @returns whether one did: then ring the VMM's doorbell. */
  serve(device: VhostDevice): boolean {
    const { words, at } = this;
    if (!this.mailbox.requested) return false;
    const command = this.command();
    const answer: VhostAnswer =
      command === null
        ? { result: -io.ENOTTY, reason: io.REASON_UNKNOWN_IOCTL, detail: 0, lo: 0, hi: 0 }
        : device.handle(command);
    words[at + ANSWER_WORD] = answer.result;
    words[at + ANSWER_WORD + 1] = answer.reason;
    words[at + ANSWER_WORD + 2] = answer.detail;
    words[at + ANSWER_WORD + 3] = answer.lo;
    words[at + ANSWER_WORD + 4] = answer.hi;
    this.mailbox.answer();
    return true;
  }

  /** The posted command, or null when its number is none of vhost-net's. */
  private command(): VhostCommand | null {
    const { words, at } = this;
    const ioctl = words[at + IOCTL_WORD] >>> 0;
    const index = words[at + ARGUMENT_WORD];
    const first = words[at + ARGUMENT_WORD + 1];
    const second = words[at + ARGUMENT_WORD + 2];
    const third = words[at + ARGUMENT_WORD + 3];
    switch (ioctl) {
      case io.VHOST_SET_OWNER:
      case io.VHOST_RESET_OWNER:
      case io.VHOST_GET_FEATURES:
        return { ioctl };
      case io.VHOST_SET_FEATURES:
        return { ioctl, features: { lo: first >>> 0, hi: second >>> 0 } };
      case io.VHOST_SET_MEM_TABLE:
        return { ioctl, regions: this.regions() };
      case io.VHOST_SET_VRING_NUM:
      case io.VHOST_SET_VRING_BASE:
        return { ioctl, index, num: first >>> 0 };
      case io.VHOST_GET_VRING_BASE:
        return { ioctl, index };
      case io.VHOST_SET_VRING_ADDR:
        return { ioctl, index, descAddr: first, availAddr: second, usedAddr: third };
      case io.VHOST_SET_VRING_KICK:
      case io.VHOST_SET_VRING_CALL:
      case io.VHOST_NET_SET_BACKEND:
        return { ioctl, index, fd: first };
      default:
        return null;
    }
  }

  private regions(): MemoryRegion[] {
    const { words, at } = this;
    return Array.from({ length: words[at + REGION_COUNT_WORD] }, (_, i) => ({
      addr: words[at + REGION_WORD + i * 2],
      sizeBytes: words[at + REGION_WORD + i * 2 + 1],
    }));
  }
}

function argumentWords(command: VhostCommand): number[] {
  switch (command.ioctl) {
    case io.VHOST_SET_OWNER:
    case io.VHOST_RESET_OWNER:
    case io.VHOST_GET_FEATURES:
    case io.VHOST_SET_MEM_TABLE:
      return [];
    case io.VHOST_SET_FEATURES:
      return [0, command.features.lo, command.features.hi];
    case io.VHOST_SET_VRING_NUM:
    case io.VHOST_SET_VRING_BASE:
      return [command.index, command.num];
    case io.VHOST_GET_VRING_BASE:
      return [command.index];
    case io.VHOST_SET_VRING_ADDR:
      return [command.index, command.descAddr, command.availAddr, command.usedAddr];
    case io.VHOST_SET_VRING_KICK:
    case io.VHOST_SET_VRING_CALL:
    case io.VHOST_NET_SET_BACKEND:
      return [command.index, command.fd];
  }
}
