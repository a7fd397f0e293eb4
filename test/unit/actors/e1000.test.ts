/** The emulated e1000 and the guest's driver, each with the real other one, register access by register access. */
import { describe, expect, test } from 'vitest';
import type { E1000, E1000Config } from '../../../actors/vmm/e1000.ts';
import { E1000_PORTS } from '../../../actors/vmm/e1000.ts';
import type { GuestVcpu } from '../../../actors/guest/vcpu.ts';
import type { TapFileLink } from '../../../actors/vmm/tap-file.ts';
import * as regs from '../../../src/e1000/registers.ts';
import { depotEntries } from '../../../src/memory/magazine.ts';
import { IdRingProducer } from '../../../src/memory/id-ring.ts';
import { TimerWord } from '../../../src/kernel/timer-word.ts';
import { buildFrame } from '../../../src/net/traffic/frame-template.ts';
import { PciTrapGuest, PciTrapHost } from '../../../src/virtio/pci/pci-trap.ts';
import { ActorBed, ethernet, sorted } from '../../support/actor-bed.ts';

const EMULATED = [0, 1].map((nic) => `vms.vm0.nics.vnic${nic}.mode=emulated`);

const TURN_NS = 2000;
/** 4,000 interrupts a second are the fewest. */
const HELD_BACK_NS = 250e3;

/** Both devices, both vCPUs; `accesses` holds every register access made to vNIC 0 by vCPU 0, when it is watched. */
class E1000Bed {
  readonly bed: ActorBed;
  readonly devices: readonly E1000[];
  readonly vcpus: readonly GuestVcpu[];
  readonly taps: readonly TapFileLink[];
  private readonly queues: readonly IdRingProducer[];
  nowNs = 0;
  private nextSlot = 0;

  constructor(overrides: readonly string[] = [], config: Partial<E1000Config> = {}) {
    this.bed = new ActorBed([...EMULATED, ...overrides]);
    const { bed } = this;
    this.devices = [0, 1].map((nic) => bed.create<E1000>(`e1000-vnic${nic}`, { ...config }));
    this.vcpus = [0, 1].map((i) => bed.create<GuestVcpu>(`vm0/vcpu${i}`));
    this.taps = [0, 1].map((nic) => bed.link(`e1000-vnic${nic}`, E1000_PORTS.tap));
    this.queues = this.taps.map(({ queue }) => new IdRingProducer(bed.memory, queue));
  }

  /** Everybody takes a turn, and time passes, until all could have slept for longer than an interrupt may be held back. */
  settle(): this {
    const actors = [...this.devices, ...this.vcpus];
    let quietNs = 0;
    for (let turn = 0; turn < 20_000; turn++) {
      const moved = actors.reduce((sum, actor) => sum + actor.poll(64, this.nowNs), 0);
      quietNs = moved === 0 && actors.every((actor) => actor.arm()) ? quietNs + TURN_NS : 0;
      if (quietNs > HELD_BACK_NS) return this;
      this.nowNs += TURN_NS;
    }
    throw new Error('it never comes to rest');
  }

  /** A frame that the guest forwards from `vnic` out of the other one. */
  frame(vnic: number, seq = 0): Uint8Array {
    const { spec } = this.bed.planOf(`generator-eth${vnic}`);
    if (spec.kind !== 'generator' || spec.config.sources[0].kind !== 'generated')
      throw new Error('generated traffic only');
    return buildFrame(spec.config.sources[0].flows, 64, seq, 0);
  }

  arrive(vnic: number, frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.queues[vnic].put(this.bed.fill(this.nextSlot++, frame));
    this.queues[vnic].publish();
  }

  sent(vnic: number): Uint8Array[] {
    return this.bed.take(this.taps[vnic].backlog).map((id) => this.bed.frameIn(id));
  }

  /** Every guest buffer is in exactly one place. */
  get buffersFound(): boolean {
    const [{ depot, addresses }] = this.bed.plan.guests;
    const held = this.vcpus.flatMap((vcpu) => this.bed.census(vcpu).guestBuffers);
    const found = sorted([...depotEntries(this.bed.memory, depot), ...held]);
    return JSON.stringify(found) === JSON.stringify(sorted(addresses));
  }

  counts(actor: E1000 | GuestVcpu): Record<string, number> {
    return this.bed.counts(actor);
  }
}

