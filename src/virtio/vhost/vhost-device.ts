/**
 * The control plane of one vhost-net device (Linux drivers/vhost/vhost.c, vhost_dev_ioctl and vhost_vring_ioctl;
 * drivers/vhost/net.c, vhost_net_set_backend). A pure state machine: it checks and keeps what the VMM says, and tells
 * the worker that owns it to take up or leave a ring. Linux checks addresses when the backend is set; here a wrong
 * order is refused at the call that is wrong, so that the message names it.
 */
import { featuresWithout, NO_FEATURES, VHOST_NET_FEATURES } from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import { boundsContain, regionBounds } from '../guest/guest-memory.ts';
import type { MemoryRegion } from '../guest/guest-memory.ts';
import { isPacked, ringParts } from '../ring/ring-format.ts';
import { isQueueSize } from '../ring/split-layout.ts';
import * as io from './vhost-ioctl.ts';
import type { VhostAnswer, VhostCommand, VringAddr, VringCommand } from './vhost-ioctl.ts';

/** VHOST_MEMORY_MAX_NREGIONS, the default of the max_mem_regions parameter. */
export const VHOST_MEM_REGIONS_MAX = 64;

/** One vring as configured; fields not yet set are null, descriptors taken away are -1. */
export interface VhostVring extends VringAddr {
  readonly num: number;
  /**
   * Where the ring goes on (VHOST_SET_VRING_BASE): an index, or PACKED_START_BASE's kind of word; current once left.
   */
  readonly base: number;
  readonly kick: number;
  readonly call: number;
  readonly backend: number;
}

/** What the worker does when a ring gains or loses its backend. */
export interface VhostRingOps {
  /** Serve ring `index`, as `device.vrings[index]`, `device.features` and `device.regions` describe it. */
  attach(index: number): void;
  /** Serve it no longer. @returns the index of the next chain it would have taken. */
  detach(index: number): number;
  /** That index while the ring is served (VHOST_GET_VRING_BASE with a backend set). */
  lastAvailIdx(index: number): number;
}

interface VringState {
  num: number | null;
  base: number | null;
  addr: VringAddr | null;
  /** -1 when absent. */
  kick: number;
  call: number;
  backend: number;
}

const OK: VhostAnswer = { result: 0, reason: io.REASON_NONE, detail: 0, lo: 0, hi: 0 };

function refuse(errno: number, reason: number, detail = 0): VhostAnswer {
  return { result: -errno, reason, detail, lo: 0, hi: 0 };
}

export class VhostDevice {
  private readonly guestMemoryBytes: number;
  private readonly ops: VhostRingOps;
  private readonly vringCount: number;
  private owned = false;
  private acked: FeatureSet | null = null;
  private table: { readonly regions: readonly MemoryRegion[]; readonly bounds: Int32Array } | null = null;
  private states: VringState[];

  /** vhost-net has two vrings: receive 0 and transmit 1 (VHOST_NET_VQ_MAX). */
  constructor(guestMemoryBytes: number, ops: VhostRingOps, vringCount = 2) {
    this.guestMemoryBytes = guestMemoryBytes;
    this.ops = ops;
    this.vringCount = vringCount;
    this.states = this.emptyStates();
  }

  /** Features of VHOST_SET_FEATURES. */
  get features(): FeatureSet {
    return this.acked ?? NO_FEATURES;
  }

  /** Memory table of VHOST_SET_MEM_TABLE. */
  get regions(): readonly MemoryRegion[] {
    return this.table?.regions ?? [];
  }

  /** The configuration of a vring whose backend is set, or null. */
  vring(index: number): VhostVring | null {
    const state = this.states[index];
    if (state === undefined || state.backend < 0) return null;
    const { num, base, addr, kick, call, backend } = state;
    return num === null || base === null || addr === null ? null : { num, base, ...addr, kick, call, backend };
  }

  /** Executes one ioctl. */
  handle(command: VhostCommand): VhostAnswer {
    if (command.ioctl === io.VHOST_SET_OWNER) {
      if (this.owned) return refuse(io.EBUSY, io.REASON_OWNED);
      this.owned = true;
      return OK;
    }
    if (!this.owned) return refuse(io.EPERM, io.REASON_NOT_OWNER);
    if ('index' in command) return this.handleVring(command);
    switch (command.ioctl) {
      case io.VHOST_RESET_OWNER:
        return this.resetOwner();
      case io.VHOST_GET_FEATURES:
        return { ...OK, lo: VHOST_NET_FEATURES.lo, hi: VHOST_NET_FEATURES.hi };
      case io.VHOST_SET_FEATURES:
        return this.setFeatures(command.features);
      case io.VHOST_SET_MEM_TABLE:
        return this.setMemTable(command.regions);
    }
  }

