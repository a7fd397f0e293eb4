/** A function that keeps time: the vCPU's deadline, the timer that wakes it for it, and the frames it sends then. */
import { describe, expect, test } from 'vitest';
import { GUEST_TIMER_PORTS } from '../../../actors/guest/timer.ts';
import type { GuestTimer } from '../../../actors/guest/timer.ts';
import { VCPU_PORTS } from '../../../actors/guest/vcpu-links.ts';
import { Doorbell } from '../../../src/memory/doorbell.ts';
import { TimerWord } from '../../../src/kernel/timer-word.ts';
import { parseIpv4 } from '../../../src/net/wire/address.ts';
import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import { IPV4_HEADER_MIN_BYTES } from '../../../src/net/wire/ipv4.ts';
import { TCP_ACK, TCP_SYN, tcpFlags } from '../../../src/net/tcp/tcp.ts';
import { NET_HEADER_BYTES } from '../../../src/virtio/net/net-header.ts';
import { ActorBed } from '../../support/actor-bed.ts';
import { GuestBed } from '../../support/guest-bed.ts';
import { TcpEnd } from '../../support/tcp-bed.ts';

const MS = 1e6;
const TERMINATING = ['vms.vm0.nf.kind=tcp-terminate', 'vms.vm0.nf.listenPort=443'];

describe('the timer', () => {
  const bench = () => {
    const bed = new ActorBed(TERMINATING);
    const timer = bed.create<GuestTimer>('vm0/timer');
    const { deadline, doorbell } = bed.link('vm0/timer', GUEST_TIMER_PORTS.sleeper, 1);
    return { bed, timer, word: new TimerWord(bed.memory, deadline), bell: new Doorbell(bed.memory, doorbell) };
  };

  test('wakes a vCPU that sleeps past its deadline, rounded up to a tick of 2^14 ns, and no other', () => {
    const { bed, timer, word, bell } = bench();
    word.arm(5.2 * MS);
    bell.park();
    timer.poll(64, 318 * 2 ** 14 - 1);
    expect(bell.parked).toBe(true);
    timer.poll(64, 318 * 2 ** 14);
    expect(bell.parked).toBe(false);
    expect(bed.counts(timer)).toEqual({ timer_interrupts: 1 });
  });

  test('wakes it again while the deadline stands, and not when it was taken back', () => {
    const { bed, timer, word, bell } = bench();
    word.arm(1 * MS);
    for (let i = 0; i < 2; i++) {
      bell.park();
      timer.poll(64, 2 * MS);
      expect(bell.parked).toBe(false);
    }
    word.arm(Infinity);
    bell.park();
    timer.poll(64, 1e12);
    expect(bell.parked).toBe(true);
    expect(bed.counts(timer)).toEqual({ timer_interrupts: 2 });
  });

  test('is there only for a function that keeps time', () => {
    expect(() => new ActorBed().planOf('vm0/timer')).toThrow('no actor vm0/timer');
  });
});

describe('the vCPU', () => {
  /** A SYN for the function at vNIC 0. */
  const syn = (g: GuestBed): Uint8Array => {
    const { macHigh, macLow, address } = g.bed.link('vm0/vcpu0', VCPU_PORTS.nic);
    const frames: Uint8Array[] = [];
    const client = new TcpEnd({ macs: [{ macHigh: 0x0200, macLow: 9 }] }, (frame) => frames.push(frame));
    const neighbour = { macHigh, macLow, networkPort: 0 };
    client.endpoint.connect(parseIpv4('198.18.0.10'), 5000, address, 443, neighbour, 0);
    return frames[0];
  };
  const flagsOf = (frame: Uint8Array): number =>
    tcpFlags(frame, NET_HEADER_BYTES + ETH_HEADER_BYTES + IPV4_HEADER_MIN_BYTES);

  test('a consumed frame is no loss, and what the function sends begins here', () => {
    const g = new GuestBed(TERMINATING).bringUp();
    g.deliver(0, [syn(g)]);
    g.vcpus[0].poll(64, 0);
    const { frames } = g.collect(0);
    expect(frames.map(flagsOf)).toEqual([TCP_SYN | TCP_ACK]);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, nf_consumed: 1, nf_frames: 1, tx_packets: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('the function is called when its deadline has come, without a frame', () => {
    const g = new GuestBed(TERMINATING).bringUp();
    g.deliver(0, [syn(g)]);
    g.vcpus[0].poll(64, 0);
    g.collect(0);
    g.vcpus[0].arm();
    const { deadline } = g.bed.link('vm0/timer', GUEST_TIMER_PORTS.sleeper, 0);
    const word = new TimerWord(g.bed.memory, deadline);
    expect([word.due(999.9 * MS), word.due(1000.1 * MS)]).toEqual([false, true]);
    expect(g.vcpus[0].poll(64, 1000 * MS)).toBe(0);
    expect(g.collect(0).frames.map(flagsOf)).toEqual([TCP_SYN | TCP_ACK]);
    expect(g.counts(0)).toMatchObject({ nf_frames: 2, tcp_retransmissions: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });
});
