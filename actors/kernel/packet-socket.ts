/**
 * A packet socket on the far end of a port's veth pair (AF_PACKET, net/packet/af_packet.c): what the generator puts on
 * the wire goes into this machine's own kernel by sendmmsg, and what the kernel sends out of the port comes to the sink
 * by recvmmsg. The hardware thread runs it; the next hop is the kernel's port (devices.ts).
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import type { DeviceCalls } from '../../src/memory/device-calls.ts';
import { EAGAIN, ENOBUFS } from '../../src/memory/device-calls.ts';
import { MessageHeaders } from '../../src/memory/message-headers.ts';
import type { WireRef } from '../../src/memory/wire-ring.ts';
import { WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, NOT_IN_VIRTUAL_TIME, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

export const SOCKET_COUNTERS = [
  { name: 'sent', role: 'event', meaning: 'frames that the generator gave to a packet socket (sendmmsg)' },
  { name: 'send_refused', role: 'event', meaning: 'those refused for another reason than a full backlog' },
  { name: 'send_calls', role: 'event', meaning: 'sendmmsg(2) calls' },
  { name: 'received', role: 'event', meaning: 'frames that came out of the port (recvmmsg)' },
  { name: 'receive_calls', role: 'event', meaning: 'recvmmsg(2) calls' },
] as const satisfies readonly CounterSpec[];
const {
  sent: SENT,
  send_refused: SEND_REFUSED,
  send_calls: SEND_CALLS,
  received: RECEIVED,
  receive_calls: RECEIVE_CALLS,
} = indexCounters(SOCKET_COUNTERS);

export const SOCKET_PORTS = portsOf('packet-socket', { wire: port<SocketWireLink>() });

export interface PacketSocketConfig {
  readonly name: string;
  readonly counters: Region;
  /** Name that the host opened the socket under. */
  readonly descriptor: string;
}

/** The wire of the port: `rx` comes from the generator, `tx` goes to the sink. */
export interface SocketWireLink {
  readonly rx: WireRef;
  readonly tx: WireRef;
}

export class PacketSocket implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly calls: DeviceCalls;
  private readonly socket: number;
  private rx: WireReceiver | null = null;
  private tx!: WireSender;
  private rxHeaders!: MessageHeaders;
  private txHeaders!: MessageHeaders;

  constructor(memory: Memory, config: PacketSocketConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    if (memory.devices === null) throw new Error(`${config.name} needs a kernel host`);
    this.calls = memory.devices;
    this.socket = this.calls.descriptor(config.descriptor);
  }

  attach({ link }: JointOf<typeof SOCKET_PORTS>): void {
    this.rx = new WireReceiver(this.memory, link.rx);
    this.tx = new WireSender(this.memory, link.tx);
    const firstFrame = (wire: WireReceiver | WireSender): number => wire.frameByte() - wire.cell() * wire.strideBytes;
    this.rxHeaders = new MessageHeaders(this.calls, this.rx, firstFrame(this.rx));
    this.txHeaders = new MessageHeaders(this.calls, this.tx, firstFrame(this.tx));
  }

  detach(_socket: SocketOf<typeof SOCKET_PORTS>): void {
    this.rx = null;
  }

  poll(budget: number, nowNs: number): number {
    const rx = this.rx;
    if (rx === null) return 0;
    return this.transmit(rx, budget) + this.receive(budget, nowNs);
  }

  /** Everything that waits on the wire into the kernel, as far as the socket's buffer goes: frames that found no room stay. */
  private transmit(rx: WireReceiver, budget: number): number {
    const waiting = Math.min(budget, rx.readable(budget));
    if (waiting === 0) return 0;
    const counts = this.counters.values;
    const first = rx.cell();
    // Headers stand in a row up to the last cell; what lies beyond it goes with the next call.
    const run = Math.min(waiting, rx.cells - first);
    for (let i = 0; i < run; i++) {
      this.rxHeaders.setLength(first + i, rx.frameBytes());
      rx.next();
    }
    let done = 0;
    let full = false;
    while (done < run && !full) {
      counts[SEND_CALLS]++;
      const went = this.calls.send(this.socket, this.rxHeaders.at(first + done), run - done);
      if (went > 0) {
        counts[SENT] += went;
        done += went;
      } else if (went === -EAGAIN) {
        full = true;
      } else {
        // ENOBUFS: the device's own answer to a frame that met a full backlog. Any other refusal is counted with it.
        counts[SENT]++;
        if (went !== -ENOBUFS) counts[SEND_REFUSED]++;
        done++;
      }
    }
    rx.back(run - done);
    rx.release();
    return done;
  }

  /** Whatever has come, as far as the sink's wire has room; it bears the time of this poll. */
  private receive(budget: number, nowNs: number): number {
    const { tx, txHeaders } = this;
    const counts = this.counters.values;
    const first = tx.cell();
    const room = Math.min(budget, tx.writable(budget), tx.cells - first);
    if (room === 0) return 0;
    counts[RECEIVE_CALLS]++;
    const came = this.calls.receive(this.socket, txHeaders.at(first), room);
    if (came <= 0) return 0;
    for (let i = 0; i < came; i++) tx.send(txHeaders.lengthOf(first + i), nowNs, 0);
    tx.publish();
    counts[RECEIVED] += came;
    return came;
  }

  /** Hardware never sleeps: nothing announces what the kernel has sent. */
  arm(): boolean {
    return this.rx === null || this.rx.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  census(_out: Census): void {}
}

export const PACKET_SOCKET = component({
  kind: 'packet-socket',
  place: 'nic',
  thread: 'hardware',
  drawn: { label: 'NIC ring', colour: 'sky' },
  lanes: {},
  counters: SOCKET_COUNTERS,
  ports: SOCKET_PORTS,
  measuredCost: NOT_IN_VIRTUAL_TIME,
  create: (memory, config: PacketSocketConfig) => new PacketSocket(memory, config),
});
