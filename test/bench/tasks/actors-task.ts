/**
 * What each actor of a path costs by itself. All actors of a plan run on this thread and in the order of the path, a
 * batch at a time, first one way and then the other, so that each finds exactly the input its neighbours give it. Every
 * poll is timed by itself, less what reading the clock costs. All memory is warm in this core's cache: the price of
 * frames that come from another core's cache is the `limits` bench's business.
 */
import type { Actor } from '../../../actors/actor.ts';
import { Softirq } from '../../../actors/host/softirq.ts';
import {
  THROTTLE_CHANGES_WORD,
  THROTTLE_RATES_DOUBLE,
  THROTTLE_STREAM_DOUBLES,
} from '../../../actors/wire/generator.ts';
import { Memory } from '../../../src/memory/arena.ts';
import { fillDepot } from '../../../src/memory/magazine.ts';
import { createActor } from '../../../src/runtime/actor-factory.ts';
import type { ActorPlan, Plan } from '../../../src/runtime/plan.ts';
import type { ActorsTask, BenchReport } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const BATCH = 64;
/**
 * Virtual time from one batch to the next of the same direction; less than a sender may catch up, more than a batch
 * takes on the wire.
 */
const CYCLE_NS = 16_000;
const FRAMES_PER_SECOND = (BATCH * 1e9) / CYCLE_NS;
/** Enough for V8 to have optimised everything, and for the bridges to have learnt both sides. */
const WARM_UP_CYCLES = 3000;
/** Rounds in which nobody moves anything before set-up counts as done. */
const QUIET_ROUNDS = 200;
const SETUP_ROUNDS_MAX = 1_000_000;
const CLOCK_PAIRS = 20_000;
/** No poll of 64 frames takes as long, unless another thread takes the core meanwhile. */
const LOST_CORE_NS = 100_000;
/** More polls than any station needs for one batch. */
const POLLS_MAX = 8;

/** Not a place on the path, but on every thread of it. */
export const COUNTERS_LABEL = 'counters published';

/** A place on the path, as the table names it. */
class Station {
  readonly label: string;
  readonly actor: Actor;
  /** Transmit completions: no frame moves, and yet each frame costs. */
  readonly cleans: boolean;

  constructor(label: string, actor: Actor, cleans = false) {
    this.label = label;
    this.actor = actor;
    this.cleans = cleans;
  }
}

/** Sums of one label. */
class Account {
  busyNs = 0;
  busyPolls = 0;
  idleNs = 0;
  idlePolls = 0;
  /** Frames of the path that passed here. */
  frames = 0;
  /** What the polls said they moved: some move empty buffers too. */
  moved = 0;
  /** Polls in which the thread lost its core: they say nothing. */
  lostPolls = 0;
}

export function measureActors({ plan, cycles }: ActorsTask, watch: Stopwatch): BenchReport {
  const lab = new ActorLab(plan);
  lab.setUp();
  lab.run(WARM_UP_CYCLES);
  lab.accounts.clear();
  watch.beginAlone();
  lab.run(cycles);
  return watch.end(lab.finish());
}

class ActorLab {
  readonly accounts = new Map<string, Account>();
  private readonly plan: Plan;
  private readonly memory: Memory;
  private readonly actors = new Map<string, Actor>();
  private readonly ways: Station[][];
  private readonly clockNs = clockCostNs();
  private nowNs = 1e9;

