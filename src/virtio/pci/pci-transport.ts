/**
 * The VMM's model of one virtio-net PCI device: the registers of pci-layout.ts, the device status state machine
 * (VIRTIO 1.x sections 2.1 and 3.1) and the driver's queue configuration. The guest is not trusted: an access it must
 * not make changes nothing, and the transcript says so.
 */
import { commonFeatures, featuresRefusal, NO_FEATURES } from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import * as regs from './pci-layout.ts';
import type { PciRegisterFile } from './pci-trap.ts';
import { ringFault } from '../ring/ring-format.ts';
import { isQueueSize } from '../ring/split-layout.ts';
import type { SplitLayout } from '../ring/split-layout.ts';
import type { Transcript } from './transcript.ts';

/** struct virtio_net_config (section 5.1.4). */
export interface NetConfig {
  /** Six bytes. */
  readonly mac: readonly number[];
  readonly maxVirtqueuePairs: number;
  readonly mtuBytes: number;
}

/** What the VMM does when the driver reaches a state. */
export interface VirtioPciHooks {
  /** DRIVER_OK: the device may now use the queues; `acceptedFeatures` and `queues` are final. */
  driverOk(): void;
  /**
   * The driver wrote zero to device_status, or declared FAILED: no queue is served any more once the next access is.
   */
  stop(): void;
}

export interface VirtioPciOptions {
  readonly offered: FeatureSet;
  /** Largest size of each queue, by index: receive 0, transmit 1 of the first pair (section 5.1.2). */
  readonly queueSizesMax: readonly number[];
  readonly netConfig: NetConfig;
  readonly guestMemoryBytes: number;
  readonly hooks: VirtioPciHooks;
  readonly transcript: Pick<Transcript, 'add'>;
}

/** The driver's configuration of one queue. `notifyOff` tells the driver which doorbell kicks it. */
export interface PciQueue {
  readonly layout: SplitLayout;
  readonly enabled: boolean;
  readonly notifyOff: number;
}

/** The six address words of a queue, as 64-bit halves. */
const ADDRESS_REGISTERS = [
  regs.QUEUE_DESC_BYTE,
  regs.QUEUE_DESC_BYTE + 4,
  regs.QUEUE_DRIVER_BYTE,
  regs.QUEUE_DRIVER_BYTE + 4,
  regs.QUEUE_DEVICE_BYTE,
  regs.QUEUE_DEVICE_BYTE + 4,
];

interface QueueRegisters {
  size: number;
  enabled: boolean;
  readonly addressWords: Uint32Array;
}

export class VirtioPciDevice implements PciRegisterFile {
  private readonly options: VirtioPciOptions;
  private status = 0;
  private generation = 0;
  private linkStatus = regs.NET_S_LINK_UP;
  private deviceFeatureSelect = 0;
  private driverFeatureSelect = 0;
  private accepted: FeatureSet = NO_FEATURES;
  private queueSelect = 0;
  private queueRegisters: QueueRegisters[] = [];

  constructor(options: VirtioPciOptions) {
    if (options.netConfig.mac.length !== 6) throw new RangeError('virtio-net: a MAC address has six bytes');
    for (const size of options.queueSizesMax) {
      if (!isQueueSize(size)) throw new RangeError(`virtio-net: queue size ${size} is not a power of two up to 32768`);
    }
    this.options = options;
    this.clear();
  }

  get deviceStatus(): number {
    return this.status;
  }

  /** The features both sides settled on; final once DRIVER_OK is reached. */
  get acceptedFeatures(): FeatureSet {
    return commonFeatures(this.accepted, this.options.offered);
  }

  queues(): readonly PciQueue[] {
    return this.queueRegisters.map((queue, index) => ({
      layout: layoutOf(queue),
      enabled: queue.enabled,
      notifyOff: index,
    }));
  }

  /** The device gives up until it is reset, for instance because a virtqueue is broken (section 2.1.2). */
  needsReset(reason: string): void {
    this.status |= regs.STATUS_NEEDS_RESET;
    this.options.transcript.add(`device sets NEEDS_RESET: ${reason}`);
  }

  /** Moves the link up or down and advances config_generation (section 4.1.4.3.1). */
  setLinkUp(up: boolean): void {
    const linkStatus = up ? regs.NET_S_LINK_UP : 0;
    if (linkStatus === this.linkStatus) return;
    this.linkStatus = linkStatus;
    this.generation = (this.generation + 1) & 0xff;
    this.options.transcript.add(`device sets link ${up ? 'up' : 'down'}, config_generation = ${this.generation}`);
  }

