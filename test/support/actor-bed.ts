/**
 * One actor alone on a real plan: the bed lays out a scenario's memory, builds the actor under test as a host would,
 * and lets the test play its neighbours at the other ends of the actor's rings.
 */
import type { Actor, Census } from '../../actors/actor.ts';
import type { Port } from '../../actors/component.ts';
import type { E1000NicLink } from '../../actors/guest/drivers/e1000.ts';
import type { VirtioNicLink } from '../../actors/guest/drivers/virtio-net.ts';
import { VCPU_PORTS } from '../../actors/guest/vcpu-links.ts';
import { NIC_PORTS } from '../../actors/wire/nic/nic-links.ts';
import type { NicWireLink } from '../../actors/wire/nic/nic-links.ts';
import { Memory } from '../../src/memory/arena.ts';
import type { Region } from '../../src/memory/arena.ts';
import { returnedIds, SLAB_SHIFT, SLOT_LENGTH_WORD, SlotMemory } from '../../src/memory/frame-pool.ts';
import type { PoolRef } from '../../src/memory/frame-pool.ts';
import { IdRingConsumer, ringIds } from '../../src/memory/id-ring.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { fillDepot } from '../../src/memory/magazine.ts';
import { createActor } from '../../src/runtime/actor-factory.ts';
import { jointsAt } from '../../src/runtime/plan.ts';
import type { ActorPlan, Plan } from '../../src/runtime/plan.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { parseScenario } from '../../src/plan/load-scenario.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** Two ports, two bridges, one guest with two vCPUs and two vNICs, and no declared costs. */
const TEST_BED = `
name: actor-bed
seed: 1
host: { kernel: linux-3.13, hz: 250, costs: none }
ports:
  - { name: eth0, speed: 1Gbps }
  - { name: eth1, speed: 1Gbps }
bridges:
  - { name: br0, ports: [eth0, tap0] }
  - { name: br1, ports: [eth1, tap1] }
vms:
  - name: vm0
    vcpus: 2
    nics:
      - { name: vnic0, mode: vhost, tap: { name: tap0 } }
      - { name: vnic1, mode: vhost, tap: { name: tap1 } }
    nf: { kind: ip-forward }
traffic:
  frameSize: 64
  flows: 4
  streams:
    - { from: eth0, to: eth1 }
    - { from: eth1, to: eth0 }
run:
  phases:
    - { name: only, rate: 100%, duration: 1s }
`;

type Config = Record<string, unknown>;

export class ActorBed {
  readonly scenario: Scenario;
  readonly plan: Plan;
  readonly memory: Memory;

