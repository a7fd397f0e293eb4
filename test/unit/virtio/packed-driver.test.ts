import { describe, expect, test } from 'vitest';
import { featureSet, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED } from '../../../src/virtio/net/features.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import { PACKED_STATE_WORDS, PackedDriverQueue } from '../../../src/virtio/ring/packed-driver.ts';
import { NEXT, WRITE } from '../../support/mock-driver.ts';
import { AVAIL, MOCK_PACKED_LAYOUT, MockPackedDriver, USED } from '../../support/mock-packed-driver.ts';

const PACKED = featureSet(VIRTIO_F_RING_PACKED);
const EVENT_IDX_ON = featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX);

/** The mock is only memory with its fields named by hand here; the test writes what a device would. */
function setUp(features: FeatureSet = PACKED, base?: number) {
  const bytes = new MockPackedDriver();
  const tokens = new Int32Array(16);
  const driver = new PackedDriverQueue({ memory: bytes.memory, layout: MOCK_PACKED_LAYOUT, features, tokens });
  driver.initialise(base);
  /** Writes a used descriptor. */
  const use = (slot: number, id: number, len: number, flags: number): void =>
    bytes.descAt(0x1000 + 16 * slot, 0, len, id, flags);
  return { bytes, driver, tokens, use };
}

describe('descriptors as section 2.8.13 lays them out', () => {
  test('a receive buffer: address, length, id, and flags once published', () => {
    const { bytes, driver } = setUp();
    expect(driver.addInBuf(0x2000, 1526, 5)).toBe(0);
    expect(bytes.at(0).flags).toBe(0);
    driver.publish();
    expect(bytes.at(0)).toEqual({ id: 0, len: 1526, flags: WRITE | AVAIL });
    expect(bytes.memory.u32[0x1000 >> 2]).toBe(0x2000);
  });

  test('only the first descriptor of a batch waits for publish', () => {
    const { bytes, driver } = setUp();
    driver.addOutBuf(0x2000, 60, 0);
    driver.addChain(new Int32Array([0x2100, 0x2200]), new Int32Array([12, 34]), 1, 1, 1);
    expect([bytes.at(0).flags, bytes.at(1).flags]).toEqual([0, NEXT | AVAIL]);
    driver.publish();
    expect(bytes.at(0).flags).toBe(AVAIL);
    expect(bytes.at(1)).toEqual({ id: 1, len: 12, flags: NEXT | AVAIL });
    expect(bytes.at(2)).toEqual({ id: 1, len: 34, flags: WRITE | AVAIL });
    expect(driver.freeCount).toBe(5);
  });

  test('in the second lap available is USED without AVAIL', () => {
    const { bytes, driver, use } = setUp();
    for (let i = 0; i < 8; i++) driver.addOutBuf(0x2000, 60, i);
    driver.publish();
    expect(driver.addOutBuf(0x2000, 60, 9)).toBe(-1);
    use(0, 3, 0, AVAIL | USED);
    expect([driver.usedAvailable(), driver.takeUsed()]).toEqual([1, 3]);
    expect(driver.addOutBuf(0x2000, 61, 9)).toBe(3);
    driver.publish();
    expect(bytes.at(0)).toEqual({ id: 3, len: 61, flags: USED });
  });

  test('a ring may begin anywhere, in either lap', () => {
    for (const base of [0x8006, 0x0003]) {
      const { driver, bytes } = setUp(PACKED, base);
      expect(driver.usedAvailable()).toBe(0);
      driver.addOutBuf(0x2000, 60, 1);
      driver.publish();
      expect(bytes.at(base & 7).flags).toBe(base === 0x8006 ? AVAIL : USED);
      expect(driver.usedAvailable()).toBe(0);
    }
  });
});

