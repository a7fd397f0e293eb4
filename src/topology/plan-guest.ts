/** A virtual machine's part of the plan: its memory map, its vCPUs and its VMM. */
import { vcpuCounters } from '../../actors/guest-vcpu.ts';
import type { GuestVcpuNicLink } from '../../actors/guest-vcpu.ts';
import type { VmmNicLink } from '../../actors/vmm.ts';
import type { Arena, Region } from '../memory/arena.ts';
import { reserveDoorbell } from '../memory/doorbell.ts';
import { reserveDepot } from '../memory/magazine.ts';
import { reserveLock } from '../memory/spin-lock.ts';
import { parseCidr } from '../net/address.ts';
import { parseMac } from '../net/ethernet.ts';
import { networkFunctionCounters } from '../runtime/function-factory.ts';
import type { NetworkFunctionConfig } from '../runtime/function-factory.ts';
import type { FeatureSet } from '../virtio/features.ts';
import {
  NO_FEATURES,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
  VMM_NET_FEATURES,
  featureSet,
} from '../virtio/features.ts';
import { GUEST_NIC_WORDS, GUEST_RING_ALIGN_BYTES } from '../virtio/guest-nic.ts';
import type { GuestNicRef } from '../virtio/guest-nic.ts';
import type { GuestQueueRef } from '../virtio/net-queues.ts';
import { TX_STATE_WORDS } from '../virtio/net-queues.ts';
import { PCI_TRAP_WORDS } from '../virtio/pci-trap.ts';
import { ringBytes, ringLayoutAt, tokenWords } from '../virtio/ring-format.ts';
import { VHOST_MAILBOX_WORDS } from '../virtio/vhost-mailbox.ts';
import type { BridgeDomain } from './build-plan.ts';
import type { DraftActor, PlanDraft } from './plan-draft.ts';
import type { HostDraft } from './plan-host.ts';
import { planFunctions } from './plan-nf.ts';
import type { VmSpec, VnicFeature, VnicSpec } from './scenario.ts';
import { vcpuName, vmmName } from './thread-names.ts';

/** A guest buffer: header and frame, and a stride that is no power of two, as for host slots. */
const BUFFER_STRIDE_BYTES = 2112;
/** dev->tx_queue_len of the guest's interface: ether_setup(), net/ethernet/eth.c. */
const QDISC_FRAMES = 1000;
/** Buffers that may sit in the magazine of one vCPU. */
const MAGAZINE_BUFFERS = 512;
/** Address 0 is nobody's, so that a zero in a ring is an error. */
const FIRST_PAGE_BYTES = 4096;
const MTU_BYTES = 1500;

const FEATURE_BITS: Readonly<Record<VnicFeature, number>> = {
  'event-idx': VIRTIO_F_EVENT_IDX,
  'indirect-desc': VIRTIO_F_INDIRECT_DESC,
  'ring-packed': VIRTIO_F_RING_PACKED,
};

export interface GuestNicPlan {
  readonly kicks: readonly Region[];
  readonly mailbox: Region;
  readonly pci: Region;
  /** The vCPU that probes it and takes its interrupts. */
  readonly vcpu: DraftActor;
}

export interface GuestPlan {
  readonly spec: VmSpec;
  readonly vmm: DraftActor;
  readonly vcpus: readonly DraftActor[];
  readonly memoryBytes: number;
  readonly nics: readonly GuestNicPlan[];
}

