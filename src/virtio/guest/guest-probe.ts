/**
 * The guest driver's initialisation of a virtio-net PCI device (VIRTIO 1.x section 3.1.1, Linux virtio_dev_probe and
 * virtnet_probe), one trapped register access at a time. Never blocks: `step` posts an access or takes its answer.
 */
import {
  commonFeatures,
  hasFeature,
  VIRTIO_F_VERSION_1,
  VIRTIO_NET_F_MAC,
  VIRTIO_NET_F_MQ,
  VIRTIO_NET_F_MTU,
} from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import * as regs from '../pci/pci-layout.ts';
import type { PciTrapGuest } from '../pci/pci-trap.ts';
import type { SplitLayout } from '../ring/split-layout.ts';

const { STATUS_ACKNOWLEDGE, STATUS_DRIVER, STATUS_DRIVER_OK, STATUS_FAILED, STATUS_FEATURES_OK } = regs;

export interface GuestProbeOptions {
  /** What the driver knows how to use; it accepts what the device offers of it. */
  readonly wanted: FeatureSet;
  /**
   * Wanted size of each queue, by index, of a device with so many pairs; the device's own maximum caps it. Fewer than
   * the device has leaves the rest disabled.
   */
  queueSizes(features: FeatureSet, queuePairs: number): readonly number[];
  /**
   * Places queue `index` of the settled size in guest memory and makes the ring empty (its driver queue's
   * `initialise`).
   */
  placeQueue(index: number, queueSize: number, features: FeatureSet): SplitLayout;
}

export interface ProbedQueue {
  readonly layout: SplitLayout;
  /** Which of the device's doorbells kicks this queue. */
  readonly notifyOff: number;
}

/** What the driver knows of its device once DRIVER_OK is set. */
export interface ProbedDevice {
  /** What the device offered, and what of it was settled on. */
  readonly offered: FeatureSet;
  readonly features: FeatureSet;
  /** Six bytes, or null when the device gives no address. */
  readonly mac: readonly number[] | null;
  /** Bytes of network-layer data in a frame; null when the device states no limit. */
  readonly mtuBytes: number | null;
  /** max_virtqueue_pairs; 1 without VIRTIO_NET_F_MQ. */
  readonly queuePairs: number;
  readonly queues: readonly ProbedQueue[];
}

interface Access {
  readonly offset: number;
  readonly width: number;
  /** Null for a read. */
  readonly value: number | null;
}

type Steps<Result> = Generator<Access, Result, number>;

export class GuestProbe {
  /** Set once `step` has answered 'ready'. */
  device: ProbedDevice | null = null;
  /** Set once `step` has answered 'failed': why. */
  failure: string | null = null;
  private readonly trap: PciTrapGuest;
  private readonly options: GuestProbeOptions;
  private readonly steps: Steps<void>;
  private waiting = false;

  constructor(trap: PciTrapGuest, options: GuestProbeOptions) {
    this.trap = trap;
    this.options = options;
    this.steps = this.probe();
  }

  /** Whether `step` would find something to do: the look before sleeping. */
  get answered(): boolean {
    return !this.waiting || this.trap.answered;
  }

  /** Goes on as far as one register access. 'busy' means that an access is with the VMM: ring its doorbell. */
  step(): 'busy' | 'ready' | 'failed' {
    if (this.waiting && !this.trap.poll()) return 'busy';
    this.waiting = false;
    const next = this.steps.next(this.trap.value);
    if (next.done === true) return this.failure === null ? 'ready' : 'failed';
    const { offset, width, value } = next.value;
    if (value === null) this.trap.postRead(offset, width);
    else this.trap.postWrite(offset, width, value);
    this.waiting = true;
    return 'busy';
  }

