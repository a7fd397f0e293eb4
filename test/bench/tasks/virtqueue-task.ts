/**
 * One receive virtqueue between two threads: the device side writes header and 64-byte frame into the guest's buffers,
 * the driver side reads every word of the frame and posts the buffer again. Both poll and ask for no notifications.
 */
import { Arena } from '../../../src/memory/arena.ts';
import type { Memory } from '../../../src/memory/arena.ts';
import { copyWords } from '../../../src/memory/copy-words.ts';
import {
  featureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
} from '../../../src/virtio/net/features.ts';
import { GUEST_RING_ALIGN_BYTES } from '../../../src/virtio/guest/guest-nic.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../../../src/virtio/net/net-header.ts';
import { RX_BUFFER_BYTES } from '../../../src/virtio/net/net-queues.ts';
import { DIRECTION_DEVICE_WRITES } from '../../../src/virtio/ring/device-chain.ts';
import {
  createDeviceQueue,
  createDriverQueue,
  ringBytes,
  ringLayoutAt,
  startBase,
  tokenWords,
} from '../../../src/virtio/ring/ring-format.ts';
import type { DeviceQueue, DriverQueue } from '../../../src/virtio/ring/ring-format.ts';
import type { BenchReport, VirtqueueTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';
import { checkSum, frameTemplate, sumFrame, sumOfFrames } from './ring-task.ts';

const FRAME_WORDS = 16;
const USED_BYTES = NET_HEADER_BYTES + FRAME_WORDS * 4;
/** As plan-guest.ts spaces guest buffers. */
const BUFFER_STRIDE_BYTES = 2112;
const FEATURES = {
  split: featureSet(VIRTIO_F_VERSION_1, VIRTIO_F_EVENT_IDX),
  packed: featureSet(VIRTIO_F_VERSION_1, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED),
};
const PREPARED = 1;
const STARTED = 2;

/** Ring, then buffers. The meeting words of the pair lie in another buffer. */
export const GUEST_BUFFER = 'guest';

/** Bytes of guest memory that the bench needs. */
export function virtqueueGuestBytes(queueSize: number): number {
  return buffersByte(queueSize) + queueSize * BUFFER_STRIDE_BYTES;
}

function buffersByte(queueSize: number): number {
  const arena = new Arena(GUEST_BUFFER);
  arena.reserve(Math.max(...Object.values(FEATURES).map((each) => ringBytes(queueSize, GUEST_RING_ALIGN_BYTES, each))));
  return arena.bytes;
}

export function virtqueueDevice(task: VirtqueueTask, memory: Memory, watch: Stopwatch): BenchReport {
  const guest = new GuestMemory(memory.buffer(GUEST_BUFFER));
  watch.meet(PREPARED);
  const features = FEATURES[task.format];
  const layout = ringLayoutAt(0, task.queueSize, GUEST_RING_ALIGN_BYTES, features);
  const queue = createDeviceQueue({ memory: guest, layout, features, direction: DIRECTION_DEVICE_WRITES });
  queue.start(startBase(features));
  queue.disableNotify();
  watch.beginTogether(STARTED);
  const calls = deviceLoop(queue, guest, task.batch, task.count);
  return watch.end({ calls });
}

function deviceLoop(queue: DeviceQueue, guest: GuestMemory, batch: number, count: number): number {
  const frame = frameTemplate();
  const i32 = guest.i32;
  let calls = 0;
  for (let done = 0; done < count;) {
    const found = queue.availCount();
    if (found < 0) throw new Error(`virtqueue broken: ${found}`);
    const left = count - done;
    let n = found < batch ? found : batch;
    if (n > left) n = left;
    if (n === 0) continue;
    for (let i = 0; i < n; i++) {
      const head = queue.pop();
      const addr = queue.chainAddr[0];
      frame[0] = done + i;
      writeNetHeader(guest, addr);
      copyWords(i32, (addr + NET_HEADER_BYTES) >> 2, frame, 0, FRAME_WORDS);
      queue.pushUsed(head, USED_BYTES);
    }
    queue.publishUsed();
    if (queue.shouldCall()) calls++;
    done += n;
  }
  return calls;
}

export function virtqueueDriver(task: VirtqueueTask, memory: Memory, watch: Stopwatch): BenchReport {
  const { queueSize } = task;
  const guest = new GuestMemory(memory.buffer(GUEST_BUFFER));
  const features = FEATURES[task.format];
  const layout = ringLayoutAt(0, queueSize, GUEST_RING_ALIGN_BYTES, features);
  const tokens = new Int32Array(tokenWords(queueSize, features));
  const queue = createDriverQueue({ memory: guest, layout, features, tokens });
  queue.initialise();
  const first = buffersByte(queueSize);
  for (let i = 0; i < queueSize; i++) {
    const addr = first + i * BUFFER_STRIDE_BYTES;
    queue.addInBuf(addr, RX_BUFFER_BYTES, addr);
  }
  queue.publish();
  queue.disableCallback();
  watch.meet(PREPARED);
  watch.beginTogether(STARTED);
  const sum = driverLoop(queue, guest.i32, task.batch, task.count);
  const report = watch.end();
  checkSum(sum, sumOfFrames(task.count));
  return report;
}

function driverLoop(queue: DriverQueue, i32: Int32Array, batch: number, count: number): number {
  let sum = 0;
  for (let done = 0; done < count;) {
    const used = queue.usedAvailable();
    const n = used < batch ? used : batch;
    if (n === 0) continue;
    for (let i = 0; i < n; i++) {
      const addr = queue.takeUsed();
      sum = (sum + sumFrame(i32, (addr + NET_HEADER_BYTES) >> 2)) | 0;
      queue.addInBuf(addr, RX_BUFFER_BYTES, addr);
    }
    queue.publish();
    queue.shouldKick();
    done += n;
  }
  return sum;
}
