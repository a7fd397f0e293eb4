import { expect, test } from 'vitest';
import { featureSet, NO_FEATURES, VIRTIO_F_EVENT_IDX } from '../../../src/virtio/net/features.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { DRIVER_STATE_WORDS, SplitDriverQueue } from '../../../src/virtio/ring/split-driver.ts';
import { INDIRECT, MOCK_LAYOUT, NEXT, WRITE } from '../../support/mock-driver.ts';

const EVENT_IDX_ON = featureSet(VIRTIO_F_EVENT_IDX);

/** Driver over the mock layout, and the bytes as a device would read them. */
function setUp(features: FeatureSet = NO_FEATURES, startIdx = 0) {
  const memory = new GuestMemory(new SharedArrayBuffer(0x10000));
  const view = new DataView(memory.buffer);
  const tokens = new Int32Array(memory.buffer, 0x800, 8);
  const driver = new SplitDriverQueue({ memory, layout: MOCK_LAYOUT, features, tokens });
  driver.initialise(startIdx);
  const desc = (id: number): number[] => {
    const at = 0x1000 + 16 * id;
    const low = view.getUint32(at, true);
    return [low, view.getUint32(at + 8, true), view.getUint16(at + 12, true), view.getUint16(at + 14, true)];
  };
  let usedIdx = startIdx;
  const use = (id: number, len: number): void => {
    view.setUint32(0x1204 + 8 * (usedIdx & 7), id, true);
    view.setUint32(0x1208 + 8 * (usedIdx & 7), len, true);
    usedIdx = (usedIdx + 1) & 0xffff;
    view.setUint16(0x1202, usedIdx, true);
  };
  return { memory, view, tokens, driver, desc, use };
}

test('single buffers are laid out as section 2.7.5 has them and published once', () => {
  const { driver, desc, view } = setUp(NO_FEATURES, 0xffff);
  expect(driver.addInBuf(0x2000, 1526, 7)).toBe(0);
  expect(driver.addOutBuf(0x3000, 72, 8)).toBe(1);
  expect(desc(0).slice(0, 3)).toEqual([0x2000, 1526, WRITE]);
  expect(desc(1).slice(0, 3)).toEqual([0x3000, 72, 0]);
  expect(view.getUint16(0x1102, true)).toBe(0xffff);
  driver.publish();
  expect(view.getUint16(0x1102, true)).toBe(1);
  expect([view.getUint16(0x1104 + 14, true), view.getUint16(0x1104, true)]).toEqual([0, 1]);
  expect([driver.freeCount, driver.outstanding]).toEqual([6, 2]);
});

test('a chain links its descriptors; an indirect table takes one', () => {
  const { driver, desc, view } = setUp();
  const addrs = Int32Array.of(0x2000, 0x2100, 0x2200);
  const lens = Int32Array.of(12, 60, 1);
  expect(driver.addChain(addrs, lens, 2, 1, 5)).toBe(0);
  expect([desc(0), desc(1), desc(2).slice(0, 3)]).toEqual([
    [0x2000, 12, NEXT, 1],
    [0x2100, 60, NEXT, 2],
    [0x2200, 1, WRITE],
  ]);
  expect(driver.addIndirect(0x4000, addrs, lens, 2, 1, 6)).toBe(3);
  expect(desc(3).slice(0, 3)).toEqual([0x4000, 48, INDIRECT]);
  expect([0x4000, 0x4010, 0x4020].map((at) => view.getUint32(at, true))).toEqual([0x2000, 0x2100, 0x2200]);
  expect([0x400c, 0x401c, 0x402c].map((at) => view.getUint16(at, true))).toEqual([NEXT, NEXT, WRITE]);
  expect([view.getUint16(0x400e, true), view.getUint16(0x401e, true)]).toEqual([1, 2]);
  expect(driver.freeCount).toBe(4);
});

test('a full table refuses, and takes no half of a chain', () => {
  const { driver } = setUp();
  for (let i = 0; i < 6; i++) driver.addInBuf(0x2000, 64, i);
  expect(driver.addChain(Int32Array.of(1, 2, 3), Int32Array.of(1, 1, 1), 3, 0, 9)).toBe(-1);
  expect(driver.freeCount).toBe(2);
  driver.addInBuf(0x2000, 64, 6);
  driver.addInBuf(0x2000, 64, 7);
  expect([
    driver.addOutBuf(0x2000, 64, 8),
    driver.addIndirect(0x4000, Int32Array.of(1), Int32Array.of(1), 1, 0, 8),
  ]).toEqual([-1, -1]);
});

test('used chains come back in the device order with their tokens and lengths', () => {
  const { driver, use } = setUp();
  driver.addInBuf(0x2000, 64, 100);
  driver.addChain(Int32Array.of(0x2000, 0x2100), Int32Array.of(12, 60), 2, 0, 200);
  driver.publish();
  expect(driver.usedAvailable()).toBe(0);
  use(1, 0);
  use(0, 42);
  expect(driver.usedAvailable()).toBe(2);
  expect([driver.takeUsed(), driver.usedLen]).toEqual([200, 0]);
  expect([driver.takeUsed(), driver.usedLen]).toEqual([100, 42]);
  expect([driver.freeCount, driver.outstanding]).toEqual([8, 0]);
});

