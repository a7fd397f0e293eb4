/**
 * Commands for fast-check that drive the driver's and the device's side of one ring, split or packed, against plain
 * arrays. Each side also sleeps: a side that is asleep acts again only once it was notified, and at no time may it be
 * asleep, not notified, and have work.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { DIRECTION_ANY } from '../../src/virtio/ring/device-chain.ts';
import {
  createDeviceQueue,
  createDriverQueue,
  isPacked,
  QUEUE_STATE_WORDS,
  ringLayoutAt,
  tokenWords,
} from '../../src/virtio/ring/ring-format.ts';
import type { DeviceQueue, DriverQueue } from '../../src/virtio/ring/ring-format.ts';
import type { DriverQueueOptions } from '../../src/virtio/ring/split-driver.ts';
import { DESC_F_WRITE } from '../../src/virtio/ring/split-layout.ts';
import { packedBase } from './packed-base.ts';

const MEMORY_BYTES = 0x20000;
const TABLE_BYTE = 0x8000;
const TABLE_BYTES = 16 * 16;
const BUFFER_BYTE = 0x10000;

export interface Chain {
  readonly token: number;
  /** Address, length, flags of each buffer. */
  readonly buffers: readonly (readonly [number, number, number])[];
  readonly indirect: boolean;
}

export interface InFlight {
  readonly chain: Chain;
  readonly head: number;
}

/** What ought to be in the ring, in plain arrays. */
export interface Model {
  added: Chain[];
  published: Chain[];
  popped: InFlight[];
  /** Tokens in the order they were popped, used ones too. */
  popLog: number[];
  staged: { chain: Chain; len: number }[];
  used: { chain: Chain; len: number }[];
  free: number;
  token: number;
  driverAsleep: boolean;
  /** Used chains, in a packed ring their slots, that the driver tolerates while asleep (a delayed callback). */
  tolerated: number;
  called: boolean;
  deviceAsleep: boolean;
  kicked: boolean;
}

export class Ring {
  readonly options: DriverQueueOptions;
  readonly device: DeviceQueue;
  driver: DriverQueue;

  constructor(queueSize: number, features: FeatureSet, startIdx: number) {
    const memory = new GuestMemory(new SharedArrayBuffer(MEMORY_BYTES));
    const layout = ringLayoutAt(0x1000, queueSize, 4, features);
    const base = isPacked(features) ? packedBase(queueSize, startIdx) : startIdx;
    this.options = { memory, layout, features, tokens: new Int32Array(tokenWords(queueSize, features)) };
    this.driver = createDriverQueue(this.options);
    this.driver.initialise(base);
    this.device = createDeviceQueue({ memory, layout, features, direction: DIRECTION_ANY });
    this.device.start(base);
  }
}

export function emptyModel(queueSize: number): Model {
  const lists = { added: [], published: [], popped: [], popLog: [], staged: [], used: [] };
  const asleep = { driverAsleep: false, tolerated: 0, called: false, deviceAsleep: false, kicked: false };
  return { ...lists, ...asleep, free: queueSize, token: 0 };
}

type Command = fc.Command<Model, Ring>;

/** What the driver counts a delayed callback in. */
function usedSize({ used }: Readonly<Model>, { options }: Ring): number {
  return isPacked(options.features) ? used.reduce((sum, { chain }) => sum + cost(chain), 0) : used.length;
}

/** Descriptors of the ring that a chain takes. */
function cost({ indirect, buffers }: Chain): number {
  return indirect ? 1 : buffers.length;
}

/** The invariants that hold between any two commands. */
function check(model: Readonly<Model>, ring: Ring): void {
  const { driver, device } = ring;
  expect(device.broken).toBe(0);
  expect(driver.broken).toBe(false);
  expect(driver.freeCount).toBe(model.free);
  if (model.deviceAsleep && !model.kicked) expect(model.published).toEqual([]);
  if (model.driverAsleep && !model.called) expect(usedSize(model, ring)).toBeLessThanOrEqual(model.tolerated);
}

function command(
  name: string,
  ready: (model: Readonly<Model>) => boolean,
  act: (m: Model, ring: Ring) => void,
): Command {
  return {
    check: ready,
    run(model, ring) {
      act(model, ring);
      check(model, ring);
    },
    toString: () => name,
  };
}

/** Adds a chain of `out` readable and `into` writable buffers, if there is room. */
function add(out: number, into: number, indirect: boolean): Command {
  return command(
    `add(${out} out, ${into} in${indirect ? ', indirect' : ''})`,
    (model) => !model.driverAsleep,
    (model, { driver, options }) => {
      const token = model.token;
      const buffers = Array.from(
        { length: out + into },
        (_, i) =>
          [BUFFER_BYTE + ((token * 7 + i) % 900) * 64, 1 + ((token + i) % 64), i < out ? 0 : DESC_F_WRITE] as const,
      );
      const addrs = Int32Array.from(buffers, ([addr]) => addr);
      const lens = Int32Array.from(buffers, ([, len]) => len);
      const table = TABLE_BYTE + (token % (2 * options.layout.queueSize)) * TABLE_BYTES;
      const chain: Chain = { token, buffers, indirect };
      let head: number;
      if (indirect) head = driver.addIndirect(table, addrs, lens, out, into, token);
      else if (buffers.length > 1) head = driver.addChain(addrs, lens, out, into, token);
      else if (out === 1) head = driver.addOutBuf(addrs[0], lens[0], token);
      else head = driver.addInBuf(addrs[0], lens[0], token);
      expect(head >= 0).toBe(model.free >= cost(chain) && buffers.length <= options.layout.queueSize);
      if (head < 0) return;
      // A token is spent on success only, or two unread chains could share an indirect table.
      model.token++;
      model.free -= cost(chain);
      model.added.push(chain);
    },
  );
}

