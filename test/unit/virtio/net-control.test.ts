import { expect, test } from 'vitest';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import { DIRECTION_ANY } from '../../../src/virtio/ring/device-chain.ts';
import { NO_FEATURES } from '../../../src/virtio/net/features.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { CONTROL_QUEUE_SIZE, controlQueueIndex, NetControlDevice } from '../../../src/virtio/net/net-control.ts';
import { CONTROL_BUFFER_BYTES, NetControlDriver } from '../../../src/virtio/guest/net-control-driver.ts';
import { SplitDeviceQueue } from '../../../src/virtio/ring/split-device.ts';
import { splitLayoutAt, splitRingBytes } from '../../../src/virtio/ring/split-layout.ts';
import { MOCK_LAYOUT, MockDriver, NEXT, WRITE } from '../../support/mock-driver.ts';

/** VIRTIO 1.x section 5.1.6.5: values of the ack byte; and what a byte holds that nobody has answered into. */
const OK = 0;
const ERR = 1;
const UNANSWERED = 0xee;
const COMMAND = 0x2000;
const ACK = 0x3000;

/** A device of four pairs, and a driver that writes what the test likes. */
function bench(queuePairsMax = 4) {
  const driver = new MockDriver();
  const { memory } = driver;
  const queue = new SplitDeviceQueue({ memory, layout: MOCK_LAYOUT, features: NO_FEATURES, direction: DIRECTION_ANY });
  queue.start(0);
  const set: number[] = [];
  const lines: string[] = [];
  const device = new NetControlDevice({
    memory,
    queue,
    queuePairsMax,
    setQueuePairs: (pairs) => set.push(pairs),
    log: (line) => lines.push(line),
  });
  /** Sends these bytes, cut into pieces of the given lengths; what the device answered. */
  const send = (bytes: readonly number[], pieces: readonly number[] = [bytes.length]): number => {
    memory.u8.set(bytes, COMMAND);
    memory.u8[ACK] = UNANSWERED;
    let at = COMMAND;
    pieces.forEach((length, id) => {
      driver.desc(id, at, length, NEXT, id + 1);
      at += length;
    });
    driver.desc(pieces.length, ACK, 1, WRITE);
    driver.offer(0);
    expect(device.requested).toBe(true);
    expect(device.serve()).toBeNull();
    expect(device.requested).toBe(false);
    return memory.u8[ACK];
  };
  return { driver, memory, queue, device, set, lines, send };
}

test.each([1, 2, 4])('VQ_PAIRS_SET %i is acknowledged and takes effect', (pairs) => {
  const { send, set, lines } = bench();
  expect(send([4, 0, pairs, 0])).toBe(OK);
  expect(set).toEqual([pairs]);
  expect(lines).toEqual([`control class 4 command 0 (2 bytes of data) VQ_PAIRS_SET ${pairs}: VIRTIO_NET_OK`]);
});

test.each([
  ['no pair at all', [4, 0, 0, 0]],
  ['more pairs than the device has', [4, 0, 5, 0]],
  ['a number whose high byte counts', [4, 0, 1, 1]],
  ['an unknown class', [9, 0, 2, 0]],
  ['a class the device does not serve', [0, 0, 1, 0]],
  ['an unknown command of the class', [4, 3, 2, 0]],
  ['RSS configuration, which is not negotiated', [4, 1, 2, 0]],
  ['no data', [4, 0]],
  ['too little data', [4, 0, 2]],
  ['too much data', [4, 0, 2, 0, 0]],
])('%s is answered by VIRTIO_NET_ERR and changes nothing', (_, bytes) => {
  const { send, set, lines } = bench();
  expect(send(bytes)).toBe(ERR);
  expect(set).toEqual([]);
  expect(lines.length).toBe(1);
  expect(lines[0]).toMatch(/VIRTIO_NET_ERR$/);
  expect(send([4, 0, 3, 0])).toBe(OK);
  expect(set).toEqual([3]);
});

