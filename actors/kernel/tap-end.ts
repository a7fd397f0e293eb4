/**
 * In Linux: a station at the far end of the port's wire; here a tap in a namespace where real programs are.
 * In: what those programs send, one read(2) a frame; the wire, from the card. Out: the wire, to the card
 * (wire/nic/nic.ts); the tap, one write(2) a frame.
 * Thread: the hardware's. What the tap itself has counted is told by the end (devices.ts).
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import type { DeviceCalls } from '../../src/memory/device-calls.ts';
import type { WireRef } from '../../src/memory/wire-ring.ts';
import { WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';
import { wireBytes } from '../../src/net/wire/ethernet.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, NOT_IN_VIRTUAL_TIME, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import { CATCH_UP_NS } from '../wire/catch-up.ts';

export const TAP_END_COUNTERS = [
  { name: 'reads', role: 'event', meaning: 'frames of programs that read(2) took out of the tap of an end' },
  { name: 'dry_reads', role: 'event', meaning: 'read(2) calls that found none' },
  { name: 'writes', role: 'event', meaning: 'frames given to programs by write(2)' },
  { name: 'write_errors', role: 'event', meaning: 'those that the tap of the end refused' },
] as const satisfies readonly CounterSpec[];
const {
  reads: READS,
  dry_reads: DRY_READS,
  writes: WRITES,
  write_errors: WRITE_ERRORS,
} = indexCounters(TAP_END_COUNTERS);

export const TAP_END_PORTS = portsOf('tap-end', { wire: port<TapEndLink>() });

export interface TapEndConfig {
  readonly name: string;
  readonly counters: Region;
  /** Name that the host opened the tap under. */
  readonly descriptor: string;
  readonly speedBps: number;
}

/** The wire as the card sees it: `rx` goes to the card, `tx` comes from it. */
export interface TapEndLink {
  readonly rx: WireRef;
  readonly tx: WireRef;
}

/** Nobody announces what programs send, so it looks at every poll; it sends no faster than the wire is. */
export class TapEnd implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly calls: DeviceCalls;
  private readonly file: number;
  private readonly byteNs: number;
  private busyUntilNs = 0;
  private toCard: WireSender | null = null;
  private fromCard!: WireReceiver;
  private toCardAddress = 0;
  private fromCardAddress = 0;

  constructor(memory: Memory, config: TapEndConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    if (memory.devices === null) throw new Error(`${config.name} needs a host that opens its tap`);
    this.calls = memory.devices;
    this.file = this.calls.descriptor(config.descriptor);
    this.byteNs = 8e9 / config.speedBps;
  }

  attach({ link }: JointOf<typeof TAP_END_PORTS>): void {
    this.toCard = new WireSender(this.memory, link.rx);
    this.fromCard = new WireReceiver(this.memory, link.tx);
    this.toCardAddress = this.calls.addressOf(this.toCard.bytes);
    this.fromCardAddress = this.calls.addressOf(this.fromCard.bytes);
  }

  detach(_socket: SocketOf<typeof TAP_END_PORTS>): void {
    this.toCard = null;
  }

  poll(budget: number, nowNs: number): number {
    const { toCard } = this;
    if (toCard === null) return 0;
    return this.transmit(toCard, budget, nowNs) + this.receive(budget);
  }

  /** What programs have sent, as far as wire and line rate allow; the rest waits in the tap, and is lost there. */
  private transmit(wire: WireSender, budget: number, nowNs: number): number {
    const { calls, file, toCardAddress, byteNs } = this;
    const counts = this.counters.values;
    const room = Math.min(budget, wire.writable(budget));
    let busyUntil = Math.max(this.busyUntilNs, nowNs - CATCH_UP_NS);
    let sent = 0;
    for (; sent < room && busyUntil <= nowNs; sent++) {
      const length = calls.read(file, toCardAddress + wire.frameByte(), wire.frameBytesMax);
      if (length <= 0) {
        counts[DRY_READS]++;
        break;
      }
      busyUntil += wireBytes(length) * byteNs;
      wire.send(length, nowNs, 0);
    }
    this.busyUntilNs = busyUntil;
    if (sent === 0) return 0;
    wire.publish();
    counts[READS] += sent;
    return sent;
  }

  private receive(budget: number): number {
    const { fromCard, calls, file, fromCardAddress } = this;
    const arrived = Math.min(budget, fromCard.readable(budget));
    if (arrived === 0) return 0;
    const counts = this.counters.values;
    for (let i = 0; i < arrived; i++) {
      const at = fromCardAddress + fromCard.frameByte();
      if (calls.write(file, at, fromCard.frameBytes()) < 0) counts[WRITE_ERRORS]++;
      fromCard.next();
    }
    fromCard.release();
    counts[WRITES] += arrived;
    return arrived;
  }

  /** Hardware never sleeps. */
  arm(): boolean {
    return this.toCard === null || this.fromCard.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  census(_out: Census): void {}
}

export const TAP_END = component({
  kind: 'tap-end',
  place: 'end',
  thread: 'hardware',
  drawn: { label: 'end', colour: 'light grey' },
  lanes: {},
  counters: TAP_END_COUNTERS,
  ports: TAP_END_PORTS,
  measuredCost: NOT_IN_VIRTUAL_TIME,
  create: (memory, config: TapEndConfig) => new TapEnd(memory, config),
});