  /** @param overrides as on the command line: `host.softirq.weight=8`. */
  constructor(overrides: readonly string[] = [], text = TEST_BED) {
    this.scenario = parseScenario(text, 'actor-bed.yaml', { overrides });
    this.plan = buildPlan(this.scenario);
    const buffers = this.plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)] as const);
    this.memory = new Memory('the test', buffers);
    for (const { depot, addresses } of this.plan.guests) fillDepot(this.memory, depot, addresses);
  }

  planOf(name: string): ActorPlan {
    const found = this.plan.threads.flatMap(({ actors }) => actors).find((actor) => actor.name === name);
    if (found === undefined) throw new Error(`no actor ${name}`);
    return found;
  }

  /** Builds an actor with all its ports connected; `config` replaces parts of its configuration. */
  create<A extends Actor>(name: string, config: Config = {}): A {
    return createActor(this.configured(name, config), this.memory) as A;
  }

  private configured(name: string, config: Config): ActorPlan {
    const plan = this.planOf(name);
    const spec = { ...plan.spec, config: { ...plan.spec.config, ...config } };
    return { ...plan, spec: spec as unknown as ActorPlan['spec'] };
  }

  config<C>(name: string): C {
    return this.planOf(name).spec.config as C;
  }

  link<Link extends object>(name: string, port: Port<string, Link>, index = 0): Link {
    return jointsAt(this.planOf(name), port).find((joint) => joint.index === index)!.link;
  }

  /** What a vCPU's driver of a virtio-net device is given. */
  virtioLink(vcpu: string, nic: number): VirtioNicLink {
    const link = this.link(vcpu, VCPU_PORTS.nic, nic);
    if (link.kind !== 'virtio') throw new Error(`${vcpu} has no virtio-net device at ${nic}`);
    return link;
  }

  /** What a vCPU's driver of an e1000 is given. */
  e1000Link(vcpu: string, nic: number): E1000NicLink {
    const link = this.link(vcpu, VCPU_PORTS.nic, nic);
    if (link.kind !== 'e1000') throw new Error(`${vcpu} has no e1000 at ${nic}`);
    return link;
  }

  /** An actor's committed counters by name; zeros left out. */
  counts(actor: Actor): Record<string, number> {
    actor.commit();
    const { counters, counterRegion } = this.planOf(actor.name);
    const values = this.memory.doubles(counterRegion!);
    return Object.fromEntries(counters.map(({ name }, i) => [name, values[i]] as const).filter(([, n]) => n !== 0));
  }

  /** in - out - drops + copies: what the actor holds between its rings. */
  held(actor: Actor): number {
    actor.commit();
    const { counters, counterRegion } = this.planOf(actor.name);
    const values = this.memory.doubles(counterRegion!);
    const sign = { in: 1, clone: 1, out: -1, drop: -1, consume: -1, event: 0 };
    return counters.reduce((sum, { role }, i) => sum + sign[role] * values[i], 0);
  }

  slots(): SlotMemory {
    const { slots } = this.link('eth0', NIC_PORTS.host);
    return new SlotMemory(this.memory, slots);
  }

  /** Writes a frame into a slot. */
  fill(id: number, frame: Uint8Array): number {
    const slots = this.slots();
    slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD] = frame.length;
    slots.bytes.set(frame, slots.byteOf(id));
    return id;
  }

  frameIn(id: number): Uint8Array {
    const slots = this.slots();
    const at = slots.byteOf(id);
    return slots.bytes.slice(at, at + slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD]);
  }

  /** Everything ready in a ring, taken. */
  take(ring: RingRef): number[] {
    const consumer = new IdRingConsumer(this.memory, ring);
    const ids = Array.from({ length: consumer.readable(1) }, () => consumer.take());
    consumer.release();
    return ids;
  }

  ids(ring: RingRef): number[] {
    return ringIds(this.memory, ring);
  }

  /** What was handed back to a pool. */
  returned(pool: number): number[] {
    const [slots] = this.plan.slotMemories;
    return returnedIds(this.memory, slots).filter((id) => slots.poolOfSlab[id >> SLAB_SHIFT] === pool);
  }

  census(actor: Actor): Census {
    const out: Census = { slots: [], frames: 0, guestBuffers: [] };
    actor.census(out);
    return out;
  }

  word(region: Region, index = 0): Int32Array {
    return this.memory.words(region).slice(index);
  }

  get wires(): { in: NicWireLink['rx']; out: NicWireLink['tx'] } {
    const { rx, tx } = this.link('eth0', NIC_PORTS.wire);
    return { in: rx, out: tx };
  }
}

export function sorted(numbers: Iterable<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** The ids of a pool. */
export function poolIds({ firstId, slots }: PoolRef): number[] {
  return Array.from({ length: slots }, (_, i) => firstId + i);
}

/** A minimal Ethernet frame: addresses, type and a length. */
export function ethernet(dst: string, src: string, bytes = 60): Uint8Array {
  const frame = new Uint8Array(bytes);
  const octets = (mac: string) => mac.split(':').map((octet) => parseInt(octet, 16));
  frame.set(octets(dst), 0);
  frame.set(octets(src), 6);
  frame.set([0x08, 0x00], 12);
  return frame;
}
