/** vNICs that the VMM serves itself, on its main loop: modes qemu and emulated. */
import { E1000_COUNTERS, E1000_GUEST_PORT, E1000_TAP_PORT } from '../../../actors/vmm/e1000.ts';
import type { E1000GuestLink } from '../../../actors/vmm/e1000.ts';
import { QEMU_COUNTERS, QEMU_GUEST_PORT, QEMU_TAP_PORT } from '../../../actors/vmm/qemu-backend.ts';
import type { QemuGuestLink } from '../../../actors/vmm/qemu-backend.ts';
import type { TapFileConfig, TapFileLink } from '../../../actors/vmm/tap-file.ts';
import { TAP_READER_PORT } from '../../../actors/host/tap.ts';
import type { TapReaderLink } from '../../../actors/host/tap.ts';
import { reserveDriverRing, reserveDriverTxRing } from '../../e1000/driver/driver-rings.ts';
import type { DriverRingRef, DriverTxRingRef } from '../../e1000/driver/driver-rings.ts';
import type { Arena, Region } from '../../memory/arena.ts';
import { reserveDoorbell } from '../../memory/doorbell.ts';
import { reserveTimerWord } from '../../kernel/timer-word.ts';
import { PCI_TRAP_WORDS } from '../../virtio/pci/pci-trap.ts';
import type { Parts, VnicKernel } from '../build-plan.ts';
import type { DraftActor, DraftThread, PlanDraft } from '../draft.ts';
import type { HostDraft } from '../host/host.ts';
import { macBytes } from '../guest/guest.ts';
import { allowedFeatures } from '../guest/nic.ts';
import type { GuestPlan } from '../guest/guest.ts';
import type { VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { backendNames, vmmName } from '../../scenario/names.ts';

/** The thread of a VM's main loop, which all devices that the VMM serves itself share. */
export function vmmThread(draft: PlanDraft, { seat }: HostDraft, vm: VmSpec): DraftThread {
  return draft.threadNamed(vmmName(vm.name)) ?? draft.thread(vmmName(vm.name), 'vmm', 'vmm', seat, vm.name);
}

/** The VMM moves the frames of such a vNIC, not a worker in the kernel, nor hardware. */
export function isVmmDevice({ mode }: Pick<VnicSpec, 'mode'>): boolean {
  return mode === 'qemu' || mode === 'emulated';
}

/** Null for a vNIC that the VMM does not serve. */
export function planVmmDevice(draft: PlanDraft, host: HostDraft, vm: VmSpec, nic: VnicSpec): DraftActor | null {
  if (!isVmmDevice(nic)) return null;
  const buffers = [host.arena.name, `guest:${vm.name}`, `vmm:${vm.name}`];
  const [name] = backendNames(nic);
  const kind = nic.mode === 'qemu' ? 'qemu' : 'e1000';
  return draft.actor(name, kind, vmmThread(draft, host, vm), 'vmm', buffers);
}

/** What an e1000 and its driver share: rings and driver state in the guest's memory, a trap mailbox for each vCPU. */
export interface EmulatedNicPlan {
  readonly rx: DriverRingRef;
  readonly tx: DriverTxRingRef;
  readonly published: Region;
  readonly interrupt: Region;
  readonly traps: readonly Region[];
}

export function planEmulatedNic(
  draft: PlanDraft,
  guest: Arena,
  vmm: Arena,
  { queueSize }: VnicSpec,
  vcpus: number,
): EmulatedNicPlan {
  return {
    rx: reserveDriverRing(guest, queueSize),
    tx: reserveDriverTxRing(guest, queueSize),
    published: guest.reserve(4),
    interrupt: reserveDoorbell(draft.signals),
    traps: Array.from({ length: vcpus }, () => vmm.reserve(PCI_TRAP_WORDS * 4)),
  };
}

/** Connects the device of one vNIC to its tap and its guest. */
export function connectVmmDevice(parts: Parts, vnic: VnicKernel): void {
  const { nic, vm } = vnic;
  const [{ vhost: device }] = vnic.pairs;
  const { table } = parts.host.spec.costs;
  const guest = parts.guests.find(({ spec }) => spec === vm)!;
  const config = {
    name: device.name,
    tap: tapConfig(parts, vnic),
    costs: {
      readNs: table.vhostRx + table.qemuNet,
      writeNs: table.vhostTx + table.qemuNet,
      syscallNs: table.qemuSyscall,
      callInjectNs: table.callInject,
      wakeupNs: table.wakeup,
    },
  };
  if (nic.mode === 'qemu') {
    const counters = parts.draft.count(device, QEMU_COUNTERS);
    device.spec = { kind: 'qemu', config: { ...config, counters, txBurst: nic.qemu.txBurst } };
    device.attachments.push({ port: QEMU_TAP_PORT, link: tapLink(parts, vnic) });
    device.attachments.push({ port: QEMU_GUEST_PORT, link: qemuGuestLink(guest, nic) });
  } else {
    const counters = parts.draft.count(device, E1000_COUNTERS);
    const timer = reserveTimerWord(parts.draft.signals);
    device.spec = { kind: 'e1000', config: { ...config, counters, timer } };
    device.attachments.push({ port: E1000_TAP_PORT, link: tapLink(parts, vnic) });
    device.attachments.push({ port: E1000_GUEST_PORT, link: e1000GuestLink(guest, nic) });
  }
}

function qemuGuestLink(guest: GuestPlan, nic: VnicSpec): QemuGuestLink {
  const { pci, pairs } = guest.nics[guest.spec.nics.indexOf(nic)];
  const [{ kicks, receiver, senders }] = pairs;
  return {
    guestMemory: `guest:${guest.spec.name}`,
    pci,
    vcpuDoorbell: guest.vcpus[nic.vcpu].thread.doorbell,
    kicks,
    callDoorbells: [[receiver.thread.doorbell], senders.map(({ thread }) => thread.doorbell)],
    allowed: allowedFeatures(nic),
    queueSize: nic.queueSize,
    mac: macBytes(nic.mac),
    mtuBytes: nic.mtuBytes,
  };
}

function e1000GuestLink(guest: GuestPlan, nic: VnicSpec): E1000GuestLink {
  const { emulated } = guest.nics[guest.spec.nics.indexOf(nic)];
  const { traps, interrupt } = emulated!;
  return {
    guestMemory: `guest:${guest.spec.name}`,
    traps,
    vcpuDoorbells: guest.vcpus.map(({ thread }) => thread.doorbell),
    interrupt,
    interruptDoorbell: guest.vcpus[nic.vcpu].thread.doorbell,
    mac: macBytes(nic.mac),
  };
}

function tapConfig(parts: Parts, { nic, pairs }: VnicKernel): TapFileConfig {
  const [{ vhostPool }] = pairs;
  return {
    slots: parts.slots,
    pool: vhostPool,
    backlogFrames: parts.host.spec.softirq.backlogFrames,
    rxBurst: nic.qemu.rxBurst === 'none' ? Infinity : nic.qemu.rxBurst,
  };
}

/** A queue of the tap that wakes the main loop, and the backlog behind the tap. */
function tapLink(parts: Parts, { nic, tap, pairs }: VnicKernel): TapFileLink {
  const { draft, host, backlogs } = parts;
  const [{ vhost: device, backlog, cpu }] = pairs;
  const queue = draft.ring(host.arena, `${tap.name}.queue`, nic.tap.queueFrames, 'frames');
  const event = reserveDoorbell(draft.signals);
  const reader: TapReaderLink = { queue, event, doorbell: device.thread.doorbell, feedback: null };
  tap.attachments.push({ port: TAP_READER_PORT, link: reader });
  const { length: backlogLength } = backlogs[cpu];
  return { queue, backlog, backlogLength, softirqLine: host.softirqs[cpu].thread.doorbell };
}
