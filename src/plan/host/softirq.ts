/** The softirq CPUs of a host: which NICs each polls, which workers fill its backlog, and what it hands to another. */
import { SOFTIRQ_COUNTERS, SOFTIRQ_PORTS } from '../../../actors/host/softirq-links.ts';
import type { Region } from '../../memory/arena.ts';
import { reserveBacklogLength } from '../../kernel/backlog-length.ts';
import type { BridgeInputRef, SteeringRef } from '../../kernel/bridge-input.ts';
import type { RingRef } from '../../memory/id-ring.ts';
import type { Backlog, BridgeDomain, Crossing, HostDraft, PairKernel, Parts, VnicKernel } from '../parts.ts';
import { connect } from '../draft.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import { queueName } from '../../scenario/names.ts';

/**
 * Reserves the crossings of a host, for receive queues and vhost workers on another CPU than their bridge: its domains
 * are placed before.
 */
export function planCrossings(draft: PlanDraft, host: HostDraft, domains: readonly BridgeDomain[]): Crossing[] {
  return domains.flatMap(({ spec, bridge, ports, vnics }) => {
    const to = spec.cpu;
    const cross = (name: string, toBridge: RingRef, vm: string | null): Crossing => {
      const ring = draft.ring(host.arena, `${name}.to-cpu${to}`, host.spec.softirq.backlogFrames + 1, 'frames');
      return { to, ring, vm, toBridge, bridge };
    };
    return [
      ...ports.flatMap(({ spec: { name }, rxQueues }) =>
        rxQueues.flatMap(({ cpu, toBridge }, q) => (cpu === to ? [] : [cross(queueName(name, q), toBridge, null)])),
      ),
      ...vnics.flatMap(({ vm, nic, pairs }) =>
        pairs.flatMap(({ cpu, backlogToBridge }, pair) =>
          cpu === to ? [] : [cross(queueName(nic.tap.name, pair), backlogToBridge, vm.name)],
        ),
      ),
    ];
  });
}

/** Reserves the backlog of one CPU. All that feeds it comes before: domains and crossings. */
export function planBacklog(
  draft: PlanDraft,
  { domains, crossings }: Pick<Parts, 'domains' | 'crossings'>,
  cpu: number,
): Backlog {
  const rings = [
    ...domains.flatMap(({ vnics }) => pairsOn(vnics, cpu).map(({ backlog }) => backlog)),
    ...crossings.filter(({ to }) => to === cpu).map(({ ring }) => ring),
  ];
  const pending = draft.announce(rings.map((ring) => [ring]));
  return { pending, length: reserveBacklogLength(draft.signals) };
}

/** Queue pairs whose workers run on one CPU. */
function pairsOn(vnics: readonly VnicKernel[], cpu: number): PairKernel[] {
  return vnics.flatMap(({ pairs }) => pairs.filter((pair) => pair.cpu === cpu));
}

/**
 * Configures the softirq CPUs of a host and connects them to NICs, backlogs and bridges: all of the host is laid out
 * before.
 */
export function planSoftirqs(parts: Parts): void {
  parts.host.softirqs.forEach((softirq, cpu) => planSoftirq(parts, softirq, cpu));
}

function planSoftirq(parts: Parts, softirq: DraftActor, cpu: number): void {
  const { draft, host, slots, domains } = parts;
  const { costs, softirq: limits, tunReceive } = host.spec;
  const pool = parts.cpuPools[cpu];
  softirq.spec = {
    kind: 'softirq',
    config: {
      name: softirq.name,
      counters: draft.count(softirq, SOFTIRQ_COUNTERS),
      slots,
      pool,
      backlogPending: parts.backlogs[cpu].pending,
      backlogLength: parts.backlogs[cpu].length,
      weight: limits.weight,
      // netif_receive_skb in tun_get_user takes the frame on at once; there is no process_backlog to pay for.
      costs: {
        nicRxNs: costs.table.nicRx,
        backlogNs: tunReceive === 'direct' ? 0 : costs.table.backlog,
        irqNs: costs.table.irq,
      },
    },
  };
  for (const domain of domains) {
    for (const { spec, rxQueues, txDone, mask } of domain.ports) {
      rxQueues.forEach((queue, q) => {
        if (queue.cpu !== cpu) return;
        // The first queue's instance also cleans the transmit ring.
        const rings = { rxFree: queue.free, rxDone: queue.done, txDone: q === 0 ? txDone : null, rxRing: spec.rxRing };
        const onward = outputTo(parts, softirq, domain, queue.toBridge);
        const link = { ...rings, interrupt: queue.interrupt, mask, ...onward };
        connect(softirq, SOFTIRQ_PORTS.nic, link, { index: softirq.attachments.length });
      });
    }
    for (const vnic of domain.vnics) {
      for (const { backlog, backlogToBridge } of pairsOn([vnic], cpu)) {
        const onward = outputTo(parts, softirq, domain, backlogToBridge);
        const at = { index: softirq.attachments.length, vm: vnic.vm.name };
        connect(softirq, SOFTIRQ_PORTS.source, { from: backlog, ...onward }, at);
      }
    }
  }
  for (const { ring, vm, toBridge, bridge } of parts.crossings.filter(({ to }) => to === cpu)) {
    const bridgeDoorbell = doorbellOf(softirq, bridge);
    const link = { from: ring, toBridge, bridgeDoorbell, steering: null };
    connect(softirq, SOFTIRQ_PORTS.source, link, { index: softirq.attachments.length, vm });
  }
}

/** To the bridge itself, or to the backlog of the CPU that works on it. */
function outputTo(
  parts: Parts,
  softirq: DraftActor,
  { spec, bridge }: BridgeDomain,
  toBridge: RingRef,
): BridgeInputRef {
  const crossing = parts.crossings.find((each) => each.toBridge === toBridge);
  if (crossing === undefined) return { toBridge, bridgeDoorbell: doorbellOf(softirq, bridge), steering: null };
  const steering: SteeringRef = {
    line: parts.host.softirqs[spec.cpu].thread.doorbell,
    limitFrames: parts.host.spec.softirq.backlogFrames + 1,
    backlogLength: parts.backlogs[spec.cpu].length,
  };
  return { toBridge: crossing.ring, bridgeDoorbell: null, steering };
}

/** Rung where the bridge has a thread of its own. */
function doorbellOf(softirq: DraftActor, bridge: DraftActor): Region | null {
  return softirq.thread === bridge.thread ? null : bridge.thread.doorbell;
}