export function planGuest(draft: PlanDraft, host: HostDraft, vm: VmSpec, domains: readonly BridgeDomain[]): GuestPlan {
  const memory = draft.arena(`guest:${vm.name}`);
  const control = draft.arena(`vmm:${vm.name}`);
  memory.reserve(FIRST_PAGE_BYTES);
  const refs = vm.nics.map((nic) => planNicMemory(memory, nic));
  const rings = vm.nics.reduce((sum, { queueSize }) => sum + 2 * queueSize + QDISC_FRAMES, 0);
  const buffers = rings + vm.vcpus * MAGAZINE_BUFFERS;
  const depot = reserveDepot(memory, buffers);
  const first = memory.reserve(buffers * BUFFER_STRIDE_BYTES);
  const functions = planFunctions(vm);
  if (vm.memoryBytes !== 'auto') reserveUpTo(memory, vm);
  draft.guests.push({
    vm: vm.name,
    depot,
    addresses: Array.from({ length: buffers }, (_, i) => first.offsetBytes + i * BUFFER_STRIDE_BYTES),
  });

  const vmmThread = draft.thread(vmmName(vm.name), 'vmm', 'vmm', host.seat, vm.name);
  const vmm = draft.actorOn(vmmThread, vmmName(vm.name), [`vmm:${vm.name}`]);
  vmm.spec = { kind: 'vmm', config: { name: vmm.name, guestMemoryBytes: memory.bytes } };
  const vcpus = Array.from({ length: vm.vcpus }, (_, i) => planVcpu(draft, host, vm, i, depot, functions[i]));
  const nics = vm.nics.map((nic) => ({
    kicks: [reserveDoorbell(draft.signals), reserveDoorbell(draft.signals)],
    mailbox: control.reserve(VHOST_MAILBOX_WORDS * 4),
    pci: control.reserve(PCI_TRAP_WORDS * 4),
    vcpu: vcpus[nic.vcpu],
  }));
  vm.nics.forEach((nic, port) => {
    const { kicks, mailbox, pci, vcpu } = nics[port];
    const kernel = domains
      .flatMap(({ vnics, hardwareVnics }) => [...vnics, ...hardwareVnics])
      .find((k) => k.nic === nic)!;
    const backendDoorbell = kernel.vhost.thread.doorbell;
    const vmmDoorbell = vmmThread.doorbell;
    const mac = parseMac(nic.mac);
    const identity = { macHigh: mac.high, macLow: mac.low, address: parseCidr(nic.ip).address };
    const signals = { kicks, backendDoorbell, kickExitNs: host.spec.costs.table.kickExit, pci, vmmDoorbell };
    for (const each of vcpus) {
      const link: GuestVcpuNicLink = { nic: refs[port], owner: each === vcpu, ...identity, ...signals };
      each.attachments.push({ port, link });
    }
    const link: VmmNicLink = {
      name: nic.name,
      vhost: kernel.vhost.name,
      pci,
      vcpuDoorbell: vcpu.thread.doorbell,
      mailbox,
      vhostDoorbell: backendDoorbell,
      allowed: allowedFeatures(nic),
      mac: macBytes(nic.mac),
      mtuBytes: MTU_BYTES,
      queueSize: nic.queueSize,
      tapFd: port,
    };
    vmm.attachments.push({ port, link });
  });
  return { spec: vm, vmm, vcpus, memoryBytes: memory.bytes, nics };
}

function planVcpu(
  draft: PlanDraft,
  host: HostDraft,
  vm: VmSpec,
  index: number,
  depot: Region,
  nf: NetworkFunctionConfig,
): DraftActor {
  const name = vcpuName(vm.name, index);
  const thread = draft.thread(name, 'vcpu', 'vcpu', host.seat, vm.name);
  const vcpu = draft.actorOn(thread, name, [`guest:${vm.name}`, `vmm:${vm.name}`]);
  const { table } = host.spec.costs;
  vcpu.spec = {
    kind: 'vcpu',
    config: {
      name,
      counters: draft.count(vcpu, vcpuCounters(networkFunctionCounters(nf))),
      guestMemory: `guest:${vm.name}`,
      depot,
      costs: {
        guestRxNs: table.guestRx,
        guestForwardNs: table.guestForward,
        guestTxNs: table.guestTx,
        irqNs: table.irq,
        hltNs: table.hlt,
      },
    },
    nf,
  };
  return vcpu;
}

/** Queues, tokens, transmit lock and state, and the published words of one vNIC. */
function planNicMemory(memory: Arena, nic: VnicSpec): GuestNicRef {
  const { queueSize } = nic;
  const wanted = allowedFeatures(nic);
  const queue = (): GuestQueueRef => {
    // Room for either format: the device may not offer the one wanted.
    const bytes = Math.max(
      ...[NO_FEATURES, wanted].map((features) => ringBytes(queueSize, GUEST_RING_ALIGN_BYTES, features)),
    );
    const { offsetBytes } = memory.reserve(bytes, GUEST_RING_ALIGN_BYTES);
    const tokens = memory.reserve(tokenWords(queueSize, wanted) * 4);
    return { layout: ringLayoutAt(offsetBytes, queueSize, GUEST_RING_ALIGN_BYTES, wanted), tokens };
  };
  return {
    rx: queue(),
    tx: {
      ...queue(),
      lock: reserveLock(memory),
      state: memory.reserve(TX_STATE_WORDS * 4),
      qdiscFrames: QDISC_FRAMES,
    },
    published: memory.reserve(GUEST_NIC_WORDS * 4),
    wanted,
  };
}

function allowedFeatures(nic: VnicSpec): FeatureSet {
  const chosen = featureSet(VIRTIO_F_VERSION_1, ...nic.features.map((name) => FEATURE_BITS[name]));
  return { lo: (chosen.lo | VMM_NET_FEATURES.lo) >>> 0, hi: (chosen.hi | VMM_NET_FEATURES.hi) >>> 0 };
}

function reserveUpTo(memory: Arena, vm: VmSpec): void {
  const wanted = vm.memoryBytes as number;
  if (wanted < memory.bytes) {
    throw new Error(`${vm.name}: memory ${wanted} bytes, its queues and buffers need ${memory.bytes}`);
  }
  memory.reserve(wanted - memory.bytes);
}

function macBytes(mac: string): number[] {
  return mac.split(':').map((octet) => parseInt(octet, 16));
}
