/**
 * No lost notification, in every order: while one side goes to sleep (store its request, load the other's index), the
 * other side's publish and decision are placed before, between and after its two atomic steps.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { featureSet, NO_FEATURES, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED } from '../../../src/virtio/net/features.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { needEvent } from '../../../src/virtio/ring/event-suppression.ts';
import { DIRECTION_DEVICE_WRITES } from '../../../src/virtio/ring/device-chain.ts';
import {
  createDeviceQueue,
  createDriverQueue,
  isPacked,
  ringLayoutAt,
  tokenWords,
} from '../../../src/virtio/ring/ring-format.ts';
import { packedBase } from '../../support/packed-base.ts';

function pair(features: FeatureSet, startIdx: number) {
  const memory = new GuestMemory(new SharedArrayBuffer(0x10000));
  const layout = ringLayoutAt(0x1000, 8, 4, features);
  const base = isPacked(features) ? packedBase(8, startIdx) : startIdx;
  const driver = createDriverQueue({ memory, layout, features, tokens: new Int32Array(tokenWords(8, features)) });
  driver.initialise(base);
  const device = createDeviceQueue({ memory, layout, features, direction: DIRECTION_DEVICE_WRITES });
  device.start(base);
  return { driver, device };
}

/** Runs `act` before the n-th atomic operation of `body`, or after the body when it has fewer. Also counts them. */
function interleave(step: number, act: () => void, body: () => void): number {
  const load = Atomics.load;
  const store = Atomics.store;
  let count = 0;
  let inside = false;
  const tick = (): void => {
    if (inside) return;
    if (count++ !== step) return;
    inside = true;
    act();
    inside = false;
  };
  vi.spyOn(Atomics, 'load').mockImplementation(((array: Uint16Array, index: number) => {
    tick();
    return load(array, index);
  }) as typeof Atomics.load);
  vi.spyOn(Atomics, 'store').mockImplementation(((array: Uint16Array, index: number, value: number) => {
    tick();
    return store(array, index, value);
  }) as typeof Atomics.store);
  body();
  vi.restoreAllMocks();
  if (count <= step) act();
  return count;
}

afterEach(() => {
  vi.restoreAllMocks();
});

const modes: [string, FeatureSet][] = [
  ['flags', NO_FEATURES],
  ['EVENT_IDX', featureSet(VIRTIO_F_EVENT_IDX)],
  ['packed, flags', featureSet(VIRTIO_F_RING_PACKED)],
  ['packed, EVENT_IDX', featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX)],
];

describe.each(modes)('%s', (_, features) => {
  test.each([0, 1, 2])('the driver adds a chain at step %i of the device going to sleep', (step) => {
    for (const startIdx of [0, 0xfffe, 0xffff]) {
      const { driver, device } = pair(features, startIdx);
      device.disableNotify();
      let kicked = false;
      let arrived = false;
      const steps = interleave(
        step,
        () => {
          driver.addInBuf(0x2000, 64, 1);
          driver.publish();
          kicked = driver.shouldKick();
        },
        () => {
          arrived = device.enableNotify();
        },
      );
      expect(steps).toBe(2);
      expect(kicked || arrived).toBe(true);
    }
  });

  test.each([0, 1, 2])('the device goes to sleep at step %i of the driver publishing a chain', (step) => {
    for (const startIdx of [0, 0xfffe, 0xffff]) {
      const { driver, device } = pair(features, startIdx);
      device.disableNotify();
      driver.addInBuf(0x2000, 64, 1);
      let kicked = false;
      let arrived = false;
      interleave(
        step,
        () => {
          arrived = device.enableNotify();
        },
        () => {
          driver.publish();
          kicked = driver.shouldKick();
        },
      );
      expect(kicked || arrived).toBe(true);
    }
  });

  test.each([0, 1, 2])('the device uses a chain at step %i of the driver going to sleep', (step) => {
    for (const startIdx of [0, 0xfffe, 0xffff]) {
      const { driver, device } = pair(features, startIdx);
      for (let i = 0; i < 2; i++) driver.addInBuf(0x2000, 64, i);
      driver.publish();
      device.availCount();
      device.pushUsed(device.pop(), 1);
      device.publishUsed();
      device.shouldCall();
      driver.usedAvailable();
      driver.takeUsed();
      driver.disableCallback();
      let called = false;
      let quiet = true;
      const steps = interleave(
        step,
        () => {
          device.pushUsed(device.pop(), 1);
          device.publishUsed();
          called = device.shouldCall();
        },
        () => {
          quiet = driver.enableCallback();
        },
      );
      expect(steps).toBe(2);
      expect(called || !quiet).toBe(true);
    }
  });

  test('while the other side is awake and asked for nothing, nothing is sent', () => {
    const { driver, device } = pair(features, 0xfffe);
    for (let i = 0; i < 4; i++) driver.addInBuf(0x2000, 64, i);
    driver.publish();
    expect(driver.shouldKick()).toBe(true);
    device.disableNotify();
    device.availCount();
    device.pushUsed(device.pop(), 1);
    device.publishUsed();
    expect(device.shouldCall()).toBe(true);
    driver.disableCallback();
    device.pushUsed(device.pop(), 1);
    device.publishUsed();
    expect(device.shouldCall()).toBe(false);
    driver.addInBuf(0x2000, 64, 9);
    driver.publish();
    expect(driver.shouldKick()).toBe(false);
  });
});

test('needEvent: from old 0xfffe to new 1 exactly the events 0xfffe, 0xffff and 0 are passed', () => {
  const passed = [0xfffd, 0xfffe, 0xffff, 0, 1, 2].filter((event) => needEvent(event, 1, 0xfffe));
  expect(passed).toEqual([0xfffe, 0xffff, 0]);
  expect(needEvent(5, 7, 7)).toBe(false);
});
