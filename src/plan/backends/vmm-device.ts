/** vNICs that the VMM serves itself, on its main loop: modes qemu and emulated. */
import { E1000_COUNTERS, E1000_PORTS } from '../../../actors/vmm/e1000.ts';
import type { E1000GuestLink } from '../../../actors/vmm/e1000.ts';
import { QEMU_COUNTERS, QEMU_PORTS } from '../../../actors/vmm/qemu-backend.ts';
import type { QemuBackendConfig, QemuGuestLink } from '../../../actors/vmm/qemu-backend.ts';
import type { TapFileConfig, TapFileLink } from '../../../actors/vmm/tap-file.ts';
import { TAP_PORTS } from '../../../actors/host/tap.ts';
import type { TapReaderLink } from '../../../actors/host/tap.ts';
import { reserveDriverRing, reserveDriverTxRing } from '../../e1000/driver/driver-rings.ts';
import type { Arena } from '../../memory/arena.ts';
import { reserveDoorbell } from '../../memory/doorbell.ts';
import { macOctets } from '../../net/wire/ethernet.ts';
import { reserveTimerWord } from '../../kernel/timer-word.ts';
import { PCI_TRAP_WORDS } from '../../virtio/pci/pci-trap.ts';
import { vmmName } from '../../scenario/names.ts';
import type { VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { connect } from '../draft.ts';
import type { DraftActor, DraftThread, PlanDraft } from '../draft.ts';
import { allowedFeatures } from '../guest/features.ts';
import { guestNicOf } from '../parts.ts';
import type { EmulatedNicPlan, HostDraft, Parts, VnicKernel } from '../parts.ts';
import type { TapBackend } from './backend.ts';

/** The thread of a VM's main loop, which all devices that the VMM serves itself share. */
export function vmmThread(draft: PlanDraft, { seat }: HostDraft, vm: VmSpec): DraftThread {
  return draft.threadNamed(vmmName(vm.name)) ?? draft.thread(vmmName(vm.name), 'vmm', 'vmm', seat, vm.name);
}

/** virtio-net that QEMU serves in user space. */
export const QEMU_DEVICE: TapBackend = {
  place: (draft, host, vm, name) => placeDevice(draft, host, vm, name, 'qemu'),
  connect(parts, vnic) {
    const { nic } = vnic;
    const [{ backend: device }] = vnic.pairs;
    const counters = parts.draft.count(device, QEMU_COUNTERS);
    const config = { ...deviceConfig(parts, vnic), counters, txBurst: nic.qemu.txBurst };
    device.spec = { kind: 'qemu', config };
    connect(device, QEMU_PORTS.tap, tapLink(parts, vnic));
    connect(device, QEMU_PORTS.guest, qemuGuestLink(parts, vnic));
    return [];
  },
};

/** An e1000, register by register. */
export const E1000_DEVICE: TapBackend = {
  place: (draft, host, vm, name) => placeDevice(draft, host, vm, name, 'e1000'),
  connect(parts, vnic) {
    const { vm } = vnic;
    const [{ backend: device }] = vnic.pairs;
    const counters = parts.draft.count(device, E1000_COUNTERS);
    const timer = reserveTimerWord(parts.draft.signals);
    device.spec = { kind: 'e1000', config: { ...deviceConfig(parts, vnic), counters, timer } };
    connect(device, E1000_PORTS.tap, tapLink(parts, vnic));
    connect(device, E1000_PORTS.guest, e1000GuestLink(parts, vnic));
    return [{ vm, deadline: timer, thread: device.thread }];
  },
};

function placeDevice(draft: PlanDraft, host: HostDraft, vm: VmSpec, name: string, kind: 'qemu' | 'e1000'): DraftActor {
  const buffers = [host.arena.name, `guest:${vm.name}`, `vmm:${vm.name}`];
  return draft.actor(name, kind, vmmThread(draft, host, vm), 'vmm', buffers);
}

/** Reserves what an e1000 and its driver share. */
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

function deviceConfig(parts: Parts, vnic: VnicKernel): Omit<QemuBackendConfig, 'counters' | 'txBurst'> {
  const [{ backend: device }] = vnic.pairs;
  const { table } = parts.host.spec.costs;
  return {
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
}

function qemuGuestLink(parts: Parts, { vm, nic }: VnicKernel): QemuGuestLink {
  const { guest, plan } = guestNicOf(parts, { vm, nic });
  const { pci, pairs } = plan;
  const [{ kicks, receiver, senders }] = pairs;
  return {
    guestMemory: `guest:${vm.name}`,
    pci,
    vcpuDoorbell: guest.vcpus[nic.vcpu].thread.doorbell,
    kicks,
    callDoorbells: [[receiver.thread.doorbell], senders.map(({ thread }) => thread.doorbell)],
    allowed: allowedFeatures(nic),
    queueSize: nic.queueSize,
    mac: macOctets(nic.mac),
    mtuBytes: nic.mtuBytes,
  };
}

function e1000GuestLink(parts: Parts, { vm, nic }: VnicKernel): E1000GuestLink {
  const { guest, plan } = guestNicOf(parts, { vm, nic });
  const { traps, interrupt } = plan.emulated!;
  return {
    guestMemory: `guest:${vm.name}`,
    traps,
    vcpuDoorbells: guest.vcpus.map(({ thread }) => thread.doorbell),
    interrupt,
    interruptDoorbell: guest.vcpus[nic.vcpu].thread.doorbell,
    mac: macOctets(nic.mac),
  };
}

function tapConfig(parts: Parts, { nic, pairs }: VnicKernel): TapFileConfig {
  const [{ pool }] = pairs;
  return {
    slots: parts.slots,
    pool,
    backlogFrames: parts.host.spec.softirq.backlogFrames,
    rxBurst: nic.qemu.rxBurst === 'none' ? Infinity : nic.qemu.rxBurst,
  };
}

/** A queue of the tap that wakes the main loop, and the backlog behind the tap. */
function tapLink(parts: Parts, { nic, tap, pairs }: VnicKernel): TapFileLink {
  const { draft, host, backlogs } = parts;
  const [{ backend: device, backlog, cpu }] = pairs;
  const queue = draft.ring(host.arena, `${tap.name}.queue`, nic.tap.queueFrames, 'frames');
  const event = reserveDoorbell(draft.signals);
  const reader: TapReaderLink = { queue, event, doorbell: device.thread.doorbell, feedback: null };
  connect(tap, TAP_PORTS.reader, reader);
  const { length: backlogLength } = backlogs[cpu];
  return { queue, backlog, backlogLength, softirqLine: host.softirqs[cpu].thread.doorbell };
}