  private handleVring(command: VringCommand): VhostAnswer {
    const { index } = command;
    const state = this.states[index];
    if (state === undefined) return refuse(io.ENOBUFS, io.REASON_VRING_INDEX);
    switch (command.ioctl) {
      case io.VHOST_SET_VRING_NUM:
        if (state.backend >= 0) return refuse(io.EBUSY, io.REASON_BACKEND_SET);
        if (!isQueueSize(command.num)) return refuse(io.EINVAL, io.REASON_NUM);
        // The rings' size decides whether their addresses fit, so addresses given for another size are void.
        if (state.num !== command.num) state.addr = null;
        state.num = command.num;
        return OK;
      case io.VHOST_SET_VRING_BASE:
        if (state.backend >= 0) return refuse(io.EBUSY, io.REASON_BACKEND_SET);
        if (command.num < 0 || command.num > (isPacked(this.features) ? 0xffff_ffff : 0xffff)) {
          return refuse(io.EINVAL, io.REASON_BASE);
        }
        state.base = command.num;
        return OK;
      case io.VHOST_GET_VRING_BASE:
        return { ...OK, lo: state.backend >= 0 ? this.ops.lastAvailIdx(index) : (state.base ?? 0) };
      case io.VHOST_SET_VRING_ADDR:
        return this.setVringAddr(state, command);
      case io.VHOST_SET_VRING_KICK:
      case io.VHOST_SET_VRING_CALL:
        if (command.fd < -1) return refuse(io.EINVAL, io.REASON_FD);
        if (state.backend >= 0) return refuse(io.EBUSY, io.REASON_BACKEND_SET);
        if (command.ioctl === io.VHOST_SET_VRING_KICK) state.kick = command.fd;
        else state.call = command.fd;
        return OK;
      case io.VHOST_NET_SET_BACKEND:
        return this.setBackend(index, state, command.fd);
    }
  }

  private setFeatures(features: FeatureSet): VhostAnswer {
    const unknown = featuresWithout(features, VHOST_NET_FEATURES);
    if (unknown.lo !== 0 || unknown.hi !== 0) return refuse(io.EOPNOTSUPP, io.REASON_FEATURES_UNKNOWN);
    if (this.anyBackend()) return refuse(io.EBUSY, io.REASON_BACKEND_SET);
    if (isPacked(features) !== isPacked(this.features)) {
      // Addresses and bases of the other ring format are void.
      for (const state of this.states) state.addr = state.base = null;
    }
    this.acked = features;
    return OK;
  }

  private setMemTable(regions: readonly MemoryRegion[]): VhostAnswer {
    if (regions.length > VHOST_MEM_REGIONS_MAX) return refuse(io.E2BIG, io.REASON_TOO_MANY_REGIONS);
    const bounds = regionBounds(regions, this.guestMemoryBytes);
    if (typeof bounds === 'string') return refuse(io.EFAULT, io.REASON_BAD_REGION);
    if (this.anyBackend()) return refuse(io.EBUSY, io.REASON_BACKEND_SET);
    for (const state of this.states) {
      if (state.addr !== null && !this.ringFits(bounds, state.num!, state.addr)) state.addr = null;
    }
    this.table = { regions: [...regions], bounds };
    return OK;
  }

  private setVringAddr(state: VringState, addr: VringAddr): VhostAnswer {
    if (state.backend >= 0) return refuse(io.EBUSY, io.REASON_BACKEND_SET);
    if (this.table === null) return refuse(io.EFAULT, io.REASON_ADDR_WITHOUT_TABLE);
    if (state.num === null) return refuse(io.EINVAL, io.REASON_ADDR_WITHOUT_NUM);
    const { descAddr, availAddr, usedAddr } = addr;
    for (const part of ringParts({ queueSize: state.num, descAddr, availAddr, usedAddr }, this.features)) {
      if (part.addr % part.alignBytes !== 0) return refuse(io.EINVAL, io.REASON_ADDR_ALIGNMENT);
    }
    if (!this.ringFits(this.table.bounds, state.num, addr)) return refuse(io.EFAULT, io.REASON_ADDR_OUTSIDE);
    state.addr = { descAddr, availAddr, usedAddr };
    return OK;
  }

  private setBackend(index: number, state: VringState, fd: number): VhostAnswer {
    if (fd < -1) return refuse(io.EINVAL, io.REASON_FD);
    if (fd >= 0) {
      const missing = this.missingCalls(state);
      if (missing !== 0) return refuse(io.EFAULT, io.REASON_INCOMPLETE, missing);
    }
    if (fd === state.backend) return OK;
    this.leave(index, state);
    if (fd < 0) return OK;
    state.backend = fd;
    this.ops.attach(index);
    return OK;
  }

  private ringFits(bounds: Int32Array, queueSize: number, addr: VringAddr): boolean {
    const { descAddr, availAddr, usedAddr } = addr;
    const parts = ringParts({ queueSize, descAddr, availAddr, usedAddr }, this.features);
    return parts.every((part) => boundsContain(bounds, part.addr, part.sizeBytes));
  }

  /** Bits of MISSING_CALLS. */
  private missingCalls(state: VringState): number {
    const absent = [
      this.acked === null,
      this.table === null,
      state.num === null,
      state.base === null,
      state.addr === null,
      state.kick < 0,
      state.call < 0,
    ];
    return absent.reduce((bits, isAbsent, bit) => bits | (isAbsent ? 1 << bit : 0), 0);
  }

  /** Takes a ring's backend away, keeping where it stood for VHOST_GET_VRING_BASE. */
  private leave(index: number, state: VringState): void {
    if (state.backend < 0) return;
    state.base = this.ops.detach(index);
    state.backend = -1;
  }

  private resetOwner(): VhostAnswer {
    this.states.forEach((state, index) => this.leave(index, state));
    this.owned = false;
    this.acked = null;
    this.table = null;
    this.states = this.emptyStates();
    return OK;
  }

  private anyBackend(): boolean {
    return this.states.some((state) => state.backend >= 0);
  }

  private emptyStates(): VringState[] {
    return Array.from({ length: this.vringCount }, () => ({
      num: null,
      base: null,
      addr: null,
      kick: -1,
      call: -1,
      backend: -1,
    }));
  }
}