  private *probe(): Steps<void> {
    yield* write(regs.DEVICE_STATUS_BYTE, 0);
    while ((yield* read(regs.DEVICE_STATUS_BYTE)) !== 0);
    yield* write(regs.DEVICE_STATUS_BYTE, STATUS_ACKNOWLEDGE);
    yield* write(regs.DEVICE_STATUS_BYTE, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    const settled = yield* this.negotiate();
    if (settled === null) return yield* this.giveUp();
    const { features } = settled;
    const config = yield* this.readConfig(features);
    const queues = yield* this.setUpQueues(features, config.queuePairs);
    if (queues === null) return yield* this.giveUp();
    const status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    yield* write(regs.DEVICE_STATUS_BYTE, status);
    if (((yield* read(regs.DEVICE_STATUS_BYTE)) & STATUS_DRIVER_OK) === 0) {
      this.failure = 'the device did not accept DRIVER_OK';
      return yield* this.giveUp();
    }
    this.device = { ...settled, ...config, queues };
  }

  /** Steps 4 to 6; null with `failure` set. */
  private *negotiate(): Steps<Pick<ProbedDevice, 'offered' | 'features'> | null> {
    yield* write(regs.DEVICE_FEATURE_SELECT_BYTE, 0);
    const lo = yield* read(regs.DEVICE_FEATURE_BYTE);
    yield* write(regs.DEVICE_FEATURE_SELECT_BYTE, 1);
    const hi = yield* read(regs.DEVICE_FEATURE_BYTE);
    const offered = { lo, hi };
    const features = commonFeatures(offered, this.options.wanted);
    if (!hasFeature(offered, VIRTIO_F_VERSION_1)) {
      this.failure = 'the device does not offer VERSION_1';
      return null;
    }
    yield* write(regs.DRIVER_FEATURE_SELECT_BYTE, 0);
    yield* write(regs.DRIVER_FEATURE_BYTE, features.lo);
    yield* write(regs.DRIVER_FEATURE_SELECT_BYTE, 1);
    yield* write(regs.DRIVER_FEATURE_BYTE, features.hi);
    yield* write(regs.DEVICE_STATUS_BYTE, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    if (((yield* read(regs.DEVICE_STATUS_BYTE)) & STATUS_FEATURES_OK) !== 0) return { offered, features };
    this.failure = 'the device did not accept the features';
    return null;
  }

  /** Fields wider than one access may change between two: read again until config_generation stands (section 2.5.1). */
  private *readConfig(features: FeatureSet): Steps<Pick<ProbedDevice, 'mac' | 'mtuBytes' | 'queuePairs'>> {
    for (;;) {
      const generation = yield* read(regs.CONFIG_GENERATION_BYTE);
      let mac: number[] | null = null;
      if (hasFeature(features, VIRTIO_NET_F_MAC)) {
        mac = [];
        for (let byte = 0; byte < 6; byte++) mac.push(yield* read(regs.NET_MAC_BYTE + byte));
      }
      const mtuBytes = hasFeature(features, VIRTIO_NET_F_MTU) ? yield* read(regs.NET_MTU_BYTE) : null;
      const queuePairs = hasFeature(features, VIRTIO_NET_F_MQ) ? yield* read(regs.NET_MAX_VIRTQUEUE_PAIRS_BYTE) : 1;
      if ((yield* read(regs.CONFIG_GENERATION_BYTE)) === generation) return { mac, mtuBytes, queuePairs };
    }
  }

  /** Section 4.1.5.1.3, for each queue; null with `failure` set. */
  private *setUpQueues(features: FeatureSet, queuePairs: number): Steps<ProbedQueue[] | null> {
    const queueSizes = this.options.queueSizes(features, queuePairs);
    const deviceQueues = yield* read(regs.NUM_QUEUES_BYTE);
    if (deviceQueues < queueSizes.length) {
      this.failure = `the device has ${deviceQueues} queues, the driver wants ${queueSizes.length}`;
      return null;
    }
    const queues: ProbedQueue[] = [];
    for (let index = 0; index < queueSizes.length; index++) {
      yield* write(regs.QUEUE_SELECT_BYTE, index);
      const sizeMax = yield* read(regs.QUEUE_SIZE_BYTE);
      const queueSize = Math.min(queueSizes[index], sizeMax);
      if (queueSize === 0) {
        this.failure = `queue ${index} is not available`;
        return null;
      }
      yield* write(regs.QUEUE_SIZE_BYTE, queueSize);
      const notifyOff = yield* read(regs.QUEUE_NOTIFY_OFF_BYTE);
      const layout = this.options.placeQueue(index, queueSize, features);
      yield* writeAddress(regs.QUEUE_DESC_BYTE, layout.descAddr);
      yield* writeAddress(regs.QUEUE_DRIVER_BYTE, layout.availAddr);
      yield* writeAddress(regs.QUEUE_DEVICE_BYTE, layout.usedAddr);
      yield* write(regs.QUEUE_ENABLE_BYTE, 1);
      if ((yield* read(regs.QUEUE_ENABLE_BYTE)) !== 1) {
        this.failure = `the device did not enable queue ${index}`;
        return null;
      }
      queues.push({ layout, notifyOff });
    }
    return queues;
  }

  /** The driver says that it gave up (section 2.1, FAILED). */
  private *giveUp(): Steps<void> {
    const status = yield* read(regs.DEVICE_STATUS_BYTE);
    yield* write(regs.DEVICE_STATUS_BYTE, (status | STATUS_FAILED) & 0xff);
  }
}

function* read(offset: number): Steps<number> {
  return yield { offset, width: regs.PCI_REGISTERS.get(offset)!.width, value: null };
}

function* write(offset: number, value: number): Steps<void> {
  yield { offset, width: regs.PCI_REGISTERS.get(offset)!.width, value };
}

function* writeAddress(offset: number, addr: number): Steps<void> {
  yield* write(offset, addr);
  yield* write(offset + 4, 0);
}