const publish = command(
  'publish',
  (model) => model.added.length > 0,
  (model, { driver }) => {
    driver.publish();
    model.published.push(...model.added.splice(0));
    if (driver.shouldKick()) model.kicked = true;
  },
);

function pop(most: number): Command {
  return command(
    `pop(${most})`,
    (model) => !model.deviceAsleep || model.kicked,
    (model, { device }) => {
      model.deviceAsleep = model.kicked = false;
      device.disableNotify();
      expect(device.availCount()).toBe(model.published.length);
      for (let i = 0; i < Math.min(most, model.published.length + 1); i++) {
        const head = device.pop();
        const chain = model.published.shift();
        if (chain === undefined) {
          expect(head).toBe(-1);
          return;
        }
        const got = Array.from({ length: device.chainCount }, (_, b) => [
          device.chainAddr[b],
          device.chainLen[b],
          device.chainFlags[b],
        ]);
        expect(got).toEqual(chain.buffers);
        model.popped.push({ chain, head });
        model.popLog.push(chain.token);
      }
    },
  );
}

function discard(most: number): Command {
  return command(
    `discard(${most})`,
    (model) => model.popped.length > 0 && !model.deviceAsleep,
    (model, { device }) => {
      // Only the chains popped last can be given back, and only while none of them is used.
      const last = model.popped.slice(-most);
      const lastTokens = last.map(({ chain }) => chain.token);
      if (lastTokens.join() !== model.popLog.slice(-last.length).join()) return;
      model.popLog.splice(-last.length);
      device.discard(last.length);
      model.popped.splice(-last.length);
      model.published.unshift(...last.map(({ chain }) => chain));
    },
  );
}

function use(which: number): Command {
  return command(
    `use(${which})`,
    (model) => model.popped.length > 0,
    (model, { device }) => {
      const [{ chain, head }] = model.popped.splice(which % model.popped.length, 1) as [InFlight];
      const len = chain.token % 50;
      device.pushUsed(head, len);
      model.staged.push({ chain, len });
    },
  );
}

const publishUsed = command(
  'publishUsed',
  (model) => model.staged.length > 0,
  (model, { device }) => {
    device.publishUsed();
    model.used.push(...model.staged.splice(0));
    if (device.shouldCall()) model.called = true;
  },
);

function take(most: number): Command {
  return command(
    `take(${most})`,
    (model) => !model.driverAsleep || model.called,
    (model, { driver }) => {
      model.driverAsleep = model.called = false;
      driver.disableCallback();
      expect(driver.usedAvailable()).toBe(model.used.length);
      for (let i = Math.min(most, model.used.length); i > 0; i--) {
        const { chain, len } = model.used.shift()!;
        expect([driver.takeUsed(), driver.usedLen]).toEqual([chain.token, len]);
        model.free += cost(chain);
      }
    },
  );
}

const driverSleeps = command(
  'driverSleeps',
  (model) => !model.driverAsleep && model.added.length === 0,
  (model, { driver }) => {
    const quiet = driver.enableCallback();
    expect(quiet).toBe(model.used.length === 0);
    model.called = false;
    model.driverAsleep = quiet;
    model.tolerated = 0;
  },
);

const driverDozes = command(
  'driverDozes',
  (model) => !model.driverAsleep && model.added.length === 0,
  (model, ring) => {
    const { driver } = ring;
    const delay = Math.floor((driver.outstanding * 3) / 4);
    const quiet = driver.enableCallbackDelayed();
    expect(quiet).toBe(usedSize(model, ring) <= delay);
    model.called = false;
    model.driverAsleep = quiet;
    model.tolerated = delay;
  },
);

/** A device may sleep with chains it has seen and does not need; this one sleeps only when it has taken all of them. */
const deviceSleeps = command(
  'deviceSleeps',
  (model) => !model.deviceAsleep && model.staged.length === 0,
  (model, { device }) => {
    const more = device.enableNotify();
    model.kicked = false;
    if (more) expect(model.published.length).toBeGreaterThan(0);
    model.deviceAsleep = !more && model.published.length === 0;
    if (!model.deviceAsleep) device.disableNotify();
  },
);

const anotherVcpu = command(
  'anotherVcpu',
  (model) => model.added.length === 0,
  (_, ring) => {
    const words = new Int32Array(QUEUE_STATE_WORDS);
    ring.driver.saveState(words, 0);
    ring.driver = createDriverQueue(ring.options);
    ring.driver.loadState(words, 0);
  },
);

const few = fc.integer({ min: 1, max: 6 });

export const COMMANDS: fc.Arbitrary<Command>[] = [
  fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.boolean())
    .map(([out, into, indirect]) => add(out, out === 0 ? Math.max(1, into) : into, indirect)),
  fc.constant(add(0, 1, false)),
  fc.constant(publish),
  few.map(pop),
  few.map(discard),
  fc.nat(7).map(use),
  fc.constant(publishUsed),
  few.map(take),
  fc.constant(driverSleeps),
  fc.constant(driverDozes),
  fc.constant(deviceSleeps),
  fc.constant(anotherVcpu),
];
