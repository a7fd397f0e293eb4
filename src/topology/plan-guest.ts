/** A virtual machine's part of the plan: its memory map, its vCPUs and its VMM. */
import { vcpuCounters } from '../../actors/guest-vcpu.ts';
import type { GuestVcpuNicLink } from '../../actors/guest-vcpu.ts';
import type { VmmNicLink } from '../../actors/vmm.ts';
import type { Arena, Region } from '../memory/arena.ts';
import { oddStrideBytes } from '../memory/frame-room.ts';
import { reserveDepot } from '../memory/magazine.ts';
import { reserveTimerWord } from '../memory/timer-word.ts';
import { parseCidr } from '../net/address.ts';
import { parseMac } from '../net/ethernet.ts';
import { networkFunctionCounters } from '../runtime/function-factory.ts';
import type { NetworkFunctionConfig } from '../runtime/function-factory.ts';
import { NET_HEADER_BYTES } from '../virtio/net-header.ts';
import type { BridgeDomain } from './build-plan.ts';
import type { DraftActor, PlanDraft } from './plan-draft.ts';
import { guestFrameRoomBytes } from './frame-lengths.ts';
import type { HostDraft } from './plan-host.ts';
import { allowedFeatures, buffersHeldAtOnce, planGuestNic, planNicMemory, shareOf } from './plan-guest-nic.ts';
import type { GuestNicPlan } from './plan-guest-nic.ts';
import { planFunctions } from './plan-nf.ts';
import type { VmSpec, VnicSpec } from './scenario.ts';
import { vcpuName, vmmName } from './thread-names.ts';

/** Buffers that may sit in the magazine of one vCPU. */
const MAGAZINE_BUFFERS = 512;
/** Address 0 is nobody's, so that a zero in a ring is an error. */
const FIRST_PAGE_BYTES = 4096;

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
  const strideBytes = oddStrideBytes(Math.max(...vm.nics.map(guestFrameRoomBytes)));
  const refs = vm.nics.map((nic) => planNicMemory(memory, nic, strideBytes));
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

  const vmmThread = draft.thread(vmmName(vm.name), 'vmm', 'vmm', host.seat, vm.name);
  const vmm = draft.actorOn(vmmThread, vmmName(vm.name), [`vmm:${vm.name}`]);
  vmm.spec = { kind: 'vmm', config: { name: vmm.name, guestMemoryBytes: memory.bytes } };
  const vcpus = Array.from({ length: vm.vcpus }, (_, i) =>
    planVcpu(draft, host, vm, i, { depot, strideBytes }, functions[i]),
  );
  const nics = vm.nics.map((nic) => planGuestNic(draft, control, nic, vcpus));
  const kickExitNs = host.spec.costs.table.kickExit;
  vm.nics.forEach((nic, port) => {
    const { pci, activePairs, pairs } = nics[port];
    const workers = workersOf(domains, nic);
    const mac = parseMac(nic.mac);
    const identity = { macHigh: mac.high, macLow: mac.low, address: parseCidr(nic.ip).address };
    vcpus.forEach((vcpu, i) => {
      const share = shareOf(nic, i, vcpus.length);
      const { kicks } = pairs[share.pair];
      const backendDoorbell = workers[share.pair].thread.doorbell;
      const owner = i === nic.vcpu;
      const others = owner ? pairs.map(({ receiver }) => receiver).filter((each) => each !== vcpu) : [];
      const peers = others.map(({ thread }) => thread.doorbell);
      const signals = { kicks, backendDoorbell, kickExitNs, pci, vmmDoorbell: vmmThread.doorbell, peers };
      const link: GuestVcpuNicLink = { nic: refs[port], share, owner, ...identity, ...signals };
      vcpu.attachments.push({ port, link });
    });
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
      mac: macBytes(nic.mac),
      mtuBytes: nic.mtuBytes,
      queueSize: nic.queueSize,
      tapFd: port,
    };
    if (link.guestMemory !== null) vmmThread.buffers.add(link.guestMemory);
    vmm.attachments.push({ port, link });
  });
  return { spec: vm, vmm, vcpus, memoryBytes: memory.bytes, nics };
}

function planVcpu(
  draft: PlanDraft,
  host: HostDraft,
  vm: VmSpec,
  index: number,
  buffers: { readonly depot: Region; readonly strideBytes: number },
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
      depot: buffers.depot,
      timer: reserveTimerWord(draft.signals),
      frameBytesMax: buffers.strideBytes - NET_HEADER_BYTES,
      costs: {
        guestRxNs: table.guestRx,
        functionNs: nf.kind === 'tcp-terminate' ? table.guestTcp : table.guestForward,
        guestTxNs: table.guestTx,
        irqNs: table.irq,
        hltNs: table.hlt,
      },
    },
    nf,
  };
  return vcpu;
}

/** The vhost workers of a vNIC, by queue pair. */
function workersOf(domains: readonly BridgeDomain[], nic: VnicSpec): readonly DraftActor[] {
  for (const { vnics, hardwareVnics } of domains) {
    const kernel = vnics.find((each) => each.nic === nic);
    if (kernel !== undefined) return kernel.pairs.map(({ vhost }) => vhost);
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

function macBytes(mac: string): number[] {
  return mac.split(':').map((octet) => parseInt(octet, 16));
}