  /** A trapped load. An access that is no register of that width reads as all ones, as on an empty PCI bus. */
  read(offset: number, width: number): number {
    const register = regs.PCI_REGISTERS.get(offset);
    if (register === undefined || register.width !== width) {
      this.options.transcript.add(`read ${width} bytes at 0x${(offset >>> 0).toString(16)}: no such register`);
      return 0xffffffff;
    }
    const value = this.registerValue(offset);
    this.options.transcript.add(`read ${this.label(offset, register.name)} = ${formatValue(offset, value)}`);
    return value;
  }

  /** A trapped store; bits beyond its width are dropped, as on a bus. */
  write(offset: number, width: number, stored: number): void {
    const value = width === 1 ? stored & 0xff : width === 2 ? stored & 0xffff : stored;
    const register = regs.PCI_REGISTERS.get(offset);
    const name = register?.name ?? `0x${(offset >>> 0).toString(16)}`;
    const line = `write ${this.label(offset, name)} = ${formatValue(offset, value)}`;
    const refusal = register?.width === width ? this.applyWrite(offset, value) : `no register of ${width} bytes`;
    this.options.transcript.add(refusal === null ? line : `${line}: ignored, ${refusal}`);
    if (refusal === null && offset === regs.DEVICE_STATUS_BYTE) this.statusWritten(value);
  }

  private registerValue(offset: number): number {
    const { offered, netConfig } = this.options;
    switch (offset) {
      case regs.DEVICE_FEATURE_SELECT_BYTE:
        return this.deviceFeatureSelect;
      case regs.DEVICE_FEATURE_BYTE:
        return featureWord(offered, this.deviceFeatureSelect);
      case regs.DRIVER_FEATURE_SELECT_BYTE:
        return this.driverFeatureSelect;
      case regs.DRIVER_FEATURE_BYTE:
        return featureWord(this.accepted, this.driverFeatureSelect);
      case regs.NUM_QUEUES_BYTE:
        return this.queueRegisters.length;
      case regs.DEVICE_STATUS_BYTE:
        return this.status;
      case regs.CONFIG_GENERATION_BYTE:
        return this.generation;
      case regs.NET_STATUS_BYTE:
        return this.linkStatus;
      case regs.NET_MAX_VIRTQUEUE_PAIRS_BYTE:
        return netConfig.maxVirtqueuePairs;
      case regs.NET_MTU_BYTE:
        return netConfig.mtuBytes;
      default:
        if (offset >= regs.NET_MAC_BYTE) return netConfig.mac[offset - regs.NET_MAC_BYTE];
        return this.queueRegisterValue(offset);
    }
  }

  /** A queue that does not exist reads as zero, size included (section 4.1.4.3.1). */
  private queueRegisterValue(offset: number): number {
    if (offset === regs.QUEUE_SELECT_BYTE) return this.queueSelect;
    const queue = this.queueRegisters[this.queueSelect];
    if (queue === undefined) return 0;
    if (offset === regs.QUEUE_SIZE_BYTE) return queue.size;
    if (offset === regs.QUEUE_ENABLE_BYTE) return queue.enabled ? 1 : 0;
    if (offset === regs.QUEUE_NOTIFY_OFF_BYTE) return this.queueSelect;
    return queue.addressWords[ADDRESS_REGISTERS.indexOf(offset)];
  }

  /** Applies a store to a register of the right width; the reason it was ignored, or null. */
  private applyWrite(offset: number, value: number): string | null {
    switch (offset) {
      case regs.DEVICE_FEATURE_SELECT_BYTE:
        this.deviceFeatureSelect = value;
        return null;
      case regs.DRIVER_FEATURE_SELECT_BYTE:
        this.driverFeatureSelect = value;
        return null;
      case regs.DRIVER_FEATURE_BYTE:
        return this.writeDriverFeature(value);
      case regs.DEVICE_STATUS_BYTE:
        return this.statusRefusal(value);
      case regs.QUEUE_SELECT_BYTE:
        this.queueSelect = value;
        return null;
      case regs.QUEUE_SIZE_BYTE:
      case regs.QUEUE_ENABLE_BYTE:
        return this.writeQueue(offset, value);
      default:
        return ADDRESS_REGISTERS.includes(offset) ? this.writeQueue(offset, value) : 'the register is read-only';
    }
  }

  private writeDriverFeature(value: number): string | null {
    if ((this.status & regs.STATUS_FEATURES_OK) !== 0) return 'FEATURES_OK is set already';
    if (this.driverFeatureSelect > 1) return 'only feature words 0 and 1 exist';
    const { lo, hi } = this.accepted;
    this.accepted = this.driverFeatureSelect === 0 ? { lo: value, hi } : { lo, hi: value };
    return null;
  }