describe('used descriptors', () => {
  test('come back by id in any order, a chain as one, and skip its slots', () => {
    const { driver, use } = setUp();
    driver.addChain(new Int32Array([0x2000, 0x2100, 0x2200]), new Int32Array([1, 1, 1]), 3, 0, 100);
    driver.addInBuf(0x2300, 64, 200);
    driver.publish();
    use(0, 1, 60, WRITE | AVAIL | USED);
    use(1, 0, 12345, AVAIL | USED);
    expect(driver.usedAvailable()).toBe(2);
    expect([driver.takeUsed(), driver.usedLen]).toEqual([200, 60]);
    // Without the WRITE flag the length is reserved.
    expect([driver.takeUsed(), driver.usedLen]).toEqual([100, 0]);
    expect(driver.freeCount).toBe(8);
    expect(driver.usedAvailable()).toBe(0);
  });

  test.each([8, 5])('id %i, which is not outstanding, breaks the queue', (id) => {
    const { driver, use } = setUp();
    driver.addInBuf(0x2300, 64, 200);
    driver.publish();
    use(0, id, 60, WRITE | AVAIL | USED);
    expect([driver.usedAvailable(), driver.broken]).toEqual([0, true]);
  });

  test('the same id twice breaks the queue at the second', () => {
    const { driver, use } = setUp();
    for (let i = 0; i < 2; i++) driver.addInBuf(0x2300, 64, i);
    driver.publish();
    use(0, 1, 60, WRITE | AVAIL | USED);
    use(1, 1, 60, WRITE | AVAIL | USED);
    driver.usedAvailable();
    expect([driver.takeUsed(), driver.takeUsed(), driver.broken]).toEqual([1, -1, true]);
  });

  test('what was never used can be taken back', () => {
    const { driver } = setUp();
    driver.addChain(new Int32Array([0x2000, 0x2100]), new Int32Array([1, 1]), 2, 0, 7);
    driver.addInBuf(0x2300, 64, 8);
    driver.publish();
    expect([driver.detachUnused(), driver.detachUnused(), driver.detachUnused()]).toEqual([7, 8, -1]);
    expect(driver.freeCount).toBe(8);
  });
});

describe('event suppression as section 2.8.14 lays it out', () => {
  const driverEvent = (bytes: MockPackedDriver): number => bytes.memory.u32[0x1080 >> 2];

  test('flags alone: enable 0, disable 1', () => {
    const { bytes, driver } = setUp();
    expect(driverEvent(bytes)).toBe(0);
    driver.disableCallback();
    expect(driverEvent(bytes)).toBe(1 << 16);
    expect(driver.enableCallback()).toBe(true);
    expect(driverEvent(bytes)).toBe(0);
  });

  test('with EVENT_IDX a descriptor and its wrap counter; a delayed call three quarters on, over the end', () => {
    const { bytes, driver } = setUp(EVENT_IDX_ON, 0x8006);
    expect(driverEvent(bytes)).toBe((2 << 16) | 0x8006);
    for (let i = 0; i < 4; i++) driver.addOutBuf(0x2000, 60, i);
    driver.publish();
    expect(driver.enableCallbackDelayed()).toBe(true);
    // Slot 6 + 3 is slot 1 of the lap in which the counter is 0.
    expect(driverEvent(bytes)).toBe((2 << 16) | 1);
  });

  test('the device is kicked as its structure says', () => {
    const { bytes, driver } = setUp(EVENT_IDX_ON);
    const ask = (event: number): boolean => {
      bytes.memory.u32[0x1084 >> 2] = event;
      driver.addOutBuf(0x2000, 60, 0);
      driver.publish();
      return driver.shouldKick();
    };
    expect(ask(0)).toBe(true);
    expect(ask(1 << 16)).toBe(false);
    expect(ask((2 << 16) | 0x8002)).toBe(true);
    expect(ask((2 << 16) | 0x8002)).toBe(false);
    expect(ask((2 << 16) | 0x0004)).toBe(false);
    expect(driver.shouldKick()).toBe(false);
  });
});

test('another vCPU goes on from the saved state', () => {
  const { bytes, driver, tokens, use } = setUp(EVENT_IDX_ON);
  driver.addInBuf(0x2000, 64, 11);
  driver.addInBuf(0x2100, 64, 12);
  driver.publish();
  driver.shouldKick();
  use(0, 1, 60, WRITE | AVAIL | USED);
  driver.usedAvailable();
  driver.takeUsed();
  const state = new Int32Array(PACKED_STATE_WORDS);
  driver.saveState(state, 0);
  const options = { memory: bytes.memory, layout: MOCK_PACKED_LAYOUT, features: EVENT_IDX_ON, tokens };
  const other = new PackedDriverQueue(options);
  other.loadState(state, 0);
  use(1, 0, 61, WRITE | AVAIL | USED);
  expect([other.usedAvailable(), other.takeUsed(), other.freeCount]).toEqual([1, 11, 8]);
  expect(other.addInBuf(0x2000, 64, 13)).toBe(0);
});
