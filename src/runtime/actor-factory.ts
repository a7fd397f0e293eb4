import type { Actor } from '../../actors/actor.ts';
import { Bridge } from '../../actors/host/bridge.ts';
import { GuestTimer } from '../../actors/guest/timer.ts';
import { GuestVcpu } from '../../actors/guest/vcpu.ts';
import { Nic } from '../../actors/wire/nic/nic.ts';
import { E1000 } from '../../actors/vmm/e1000.ts';
import { QemuBackend } from '../../actors/vmm/qemu-backend.ts';
import { Softirq } from '../../actors/host/softirq.ts';
import { Tap } from '../../actors/host/tap.ts';
import { TrafficClient } from '../../actors/wire/client.ts';
import { TrafficGenerator } from '../../actors/wire/generator.ts';
import { TrafficSink } from '../../actors/wire/sink.ts';
import { VhostAccelerated } from '../../actors/host/vhost-accelerated.ts';
import { VhostControl } from '../../actors/host/vhost-control.ts';
import { VhostWorker } from '../../actors/host/vhost-worker.ts';
import { Vmm } from '../../actors/vmm/vmm.ts';
import type { Memory } from '../memory/arena.ts';
import { readCaptureFile } from '../net/capture/capture-file.ts';
import { GeneratedCheck } from '../net/traffic/generated-check.ts';
import { ReplayCheck } from '../net/capture/replay-check.ts';
import { ReplayTraffic } from '../net/capture/replay-traffic.ts';
import type { TrafficCheck } from '../net/traffic/traffic-check.ts';
import { TaggedCheck } from '../net/traffic/tagged-check.ts';
import { GeneratedTraffic, TaggedTraffic } from '../net/traffic/traffic-source.ts';
import { VLAN_NONE } from '../net/wire/vlan.ts';
import type { TrafficSource } from '../net/traffic/traffic-source.ts';
import { createNetworkFunction } from './function-factory.ts';
import type { ActorPlan, ActorSpec, CheckPlan, SourcePlan } from './plan.ts';

/** Builds an actor on the calling thread and connects its ports, but for those that lead to VMs that are not there. */
export function createActor(plan: ActorPlan, memory: Memory, absent: readonly string[] = []): Actor {
  const actor = construct(plan.spec, memory);
  for (const { port, link, vm } of plan.attachments) {
    if (vm === undefined || !absent.includes(vm)) actor.attach(port, link);
  }
  return actor;
}

function construct(spec: ActorSpec, memory: Memory): Actor {
  switch (spec.kind) {
    case 'generator':
      return new TrafficGenerator(
        memory,
        spec.config,
        spec.sources.map((source) => createSource(source, memory)),
      );
    case 'client':
      return new TrafficClient(memory, spec.config);
    case 'sink':
      return new TrafficSink(memory, spec.config, createCheck(spec.check, memory));
    case 'nic':
      return new Nic(memory, spec.config);
    case 'softirq':
      return new Softirq(memory, spec.config);
    case 'bridge':
      return new Bridge(memory, spec.config);
    case 'tap':
      return new Tap(memory, spec.config);
    case 'vhost':
      return new VhostWorker(memory, spec.config);
    case 'vhost-accelerated':
      return new VhostAccelerated(memory, spec.config);
    case 'vhost-control':
      return new VhostControl(memory, spec.config);
    case 'qemu':
      return new QemuBackend(memory, spec.config);
    case 'e1000':
      return new E1000(memory, spec.config);
    case 'vcpu':
      return new GuestVcpu(memory, spec.config, (context) => createNetworkFunction(memory, spec.nf, context));
    case 'guest-timer':
      return new GuestTimer(memory, spec.config);
    case 'vmm':
      return new Vmm(memory, spec.config);
  }
}

/** A capture is read here, on the thread that replays it. */
function createSource(plan: SourcePlan, memory: Memory): TrafficSource {
  const source =
    plan.kind === 'capture'
      ? new ReplayTraffic(memory, readCaptureFile(plan.path), plan.stream)
      : new GeneratedTraffic(plan.flows, plan.sizesBytes);
  return plan.vlan === VLAN_NONE ? source : new TaggedTraffic(source, plan.vlan);
}

function createCheck(plan: CheckPlan, memory: Memory): TrafficCheck {
  const check =
    plan.kind === 'capture'
      ? new ReplayCheck(memory, readCaptureFile(plan.path), plan.streams)
      : new GeneratedCheck(plan.streams);
  return plan.vlans.flat().every((vlan) => vlan === VLAN_NONE) ? check : new TaggedCheck(check, plan.vlans);
}