  private writeQueue(offset: number, value: number): string | null {
    const queue = this.queueRegisters[this.queueSelect];
    if (queue === undefined) return `there is no queue ${this.queueSelect}`;
    if (queue.enabled) return 'the queue is enabled already';
    if ((this.status & regs.STATUS_FEATURES_OK) === 0) return 'features are not agreed yet';
    if (offset === regs.QUEUE_SIZE_BYTE) {
      const sizeMax = this.options.queueSizesMax[this.queueSelect];
      if (!isQueueSize(value) || value > sizeMax) return `the size must be a power of two up to ${sizeMax}`;
      queue.size = value;
    } else if (offset === regs.QUEUE_ENABLE_BYTE) {
      if (value !== 1) return 'a driver may only write 1 (VIRTIO 4.1.4.3.2)';
      if (queue.addressWords[1] !== 0 || queue.addressWords[3] !== 0 || queue.addressWords[5] !== 0) {
        return 'an address uses more than 32 bits';
      }
      const fault = ringFault(layoutOf(queue), this.options.guestMemoryBytes, this.accepted);
      if (fault !== null) return `the ${fault}`;
      queue.enabled = true;
    } else {
      queue.addressWords[ADDRESS_REGISTERS.indexOf(offset)] = value;
    }
    return null;
  }

  /** Why the driver may not write this device status now, or null. Bits are added in order; only zero clears them. */
  private statusRefusal(value: number): string | null {
    if (value === 0) return null;
    const driverBits = this.status & ~regs.STATUS_NEEDS_RESET;
    if ((driverBits & ~value) !== 0) return `only a reset clears ${regs.statusNames(driverBits & ~value)}`;
    const added = value & ~this.status & ~regs.STATUS_NEEDS_RESET;
    if ((added & regs.STATUS_DRIVER) !== 0 && (value & regs.STATUS_ACKNOWLEDGE) === 0) return 'ACKNOWLEDGE comes first';
    if ((added & regs.STATUS_FEATURES_OK) !== 0) {
      if ((value & regs.STATUS_DRIVER) === 0) return 'DRIVER comes first';
      const refusal = featuresRefusal(this.options.offered, this.accepted);
      if (refusal !== null) return `FEATURES_OK refused: ${refusal}`;
    }
    if ((added & regs.STATUS_DRIVER_OK) !== 0 && (this.status & regs.STATUS_FEATURES_OK) === 0) {
      return 'FEATURES_OK comes first';
    }
    return null;
  }

  private statusWritten(value: number): void {
    const before = this.status;
    if (value === 0) {
      this.options.hooks.stop();
      this.clear();
      return;
    }
    this.status = value | (before & regs.STATUS_NEEDS_RESET);
    const added = this.status & ~before;
    if ((added & regs.STATUS_FAILED) !== 0) this.options.hooks.stop();
    else if ((added & regs.STATUS_DRIVER_OK) !== 0) this.options.hooks.driverOk();
  }

  private clear(): void {
    this.status = 0;
    this.deviceFeatureSelect = 0;
    this.driverFeatureSelect = 0;
    this.accepted = NO_FEATURES;
    this.queueSelect = 0;
    this.queueRegisters = this.options.queueSizesMax.map((size) => ({
      size,
      enabled: false,
      addressWords: new Uint32Array(ADDRESS_REGISTERS.length),
    }));
  }

  /** The register's name with what its selector points at, so that a line of the transcript stands alone. */
  private label(offset: number, name: string): string {
    if (offset === regs.DEVICE_FEATURE_BYTE) return `${name}[${this.deviceFeatureSelect}]`;
    if (offset === regs.DRIVER_FEATURE_BYTE) return `${name}[${this.driverFeatureSelect}]`;
    if (offset > regs.QUEUE_SELECT_BYTE && offset < regs.PCI_DEVICE_CONFIG_BYTE)
      return `queue[${this.queueSelect}].${name}`;
    return name;
  }
}

function layoutOf(queue: QueueRegisters): SplitLayout {
  const words = queue.addressWords;
  return { queueSize: queue.size, descAddr: words[0], availAddr: words[2], usedAddr: words[4] };
}

function featureWord(features: FeatureSet, select: number): number {
  if (select === 0) return features.lo;
  return select === 1 ? features.hi : 0;
}

function formatValue(offset: number, value: number): string {
  if (offset === regs.DEVICE_STATUS_BYTE) return regs.statusNames(value);
  if (offset === regs.DEVICE_FEATURE_BYTE || offset === regs.DRIVER_FEATURE_BYTE) return hex(value);
  return ADDRESS_REGISTERS.includes(offset) ? hex(value) : String(value);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