test('a device that names a chain twice, or none, breaks the driver queue only', () => {
  for (const wrong of [0, 8, 0xffffffff]) {
    const { driver, use } = setUp();
    driver.addInBuf(0x2000, 64, 1);
    driver.addInBuf(0x2000, 64, 2);
    driver.publish();
    use(0, 1);
    use(wrong, 1);
    expect(driver.usedAvailable()).toBe(2);
    expect([driver.takeUsed(), driver.takeUsed()]).toEqual([1, -1]);
    expect([driver.broken, driver.usedAvailable()]).toEqual([true, 0]);
  }
});

test('a used index beyond what is outstanding breaks the driver queue', () => {
  const { driver, use } = setUp();
  use(0, 0);
  expect([driver.usedAvailable(), driver.broken]).toEqual([0, true]);
});

test('kicks follow used.flags without EVENT_IDX and avail_event with it', () => {
  const flags = setUp();
  flags.driver.addInBuf(0x2000, 64, 1);
  flags.driver.publish();
  expect([flags.driver.shouldKick(), flags.driver.shouldKick()]).toEqual([true, false]);
  flags.view.setUint16(0x1200, 1, true);
  flags.driver.addInBuf(0x2000, 64, 1);
  flags.driver.publish();
  expect(flags.driver.shouldKick()).toBe(false);

  const event = setUp(EVENT_IDX_ON, 0xffff);
  event.view.setUint16(0x1200 + 4 + 64, 1, true);
  const add = (count: number): boolean => {
    for (let i = 0; i < count; i++) event.driver.addInBuf(0x2000, 64, 1);
    event.driver.publish();
    return event.driver.shouldKick();
  };
  expect([add(2), add(1), add(1)]).toEqual([false, true, false]);
});

test('callbacks: flags without EVENT_IDX, used_event with it, three quarters when delayed', () => {
  const flags = setUp();
  flags.driver.disableCallback();
  expect(flags.view.getUint16(0x1100, true)).toBe(1);
  expect(flags.driver.enableCallback()).toBe(true);
  expect(flags.view.getUint16(0x1100, true)).toBe(0);

  const { driver, view, use } = setUp(EVENT_IDX_ON, 0xfffe);
  for (let i = 0; i < 8; i++) driver.addInBuf(0x2000, 64, i);
  driver.publish();
  driver.disableCallback();
  expect(view.getUint16(0x1100, true)).toBe(0);
  expect(driver.enableCallback()).toBe(true);
  expect(view.getUint16(0x1114, true)).toBe(0xfffe);
  expect(driver.enableCallbackDelayed()).toBe(true);
  expect(view.getUint16(0x1114, true)).toBe(4);
  use(0, 1);
  expect(driver.enableCallback()).toBe(false);
  expect(driver.enableCallbackDelayed()).toBe(true);
  for (let id = 1; id < 7; id++) use(id, 1);
  expect(driver.enableCallbackDelayed()).toBe(false);
});

test('another vCPU goes on from the saved state and the guest memory alone', () => {
  const { driver, memory, tokens, use } = setUp();
  const state = new Int32Array(DRIVER_STATE_WORDS + 3);
  driver.addInBuf(0x2000, 64, 11);
  driver.addChain(Int32Array.of(1, 2), Int32Array.of(1, 1), 1, 1, 12);
  driver.publish();
  driver.shouldKick();
  driver.saveState(state, 3);
  const other = new SplitDriverQueue({ memory, layout: MOCK_LAYOUT, features: NO_FEATURES, tokens });
  other.loadState(state, 3);
  use(1, 5);
  expect([other.usedAvailable(), other.takeUsed(), other.freeCount]).toEqual([1, 12, 7]);
  expect(other.addOutBuf(0x2000, 60, 13)).toBe(1);
  other.saveState(state, 3);
  driver.loadState(state, 3);
  expect([driver.freeCount, driver.outstanding]).toEqual([6, 2]);
});

test('a stopped device gives back every buffer it never used', () => {
  const { driver } = setUp();
  driver.addInBuf(0x2000, 64, 21);
  driver.addChain(Int32Array.of(1, 2), Int32Array.of(1, 1), 0, 2, 22);
  expect([driver.detachUnused(), driver.detachUnused(), driver.detachUnused()]).toEqual([21, 22, -1]);
  expect(driver.freeCount).toBe(8);
});

test('too few token words are refused', () => {
  const { memory } = setUp();
  const options = { memory, layout: MOCK_LAYOUT, features: NO_FEATURES };
  expect(() => new SplitDriverQueue({ ...options, tokens: new Int32Array(7) })).toThrow('7 tokens for 8 descriptors');
});