test('a device that did not negotiate MQ refuses every number, one included', () => {
  const { send, set } = bench(1);
  expect([send([4, 0, 1, 0]), send([4, 0, 2, 0])]).toEqual([ERR, ERR]);
  expect(set).toEqual([]);
});

test.each([[[2, 2]], [[1, 1, 1, 1]], [[1, 3]], [[3, 1]]])(
  'pieces of %j bytes mean the same (section 2.7.4)',
  (pieces) => {
    const { send, set } = bench();
    expect(send([4, 0, 2, 0], pieces)).toBe(OK);
    expect(set).toEqual([2]);
  },
);

test('the used entry says one byte, and the ack is written nowhere else', () => {
  const { send, memory } = bench();
  memory.u8.fill(UNANSWERED, ACK, ACK + 8);
  send([4, 0, 2, 0]);
  expect([...memory.u8.slice(ACK, ACK + 3)]).toEqual([OK, UNANSWERED, UNANSWERED]);
  const used = new DataView(memory.buffer, MOCK_LAYOUT.usedAddr);
  expect([used.getUint16(2, true), used.getUint32(4, true), used.getUint32(8, true)]).toEqual([1, 0, 1]);
});

test.each([
  ['no room for the answer', (driver: MockDriver) => driver.desc(0, COMMAND, 4, 0)],
  ['no command', (driver: MockDriver) => driver.desc(0, ACK, 1, WRITE)],
])('a chain with %s asks for a reset', (_, write) => {
  const { driver, device, set } = bench();
  write(driver);
  driver.offer(0);
  expect(device.serve()).toBe('a control chain without headers');
  expect(set).toEqual([]);
});

test('a broken control queue asks for a reset, and never throws', () => {
  const { driver, device } = bench();
  driver.desc(0, COMMAND, 4, NEXT, 77);
  driver.offer(0);
  expect(device.serve()).toBe('the control virtqueue is broken');
});

test('after arm a command is announced by a kick; one that came before it is seen at once', () => {
  const { driver, device } = bench();
  expect(device.arm()).toBe(true);
  driver.desc(0, COMMAND, 4, NEXT, 1);
  driver.desc(1, ACK, 1, WRITE);
  driver.offer(0);
  expect(device.arm()).toBe(false);
});

test('the driver and the device understand each other, command after command', () => {
  const arena = new Arena('guest');
  const ring = arena.reserve(splitRingBytes(CONTROL_QUEUE_SIZE), 128);
  const tokens = arena.reserve(CONTROL_QUEUE_SIZE * 4);
  const buffer = arena.reserve(CONTROL_BUFFER_BYTES);
  const memory = new Memory('test', [['guest', new SharedArrayBuffer(arena.bytes)]]);
  const guest = new GuestMemory(memory.buffer('guest'));
  const layout = splitLayoutAt(ring.offsetBytes, CONTROL_QUEUE_SIZE);
  const driver = new NetControlDriver(memory, guest, { layout, tokens, buffer }, layout, NO_FEATURES);
  const queue = new SplitDeviceQueue({ memory: guest, layout, features: NO_FEATURES, direction: DIRECTION_ANY });
  queue.start(0);
  const set: number[] = [];
  const setQueuePairs = (pairs: number): void => void set.push(pairs);
  const device = new NetControlDevice({ memory: guest, queue, queuePairsMax: 300, setQueuePairs, log: () => {} });
  for (let pairs = 1; pairs <= 310; pairs++) {
    driver.setQueuePairs(pairs);
    expect([driver.answered, driver.answer()]).toEqual([false, null]);
    device.serve();
    expect([device.shouldCall(), driver.answered]).toEqual([true, true]);
    expect([driver.answer(), driver.answer()]).toEqual([pairs <= 300 ? OK : ERR, null]);
  }
  expect(set).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
});

test('the control queue comes behind all pairs (section 5.1.2)', () => {
  expect([controlQueueIndex(1), controlQueueIndex(4)]).toEqual([2, 8]);
});
