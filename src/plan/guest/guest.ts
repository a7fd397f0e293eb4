/** A virtual machine's part of the plan: its memory map, its vCPUs and its VMM. */
import type { NetworkFunctionConfig } from '../../../actors/guest/network-functions/functions.ts';
import { VCPU_PORTS, vcpuCounters } from '../../../actors/guest/vcpu-links.ts';
import { VMM_PORTS } from '../../../actors/vmm/vmm.ts';
import type { VmmNicLink } from '../../../actors/vmm/vmm.ts';
import type { Arena, Region } from '../../memory/arena.ts';
import { oddStrideBytes } from '../../memory/frame-room.ts';
import { reserveDepot } from '../../memory/magazine.ts';
import { reserveTimerWord } from '../../kernel/timer-word.ts';
import { parseCidr } from '../../net/wire/address.ts';
import { macOctets, parseMac } from '../../net/wire/ethernet.ts';
import type { GuestNicRef } from '../../virtio/guest/guest-nic.ts';
import { networkFunctionCounters } from '../../runtime/function-factory.ts';
import { NET_HEADER_BYTES } from '../../virtio/net/net-header.ts';
import type { BridgeDomain, GuestNicPlan, GuestPlan, HostDraft, Sleeper } from '../parts.ts';
import { connect } from '../draft.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import { MAGAZINE_BUFFERS } from '../../../actors/guest/vcpu.ts';
import { guestFrameRoomBytes } from '../frame-room.ts';
import { allowedFeatures } from './features.ts';
import { buffersHeldAtOnce, planGuestNic, planNicMemory, shareOf } from './nic.ts';
import { planFunctions } from './functions.ts';
import { vmmThread } from '../backends/vmm-device.ts';
import { FUNCTION_KINDS, isOfKind } from '../../scenario/function-kinds.ts';
import { MODES } from '../../scenario/modes.ts';
import type { VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { vcpuName, vmmName } from '../../scenario/names.ts';

/** Address 0 is nobody's, so that a zero in a ring is an error. */
const FIRST_PAGE_BYTES = 4096;

/**
 * Lays out a VM: its memory, its VMM and its vCPUs, with the drivers of its vNICs connected.
 *
 * @param domains of its host: what serves its vNICs must have been placed.
 */
export function planGuest(draft: PlanDraft, host: HostDraft, vm: VmSpec, domains: readonly BridgeDomain[]): GuestPlan {
  const memory = draft.arena(`guest:${vm.name}`);
  const control = draft.arena(`vmm:${vm.name}`);
  memory.reserve(FIRST_PAGE_BYTES);
  const strideBytes = oddStrideBytes(Math.max(...vm.nics.map(guestFrameRoomBytes)));
  const refs = vm.nics.map((nic) =>
    MODES[nic.mode].device === 'e1000' ? null : planNicMemory(memory, nic, strideBytes),
  );
  const held = vm.nics.reduce((sum, nic) => sum + buffersHeldAtOnce(nic), 0);
  const buffers = held + vm.vcpus * MAGAZINE_BUFFERS;
  const depot = reserveDepot(memory, buffers);
  const first = memory.reserve(buffers * strideBytes);
  const functions = planFunctions(memory, vm);
  if (vm.memoryBytes !== 'auto') reserveUpTo(memory, vm);
  draft.guests.push({
    vm: vm.name,
    depot,
    addresses: Array.from({ length: buffers }, (_, i) => first.offsetBytes + i * strideBytes),
  });

  const vmm = draft.actorOn(vmmThread(draft, host, vm), vmmName(vm.name), [`vmm:${vm.name}`]);
  vmm.spec = { kind: 'vmm', config: { name: vmm.name, guestMemoryBytes: memory.bytes } };
  const planned = functions.map((nf, i) => planVcpu(draft, host, vm, i, { depot, strideBytes }, nf));
  const vcpus = planned.map(({ vcpu }) => vcpu);
  const sleepers = planned.flatMap(({ vcpu: { thread }, timer }, i): Sleeper[] =>
    keepsTime(functions[i]) ? [{ vm, deadline: timer, thread }] : [],
  );
  const nics = vm.nics.map((nic) => planGuestNic(draft, memory, control, nic, vcpus));
  vm.nics.forEach((nic, port) => {
    const { pci, activePairs, pairs } = nics[port];
    const workers = workersOf(domains, nic);
    connectVcpus({ host, vm, vmm, vcpus, workers, plan: nics[port], ref: refs[port] }, port);
    if (MODES[nic.mode].servedBy === 'vmm') return;
    const link: VmmNicLink = {
      name: nic.name,
      vhosts: pairs.map(({ mailbox }, pair) => {
        const { name, thread } = workers[pair];
        return { name, mailbox, doorbell: thread.doorbell };
      }),
      pci,
      vcpuDoorbell: vcpus[nic.vcpu].thread.doorbell,
      guestMemory: nic.queues === 1 ? null : memory.name,
      activePairs,
      allowed: allowedFeatures(nic),
      mac: macOctets(nic.mac),
      mtuBytes: nic.mtuBytes,
      queueSize: nic.queueSize,
      tapFd: port,
    };
    if (link.guestMemory !== null) vmm.thread.buffers.add(link.guestMemory);
    connect(vmm, VMM_PORTS.nic, link, { index: port });
  });
  return { spec: vm, vmm, vcpus, memoryBytes: memory.bytes, nics, sleepers };
}

interface NicParts {
  readonly host: HostDraft;
  readonly vm: VmSpec;
  readonly vmm: DraftActor;
  readonly vcpus: readonly DraftActor[];
  readonly workers: readonly DraftActor[];
  readonly plan: GuestNicPlan;
  /** Null for a vNIC that is not virtio. */
  readonly ref: GuestNicRef | null;
}

/** Gives every vCPU its driver of one vNIC. */
function connectVcpus({ host, vm, vmm, vcpus, workers, plan, ref }: NicParts, port: number): void {
  const nic = vm.nics[port];
  const { table } = host.spec.costs;
  const mac = parseMac(nic.mac);
  const station = { macHigh: mac.high, macLow: mac.low, address: parseCidr(nic.ip).address };
  // A device that the VMM serves itself answers its registers as well, on whatever thread it has.
  const served = MODES[nic.mode].servedBy === 'vmm';
  const vmmDoorbell = served ? workers[0].thread.doorbell : vmm.thread.doorbell;
  const exitNs = served ? table.userExit : table.kickExit;
  vcpus.forEach((vcpu, i) => {
    const owner = i === nic.vcpu;
    const identity = { owner, ...station, exitNs, vmmDoorbell };
    if (ref === null) {
      const { traps, ...device } = plan.emulated!;
      const vcpuDoorbells = vcpus.map(({ thread }) => thread.doorbell);
      const own = { ...device, trap: traps[i], vcpuDoorbells, qdiscFrames: nic.txQueueFrames };
      connect(vcpu, VCPU_PORTS.nic, { kind: 'e1000', ...identity, ...own }, { index: port });
      return;
    }
    const share = shareOf(nic, i, vcpus.length);
    const { kicks } = plan.pairs[share.pair];
    const backendDoorbell = workers[share.pair].thread.doorbell;
    const others = owner ? plan.pairs.map(({ receiver }) => receiver).filter((each) => each !== vcpu) : [];
    const peers = others.map(({ thread }) => thread.doorbell);
    const own = { nic: ref, published: ref.published, share, kicks, backendDoorbell, pci: plan.pci, peers };
    connect(vcpu, VCPU_PORTS.nic, { kind: 'virtio', ...identity, ...own }, { index: port });
  });
}

function planVcpu(
  draft: PlanDraft,
  host: HostDraft,
  vm: VmSpec,
  index: number,
  buffers: { readonly depot: Region; readonly strideBytes: number },
  nf: NetworkFunctionConfig,
): { vcpu: DraftActor; timer: Region } {
  const name = vcpuName(vm.name, index);
  const thread = draft.thread(name, 'vcpu', 'vcpu', host.seat, vm.name);
  const vcpu = draft.actorOn(thread, name, [`guest:${vm.name}`, `vmm:${vm.name}`]);
  const { table } = host.spec.costs;
  const counters = draft.count(vcpu, vcpuCounters(networkFunctionCounters(nf)));
  const timer = reserveTimerWord(draft.signals);
  vcpu.spec = {
    kind: 'vcpu',
    config: {
      name,
      counters,
      guestMemory: `guest:${vm.name}`,
      depot: buffers.depot,
      timer,
      frameBytesMax: buffers.strideBytes - NET_HEADER_BYTES,
      costs: {
        guestRxNs: table.guestRx,
        functionNs: table[FUNCTION_KINDS[nf.kind].cost],
        guestTxNs: table.guestTx,
        irqNs: table.guestIrq,
        hltNs: table.hlt,
      },
      nf,
    },
  };
  return { vcpu, timer };
}

function keepsTime(nf: NetworkFunctionConfig): boolean {
  return isOfKind(nf, 'keepsTime', 'declared') ? nf.keepsTime : isOfKind(nf, 'keepsTime', 'always');
}

/** The vhost workers of a vNIC, by queue pair. */
function workersOf(domains: readonly BridgeDomain[], nic: VnicSpec): readonly DraftActor[] {
  for (const { vnics, hardwareVnics } of domains) {
    const kernel = vnics.find((each) => each.nic === nic);
    if (kernel !== undefined) return kernel.pairs.map(({ backend }) => backend);
    const hardware = hardwareVnics.find((each) => each.nic === nic);
    if (hardware !== undefined) return hardware.vhosts;
  }
  throw new Error(`vNIC ${nic.name} is on no bridge`);
}

function reserveUpTo(memory: Arena, vm: VmSpec): void {
  const wanted = vm.memoryBytes as number;
  if (wanted < memory.bytes) {
    throw new Error(`${vm.name}: memory ${wanted} bytes, its queues and buffers need ${memory.bytes}`);
  }
  memory.reserve(wanted - memory.bytes);
}
