/**
 * The VMM's side of vhost-net, in QEMU's order of calls (hw/virtio/vhost.c, vhost_dev_init, vhost_dev_start,
 * vhost_dev_stop; hw/net/vhost_net.c, vhost_net_start_one, vhost_net_stop_one): `init` when the device is created,
 * `start` when its driver reaches DRIVER_OK, `stop` when the driver resets it or the machine goes away. Never blocks:
 * `step` posts an ioctl or takes its answer, and the transcript keeps every one.
 */
import { commonFeatures, NO_FEATURES } from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import type { MemoryRegion } from '../guest/guest-memory.ts';
import type { SplitLayout } from '../ring/split-layout.ts';
import type { Transcript } from './transcript.ts';
import * as io from '../vhost/vhost-ioctl.ts';
import type { VhostAnswer, VhostCommand } from '../vhost/vhost-ioctl.ts';
import type { VhostMailboxClient } from '../vhost/vhost-mailbox.ts';

/** One ring to hand to vhost. */
export interface VhostRingSetup {
  readonly layout: SplitLayout;
  /** Where the device goes on: `startBase` after a reset, else what `stop` brought back. */
  readonly base: number;
  /** Doorbell words: guest to device, and device to guest. */
  readonly kick: number;
  readonly call: number;
}

export interface VhostStart {
  /** What the driver accepted; vhost is told the part that concerns it. */
  readonly accepted: FeatureSet;
  readonly regions: readonly MemoryRegion[];
  /** By vring index. */
  readonly rings: readonly VhostRingSetup[];
  /** The tap, or whatever the worker knows by this number. */
  readonly backend: number;
}

type Steps = Generator<VhostCommand, boolean, VhostAnswer>;

export class VhostSetup {
  /** What vhost offers, known once `init` is done. */
  features: FeatureSet = NO_FEATURES;
  /** Indices at which the rings stood, by vring, known once `stop` is done. */
  bases: readonly number[] = [];
  /** Why the last sequence failed, or null. */
  failure: string | null = null;
  private readonly mailbox: VhostMailboxClient;
  private readonly name: string;
  private readonly transcript: Transcript;
  private steps: Steps | null = null;
  private pending: VhostCommand | null = null;

  /** @param name what the transcript calls the device: `vhost0`. */
  constructor(mailbox: VhostMailboxClient, name: string, transcript: Transcript) {
    this.mailbox = mailbox;
    this.name = name;
    this.transcript = transcript;
  }

  init(): void {
    this.begin(this.initSteps());
  }

  start(setup: VhostStart): void {
    this.begin(this.startSteps(setup));
  }

  /** For as many rings as were started. */
  stop(ringCount: number): void {
    this.begin(this.stopSteps(ringCount));
  }

  private begin(steps: Steps): void {
    if (this.steps !== null) throw new Error(`${this.name}: a sequence of ioctls is still under way`);
    this.failure = null;
    this.steps = steps;
    this.advance(steps.next());
  }

  /** Whether `step` would find something to do: the look before sleeping. */
  get answered(): boolean {
    return this.pending !== null && this.mailbox.answered;
  }

  /** Goes on as far as one ioctl. 'busy' means that one is with the device: ring its owner's doorbell. */
  step(): 'busy' | 'ready' | 'failed' {
    if (this.steps !== null && this.pending !== null) {
      const answer = this.mailbox.poll();
      if (answer === null) return 'busy';
      const command = this.pending;
      this.pending = null;
      this.transcript.add(io.vhostCallText(this.name, command, answer));
      if (answer.result !== 0) this.failure ??= io.vhostErrorText(command, answer);
      this.advance(this.steps.next(answer));
      if (this.pending !== null) return 'busy';
    }
    return this.failure === null ? 'ready' : 'failed';
  }

  private advance(next: IteratorResult<VhostCommand, boolean>): void {
    if (next.done === true) {
      this.steps = null;
      return;
    }
    this.pending = next.value;
    this.mailbox.post(next.value);
  }

  private *initSteps(): Steps {
    if (!(yield* call({ ioctl: io.VHOST_SET_OWNER }))) return false;
    const answer = yield { ioctl: io.VHOST_GET_FEATURES };
    this.features = { lo: answer.lo, hi: answer.hi };
    return answer.result === 0;
  }

  private *startSteps({ accepted, regions, rings, backend }: VhostStart): Steps {
    const features = commonFeatures(accepted, this.features);
    if (!(yield* call({ ioctl: io.VHOST_SET_FEATURES, features }))) return false;
    if (!(yield* call({ ioctl: io.VHOST_SET_MEM_TABLE, regions }))) return false;
    for (let index = 0; index < rings.length; index++) {
      const { layout, base, kick, call: callFd } = rings[index];
      const { queueSize, descAddr, availAddr, usedAddr } = layout;
      if (!(yield* call({ ioctl: io.VHOST_SET_VRING_NUM, index, num: queueSize }))) return false;
      if (!(yield* call({ ioctl: io.VHOST_SET_VRING_BASE, index, num: base }))) return false;
      if (!(yield* call({ ioctl: io.VHOST_SET_VRING_ADDR, index, descAddr, availAddr, usedAddr }))) return false;
      if (!(yield* call({ ioctl: io.VHOST_SET_VRING_KICK, index, fd: kick }))) return false;
      if (!(yield* call({ ioctl: io.VHOST_SET_VRING_CALL, index, fd: callFd }))) return false;
    }
    for (let index = 0; index < rings.length; index++) {
      if (yield* call({ ioctl: io.VHOST_NET_SET_BACKEND, index, fd: backend })) continue;
      for (let set = index - 1; set >= 0; set--) yield { ioctl: io.VHOST_NET_SET_BACKEND, index: set, fd: -1 };
      return false;
    }
    return true;
  }

  private *stopSteps(ringCount: number): Steps {
    for (let index = 0; index < ringCount; index++) {
      if (!(yield* call({ ioctl: io.VHOST_NET_SET_BACKEND, index, fd: -1 }))) return false;
    }
    const bases: number[] = [];
    for (let index = 0; index < ringCount; index++) {
      bases.push((yield { ioctl: io.VHOST_GET_VRING_BASE, index }).lo);
    }
    this.bases = bases;
    return true;
  }
}

/** One ioctl; whether it succeeded. */
function* call(command: VhostCommand): Generator<VhostCommand, boolean, VhostAnswer> {
  return (yield command).result === 0;
}