/** Answers vCPU 0's accesses to vNIC 0 from the device as it is polled, and names them. */
function watch(b: E1000Bed): string[] {
  const { traps } = b.bed.link('e1000-vnic0', E1000_PORTS.guest);
  const trap = new PciTrapHost(b.bed.memory.words(traps[0]), 0);
  const words = b.bed.memory.words(traps[0]);
  const seen: string[] = [];
  const poll = b.devices[0].poll.bind(b.devices[0]);
  b.devices[0].poll = (budget, nowNs) => {
    if (trap.requested) seen.push(`${words[1] === 1 ? 'write' : 'read'} ${regs.registerName(words[2])}`);
    return poll(budget, nowNs);
  };
  return seen;
}

test('both vNICs come up, announce themselves, and leave the rings full and interrupts on', () => {
  const b = new E1000Bed().settle();
  expect(b.sent(0)).toHaveLength(1);
  expect(b.sent(1)).toHaveLength(1);
  const { rx } = b.bed.e1000Link('vm0/vcpu0', 0);
  expect(b.bed.word(rx.buffers).filter((addr) => addr >= 0)).toHaveLength(255);
  expect(b.buffersFound).toBe(true);
});

describe('one frame in', () => {
  test('takes the register accesses of e1000_intr, e1000_clean and e1000_irq_enable, in their order', () => {
    const b = new E1000Bed().settle();
    const seen = watch(b);
    b.arrive(0, [b.frame(0)]);
    b.settle();
    expect(seen).toEqual(['read ICR', 'write IMC', 'read STATUS', 'write RDT', 'write IMS', 'read STATUS']);
  });

  test('goes out of the other vNIC, rewritten, and nothing is lost on the way', () => {
    const b = new E1000Bed().settle();
    b.sent(1);
    b.arrive(0, [b.frame(0)]);
    b.settle();
    const [out] = b.sent(1);
    expect(out).toHaveLength(60);
    expect(out[14 + 8]).toBe(63);
    expect(b.counts(b.devices[0])).toMatchObject({ rx_packets: 1, rx_to_guest: 1 });
    expect(b.bed.held(b.vcpus[0])).toBe(0);
    expect(b.buffersFound).toBe(true);
  });

  test('stops the whole vCPU while an access is with the VMM, and lets it sleep until the answer', () => {
    const b = new E1000Bed().settle();
    b.arrive(0, [b.frame(0)]);
    b.devices[0].poll(64, b.nowNs);
    expect(b.vcpus[0].arm()).toBe(false);
    b.vcpus[0].poll(64, b.nowNs);
    expect(b.vcpus[0].poll(64, b.nowNs)).toBe(0);
    expect(b.vcpus[0].arm()).toBe(true);
    b.devices[0].poll(64, b.nowNs);
    expect(b.vcpus[0].arm()).toBe(false);
  });
});

test('a burst longer than ring and NAPI weight goes through in order, every buffer found', () => {
  const b = new E1000Bed().settle();
  b.sent(1);
  b.arrive(
    0,
    Array.from({ length: 400 }, (_, i) => b.frame(0, i)),
  );
  b.settle();
  expect(b.sent(1).map((frame) => frame[50] * 256 + frame[51])).toEqual(Array.from({ length: 400 }, (_, i) => i));
  expect(b.counts(b.vcpus[0])).toMatchObject({ rx_packets: 400 });
  expect(b.buffersFound).toBe(true);
});

test('without descriptors the frames stay in the tap, noted once', () => {
  const b = new E1000Bed().settle();
  b.arrive(
    0,
    Array.from({ length: 300 }, (_, i) => b.frame(0, i)),
  );
  for (let turn = 0; turn < 20; turn++) b.devices[0].poll(64, b.nowNs);
  // The tail names the last descriptor that is ready and keeps it: 254 of 255.
  expect(b.counts(b.devices[0])).toMatchObject({ rx_packets: 254, rx_no_buffer_passes: 1 });
  expect(b.bed.ids(b.taps[0].queue)).toHaveLength(46);
  expect(b.devices[0].arm()).toBe(true);
  expect(b.bed.census(b.vcpus[0]).frames).toBe(254);
});

