import { describe, expect, test } from 'vitest';
import { DIRECTION_DEVICE_WRITES } from '../../../src/virtio/ring/device-chain.ts';
import { featureSet, NO_FEATURES, VIRTIO_F_RING_PACKED } from '../../../src/virtio/net/features.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES, netHeaderBuffers } from '../../../src/virtio/net/net-header.ts';
import {
  createDeviceQueue,
  createDriverQueue,
  ringBytes,
  ringLayoutAt,
  startBase,
  tokenWords,
} from '../../../src/virtio/ring/ring-format.ts';
import { PLACED, RX_CHAINS_MAX, RxBuffers, TOO_FEW_BUFFERS, TOO_LONG } from '../../../src/virtio/ring/rx-buffers.ts';

describe.each([
  ['split', NO_FEATURES],
  ['packed', featureSet(VIRTIO_F_RING_PACKED)],
])('%s ring', (_, features) => {
  function bench(queueSize = 16) {
    const memory = new GuestMemory(new SharedArrayBuffer(0x100000));
    const layout = ringLayoutAt(0x1000, queueSize, 16, features);
    const tokens = new Int32Array(tokenWords(queueSize, features));
    const driver = createDriverQueue({ memory, layout, features, tokens });
    driver.initialise();
    const device = createDeviceQueue({ memory, layout, features, direction: DIRECTION_DEVICE_WRITES });
    device.start(startBase(features));
    const first = (0x1000 + ringBytes(queueSize, 16, features) + 15) & ~15;
    const words = new Int32Array(new SharedArrayBuffer(0x10000));
    const bytes = new Uint8Array(words.buffer).map((_byte, i) => i * 7 + (i >> 8));
    new Uint8Array(words.buffer).set(bytes);
    return {
      memory,
      driver,
      device,
      first,
      words,
      bytes,
      rx: new RxBuffers(memory, words, new Uint8Array(words.buffer)),
    };
  }
  type Bench = ReturnType<typeof bench>;

  /** Posts single buffers at [offset, bytes], and lets the device pop the first. */
  function post({ driver, device, first }: Bench, pieces: readonly (readonly [number, number])[]): number {
    for (const [offset, bytes] of pieces) driver.addInBuf(first + offset, bytes, first + offset);
    driver.publish();
    device.availCount();
    return device.pop();
  }

  function place({ device, rx }: Bench, head: number, length: number): number {
    return rx.place(device, head, 64, length, true);
  }

  /** What the driver got: token and bytes of each used chain, and the bytes one after another. */
  function received({ memory, driver }: Bench) {
    const used = Array.from({ length: driver.usedAvailable() }, () => [driver.takeUsed(), driver.usedLen] as const);
    return { used, content: used.flatMap(([addr, len]) => [...memory.u8.slice(addr, addr + len)]) };
  }

  test.each([
    ['on word boundaries', [0, 88], [256, 88], [512, 88]],
    ['at odd addresses', [1, 88], [259, 88], [514, 88]],
    ['shorter than a header', [0, 8], [256, 2], [512, 300]],
    ['whose last one is not filled', [0, 100], [256, 100], [512, 100]],
  ])('a frame over buffers %s', (_name, ...pieces) => {
    const b = bench();
    const head = post(
      b,
      pieces.map(([offset, bytes]) => [offset, bytes] as const),
    );
    expect(place(b, head, 201)).toBe(PLACED);
    expect(b.driver.usedAvailable()).toBe(0);
    b.device.publishUsed();
    const { used, content } = received(b);
    expect(used.length).toBe(3);
    expect(content.length).toBe(NET_HEADER_BYTES + 201);
    expect(content.slice(0, NET_HEADER_BYTES)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0]);
    expect(content.slice(NET_HEADER_BYTES)).toEqual([...b.bytes.slice(64, 64 + 201)]);
  });

  test('only as many chains are taken as the frame needs, a chain of several buffers counting once', () => {
    const b = bench();
    const addrs = Int32Array.from([0, 256], (offset) => b.first + offset);
    b.driver.addChain(addrs, new Int32Array([50, 50]), 0, 2, 1);
    const head = post(b, [
      [512, 100],
      [768, 100],
    ]);
    expect(place(b, head, 150)).toBe(PLACED);
    b.device.publishUsed();
    expect([b.driver.usedAvailable(), b.driver.takeUsed(), b.driver.usedLen]).toEqual([2, 1, 100]);
    expect(netHeaderBuffers(b.memory, b.first)).toBe(2);
    expect(b.device.availCount()).toBe(1);
  });

  test('with too few buffers all are given back, and serve the next attempt', () => {
    const b = bench();
    const head = post(b, [
      [0, 100],
      [256, 100],
    ]);
    expect(place(b, head, 200)).toBe(TOO_FEW_BUFFERS);
    expect(b.device.availCount()).toBe(2);
    const again = post(b, [[512, 100]]);
    expect(place(b, again, 200)).toBe(PLACED);
    b.device.publishUsed();
    expect(received(b).used.map(([, len]) => len)).toEqual([100, 100, 12]);
  });

  test(`a frame that ${RX_CHAINS_MAX} chains do not hold is too long, whatever is posted`, () => {
    const b = bench(2048);
    const pieces = Array.from({ length: 1500 }, (_piece, i) => [i * 4, 1] as const);
    expect(place(b, post(b, pieces), 1013)).toBe(TOO_LONG);
    expect(b.device.availCount()).toBe(1500);
    expect(b.device.broken).toBe(0);
  });
});
