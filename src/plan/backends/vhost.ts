/** vNICs that workers of vhost serve in the host's kernel, behind a tap. */
import { TAP_PORTS } from '../../../actors/host/tap.ts';
import type { TapConfig, TapReaderLink } from '../../../actors/host/tap.ts';
import { VHOST_COUNTERS, VHOST_PORTS } from '../../../actors/host/vhost-links.ts';
import type { VhostGuestLink, VhostTapLink } from '../../../actors/host/vhost-links.ts';
import { reserveDoorbell } from '../../memory/doorbell.ts';
import { queueName } from '../../scenario/names.ts';
import type { VnicSpec } from '../../scenario/scenario.ts';
import { connect } from '../draft.ts';
import { guestNicOf } from '../parts.ts';
import type { HardwareVnic, PairKernel, Parts, VnicKernel } from '../parts.ts';
import type { TapBackend } from './backend.ts';

/** vhost workers: one for each queue pair, on the CPU that the scenario gives it. */
export const VHOST_WORKERS: TapBackend = {
  place(draft, { arena, seats }, vm, name, cpu) {
    const thread = draft.thread(name, 'vhost', 'vhost', seats[cpu], vm.name);
    return draft.actorOn(thread, name, [arena.name, `guest:${vm.name}`, `vmm:${vm.name}`]);
  },
  connect(parts, vnic, steering) {
    connectWorkers(parts, vnic, steering);
    return [];
  },
};

function connectWorkers(parts: Parts, vnic: VnicKernel, steering: TapConfig['steering']): void {
  const { tap, nic, pairs } = vnic;
  const { host, draft } = parts;
  pairs.forEach((pair, index) => {
    const queue = draft.ring(host.arena, queueName(`${tap.name}.queue`, index), nic.tap.queueFrames, 'frames');
    const event = reserveDoorbell(draft.signals);
    const { backend: vhost, feedback } = pair;
    const reader: TapReaderLink = { queue, event, doorbell: vhost.thread.doorbell, feedback };
    connect(tap, TAP_PORTS.reader, reader, { index, vm: vnic.vm.name });
    configureVhost(parts, nic, pair);
    const flows = steering === null ? null : { table: steering.flows, queue: index };
    const tapLink: VhostTapLink = {
      queue,
      event,
      flows,
      feedback,
      backlog: pair.backlog,
      backlogLength: parts.backlogs[pair.cpu].length,
      softirqLine: host.softirqs[pair.cpu].thread.doorbell,
    };
    connect(vhost, VHOST_PORTS.tap, tapLink);
    connect(vhost, VHOST_PORTS.guest, guestLinkOf(parts, vnic, index));
  });
}

function configureVhost(parts: Parts, nic: VnicSpec, { backend: vhost, pool, poolHome }: PairKernel): void {
  const { host, draft, slots } = parts;
  const { table } = host.spec.costs;
  vhost.spec = {
    kind: 'vhost',
    config: {
      name: vhost.name,
      counters: draft.count(vhost, VHOST_COUNTERS),
      slots,
      pool,
      poolHome,
      byteWeight: nic.vhost.byteWeight,
      packetWeight: nic.vhost.packetWeight === 'none' ? Infinity : nic.vhost.packetWeight,
      batch: nic.vhost.batch,
      busyLoopNs: nic.vhost.busyLoopNs,
      backlogFrames: host.spec.softirq.backlogFrames,
      costs: {
        vhostRxNs: table.vhostRx,
        vhostTxNs: table.vhostTx,
        callInjectNs: table.callInject,
        wakeupNs: table.wakeup,
      },
    },
  };
}

/** The guest's side of one queue pair, for the worker that serves it. */
export function guestLinkOf(
  parts: Parts,
  { vm, nic }: Pick<VnicKernel | HardwareVnic, 'vm' | 'nic'>,
  pair: number,
): VhostGuestLink {
  const { guest, plan } = guestNicOf(parts, { vm, nic });
  const { mailbox, kicks, receiver, senders } = plan.pairs[pair];
  return {
    guestMemory: `guest:${vm.name}`,
    mailbox,
    kicks,
    callDoorbells: [[receiver.thread.doorbell], senders.map(({ thread }) => thread.doorbell)],
    vmmDoorbell: guest.vmm.thread.doorbell,
  };
}