describe('drops', () => {
  test('rx_filtered: a frame for another station; rx_oversized: one the device does not receive', () => {
    const b = new E1000Bed().settle();
    const own = b.frame(0).slice(0, 6);
    const long = ethernet('52:54:00:00:00:77', '02:00:00:00:00:01', 1600);
    long.set(own);
    b.arrive(0, [ethernet('52:54:00:00:00:77', '02:00:00:00:00:01'), long]);
    b.settle();
    expect(b.counts(b.devices[0])).toMatchObject({ rx_packets: 2, rx_filtered: 1, rx_oversized: 1 });
    expect(b.bed.held(b.devices[0])).toBe(0);
  });

  test('backlog_dropped: the CPU has no room for what the guest sends', () => {
    const b = new E1000Bed([]).settle();
    const room = b.bed.config<E1000Config>('e1000-vnic1').tap.backlogFrames + 1 - 2;
    for (let sent = 0; sent < room + 3; sent += 100) {
      b.arrive(
        0,
        Array.from({ length: Math.min(100, room + 3 - sent) }, (_, i) => b.frame(0, sent + i)),
      );
      b.settle();
    }
    expect(b.counts(b.devices[1])).toMatchObject({ backlog_dropped: 3 });
    expect(b.bed.held(b.devices[1])).toBe(0);
    expect(b.buffersFound).toBe(true);
  });
});

test('a frame whose TDT write is with the VMM is in flight, and found once', () => {
  const b = new E1000Bed().settle();
  b.arrive(0, [b.frame(0)]);
  b.devices[0].poll(64, b.nowNs);
  const before = b.counts(b.vcpus[0])['tx_packets'];
  for (let turn = 0; turn < 100 && b.counts(b.vcpus[0])['tx_packets'] === before; turn++) {
    b.vcpus[0].poll(64, b.nowNs);
    b.devices[0].poll(64, b.nowNs);
  }
  const inFlight = [...b.devices, ...b.vcpus].reduce((sum, actor) => sum + b.bed.census(actor).frames, 0);
  expect(inFlight).toBe(1);
  expect(b.buffersFound).toBe(true);
});

describe('interrupt mitigation', () => {
  /** Frames that take more than bulk has in an interrupt: e1000_update_itr. */
  const long = (b: E1000Bed, count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, seq) => {
      const { spec } = b.bed.planOf('generator-eth0');
      if (spec.kind !== 'generator' || spec.config.sources[0].kind !== 'generated')
        throw new Error('generated traffic only');
      return buildFrame(spec.config.sources[0].flows, 1514, seq, 0);
    });

  test('the next interrupt waits for 50 us after the last one, and the timer wakes the main loop for it', () => {
    const b = new E1000Bed().settle();
    const device = b.devices[0];
    const interrupts = (): number => b.counts(device)['interrupts'];
    const before = interrupts();
    const { timer } = b.bed.config<E1000Config>('e1000-vnic0');
    const word = new TimerWord(b.bed.memory, timer);
    const startNs = b.nowNs;
    // Until the guest has served the first one, which takes no time here.
    for (const frame of [0, 1]) {
      b.arrive(0, [b.frame(0, frame)]);
      for (let turn = 0; turn < 200; turn++) [...b.devices, ...b.vcpus].forEach((each) => each.poll(64, startNs));
    }
    expect(interrupts() - before).toBe(1);
    expect(device.arm()).toBe(true);
    expect([word.due(startNs + 49_000), word.due(startNs + 50_000 + 2 ** 14)]).toEqual([false, true]);
    device.poll(64, startNs + 49_000);
    expect(interrupts() - before).toBe(1);
    device.poll(64, startNs + 50_000);
    expect(interrupts() - before).toBe(2);
    b.nowNs = startNs + 50_000;
    b.settle();
    expect(word.due(b.nowNs + 1e9)).toBe(false);
    expect(b.buffersFound).toBe(true);
  });

  test('bulk traffic makes the driver ask for fewer interrupts, and light traffic for more again', () => {
    const b = new E1000Bed().settle();
    const seen = watch(b);
    b.arrive(0, long(b, 8));
    b.settle();
    expect(seen.slice(-3)).toEqual(['write ITR', 'write IMS', 'read STATUS']);
    const { traps } = b.bed.link('e1000-vnic0', E1000_PORTS.guest);
    const read = (offset: number): number => {
      const trap = new PciTrapGuest(b.bed.memory.words(traps[0]), 0);
      trap.postRead(offset, regs.REGISTER_BYTES);
      b.devices[0].poll(64, b.nowNs);
      trap.poll();
      return trap.value;
    };
    expect(read(regs.ITR)).toBe(976);
    b.arrive(0, [b.frame(0, 8)]);
    b.settle();
    expect(read(regs.ITR)).toBe(Math.floor(1e9 / 256 / 9000));
  });
});