  constructor(plan: Plan) {
    this.plan = plan;
    this.memory = new Memory(
      'actors bench',
      plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)] as const),
    );
    for (const { depot, addresses } of plan.guests) fillDepot(this.memory, depot, addresses);
    for (const thread of plan.threads) {
      for (const actor of thread.actors) this.actors.set(actor.name, createActor(actor, this.memory));
    }
    this.ways = [this.way('0', '1'), this.way('1', '0')];
  }

  /** The stations from port `eth<from>` to port `eth<to>` of the talk's test bed. */
  private way(from: string, to: string): Station[] {
    const station = (label: string, name: string, cleans = false): Station => {
      const actor = this.actors.get(name);
      if (actor === undefined) throw new Error(`no actor ${name} in this plan`);
      return new Station(label, actor, cleans);
    };
    const intoWire = [station('generator', `generator-eth${from}`), station('nic rx', `eth${from}`)];
    const nicTx = station('nic tx', `eth${to}`);
    const sink = station('sink', `sink-eth${to}`);
    const vcpu = station('vcpu ip-forward', `vm0/vcpu${from}`);
    const { spec } = this.planOf(`vhost-vnic${from}`);
    if (spec.kind === 'vhost-control') return [...intoWire, vcpu, nicTx, sink];
    const vhostRx = station('vhost rx', `vhost-vnic${from}`);
    const vhostTx = station('vhost tx', `vhost-vnic${to}`);
    if (spec.kind === 'vhost-accelerated') return [...intoWire, vhostRx, vcpu, vhostTx, nicTx, sink];
    return [
      ...intoWire,
      station('softirq napi', 'softirq0'),
      station('bridge', `br${from}`),
      station('tap', `tap${from}`),
      vhostRx,
      vcpu,
      vhostTx,
      station('softirq backlog', 'softirq0'),
      station('bridge', `br${to}`),
      nicTx,
      station('softirq tx clean', 'softirq0', true),
      sink,
    ];
  }

  private planOf(actor: string): ActorPlan {
    return this.plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === actor)!;
  }

  /** Lets VMM, vhost and guest driver bring the vNICs up; then opens the throttle. */
  setUp(): void {
    for (let round = 0, quiet = 0; quiet < QUIET_ROUNDS; round++) {
      if (round > SETUP_ROUNDS_MAX) throw new Error('the guest did not come up');
      this.nowNs += 1000;
      let moved = 0;
      for (const actor of this.actors.values()) moved += actor.poll(BATCH, this.nowNs);
      quiet = moved === 0 ? quiet + 1 : 0;
    }
    this.setRates(FRAMES_PER_SECOND);
    for (const actor of this.actors.values()) actor.poll(BATCH, this.nowNs);
  }

  private setRates(framesPerSecond: number): void {
    for (const { name, throttle } of this.plan.ports) {
      const rates = this.memory.doubles(throttle);
      for (const { from, index } of this.plan.streams) {
        if (from === name) rates[THROTTLE_RATES_DOUBLE + THROTTLE_STREAM_DOUBLES * index] = framesPerSecond;
      }
      Atomics.add(this.memory.words(throttle), THROTTLE_CHANGES_WORD, 1);
    }
  }

  run(cycles: number): void {
    for (let cycle = 0; cycle < cycles; cycle++) {
      for (let way = 0; way < this.ways.length; way++) {
        this.nowNs += CYCLE_NS / this.ways.length;
        const stations = this.ways[way];
        for (let s = 0; s < stations.length; s++) this.visit(stations[s]);
        this.commit(stations);
      }
    }
  }

  private accountOf(label: string): Account {
    let account = this.accounts.get(label);
    if (account === undefined) this.accounts.set(label, (account = new Account()));
    return account;
  }

  /** Every actor publishes its counters, as after each poll of a batch on its own thread. */
  private commit(stations: readonly Station[]): void {
    const account = this.accountOf(COUNTERS_LABEL);
    const before = performance.now();
    for (let s = 0; s < stations.length; s++) stations[s].actor.commit();
    const ns = (performance.now() - before) * 1e6 - this.clockNs;
    if (ns > LOST_CORE_NS) return;
    account.busyNs += ns;
    account.busyPolls++;
    account.moved += BATCH;
    account.frames += BATCH;
  }

  /** Polls one station until it has nothing left. */
  private visit({ label, actor, cleans }: Station): void {
    const account = this.accountOf(label);
    account.frames += BATCH;
    for (let poll = 0; poll < POLLS_MAX; poll++) {
      const before = performance.now();
      const moved = actor.poll(BATCH, this.nowNs);
      const ns = (performance.now() - before) * 1e6 - this.clockNs;
      if (ns > LOST_CORE_NS) {
        account.lostPolls++;
        account.frames -= Math.min(moved, BATCH);
        if (moved === 0) return;
      } else if (moved > 0 || (cleans && poll === 0)) {
        account.busyNs += ns;
        account.busyPolls++;
        account.moved += cleans ? BATCH : moved;
      } else {
        account.idleNs += ns;
        account.idlePolls++;
        // A softirq poll serves one instance of its list, and that one may have nothing while the next one has.
        if (!(actor instanceof Softirq) || actor.arm()) return;
      }
    }
  }

  /** Drains the path, checks that every frame arrived whole, and returns the figures by label. */
  finish(): Record<string, number> {
    this.setRates(0);
    for (let round = 0; round < QUIET_ROUNDS; round++) {
      this.nowNs += CYCLE_NS;
      for (const actor of this.actors.values()) actor.poll(BATCH, this.nowNs);
    }
    for (const actor of this.actors.values()) actor.commit();
    const sent = this.sum('generator', 'tx_packets');
    const intact = this.plan.streams.reduce((sum, stream) => sum + this.sum('sink', `rx_${stream.name}`), 0);
    if (sent !== intact) throw new Error(`${sent} frames sent, ${intact} arrived intact; ${this.drops()}`);
    const values: Record<string, number> = {};
    for (const [label, { busyNs, busyPolls, idleNs, idlePolls, frames, moved, lostPolls }] of this.accounts) {
      const pollNs = idlePolls === 0 ? 0 : idleNs / idlePolls;
      if (moved === 0) throw new Error(`${label}: every poll lost its core (${lostPolls}), or moved nothing`);
      values[`${label}|batch`] = busyNs / frames;
      values[`${label}|poll`] = pollNs;
      values[`${label}|frame`] = (busyNs - busyPolls * pollNs) / moved;
    }
    return values;
  }

  /** Every drop counter that is not zero. */
  private drops(): string {
    const drops: string[] = [];
    for (const { actors } of this.plan.threads) {
      for (const { name, counters, counterRegion } of actors) {
        for (const [i, counter] of counters.entries()) {
          const count = counter.role === 'drop' ? this.memory.doubles(counterRegion!)[i] : 0;
          if (count > 0) drops.push(`${name} ${counter.name} ${count}`);
        }
      }
    }
    return drops.join(', ');
  }

  /** One counter over all actors of a kind. */
  private sum(kind: string, counter: string): number {
    let sum = 0;
    for (const { actors } of this.plan.threads) {
      for (const { spec, counters, counterRegion } of actors) {
        const index = counters.findIndex(({ name }) => name === counter);
        if (spec.kind === kind && index >= 0) sum += this.memory.doubles(counterRegion!)[index];
      }
    }
    return sum;
  }
}

/** What a pair of clock readings shows when nothing lies between them, ns. */
function clockCostNs(): number {
  const pairsNs = new Float64Array(CLOCK_PAIRS);
  for (let pair = 0; pair < CLOCK_PAIRS; pair++) {
    const before = performance.now();
    pairsNs[pair] = (performance.now() - before) * 1e6;
  }
  return pairsNs.sort()[CLOCK_PAIRS >> 1];
}
