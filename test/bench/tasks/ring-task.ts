/** A ring between two threads: ids alone, or a 64-byte frame written on one side and summed up on the other. */
import type { Memory } from '../../../src/memory/arena.ts';
import { copyWords } from '../../../src/memory/copy-words.ts';
import { IdRingConsumer, IdRingProducer } from '../../../src/memory/id-ring.ts';
import type { BenchReport, RingTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const FRAME_WORDS = 16;

export function produceIds({ ring, batch, count }: RingTask, memory: Memory, watch: Stopwatch): BenchReport {
  const producer = new IdRingProducer(memory, ring);
  watch.beginTogether();
  putIds(producer, batch, count);
  return watch.end();
}

function putIds(producer: IdRingProducer, batch: number, count: number): void {
  for (let id = 0; id < count;) {
    if (producer.writable(batch) < batch) continue;
    for (let i = 0; i < batch; i++) producer.put(id++);
    producer.publish();
  }
}

export function consumeIds({ ring, batch, count }: RingTask, memory: Memory, watch: Stopwatch): BenchReport {
  const consumer = new IdRingConsumer(memory, ring);
  watch.beginTogether();
  const sum = takeIds(consumer, batch, count);
  const report = watch.end();
  checkSum(sum, sumOfIds(count));
  return report;
}

function takeIds(consumer: IdRingConsumer, batch: number, count: number): number {
  let sum = 0;
  for (let taken = 0; taken < count;) {
    const ready = consumer.readable(batch);
    const n = ready < batch ? ready : batch;
    if (n === 0) continue;
    for (let i = 0; i < n; i++) sum = (sum + consumer.take()) | 0;
    consumer.release();
    taken += n;
  }
  return sum;
}

export function produceFrames(task: RingTask, memory: Memory, watch: Stopwatch): BenchReport {
  const producer = new IdRingProducer(memory, task.ring);
  const cells = memory.words(task.cells);
  watch.beginTogether();
  putFrames(producer, cells, task.strideBytes >> 2, task.ring.capacity - 1, task.batch, task.count);
  return watch.end();
}

function putFrames(
  producer: IdRingProducer,
  cells: Int32Array,
  strideWords: number,
  mask: number,
  batch: number,
  count: number,
): void {
  const frame = frameTemplate();
  for (let id = 0; id < count;) {
    if (producer.writable(batch) < batch) continue;
    for (let i = 0; i < batch; i++, id++) {
      frame[0] = id;
      copyWords(cells, (id & mask) * strideWords, frame, 0, FRAME_WORDS);
      producer.put(id);
    }
    producer.publish();
  }
}

export function consumeFrames(task: RingTask, memory: Memory, watch: Stopwatch): BenchReport {
  const consumer = new IdRingConsumer(memory, task.ring);
  const cells = memory.words(task.cells);
  watch.beginTogether();
  const sum = takeFrames(consumer, cells, task.strideBytes >> 2, task.ring.capacity - 1, task.batch, task.count);
  const report = watch.end();
  checkSum(sum, sumOfFrames(task.count));
  return report;
}

function takeFrames(
  consumer: IdRingConsumer,
  cells: Int32Array,
  strideWords: number,
  mask: number,
  batch: number,
  count: number,
): number {
  let sum = 0;
  for (let taken = 0; taken < count;) {
    const ready = consumer.readable(batch);
    const n = ready < batch ? ready : batch;
    if (n === 0) continue;
    for (let i = 0; i < n; i++) sum = (sum + sumFrame(cells, (consumer.take() & mask) * strideWords)) | 0;
    consumer.release();
    taken += n;
  }
  return sum;
}

/** All sixteen words of a frame: what a reader of the whole frame has to load. */
export function sumFrame(words: Int32Array, at: number): number {
  return (
    (words[at] +
      words[at + 1] +
      words[at + 2] +
      words[at + 3] +
      words[at + 4] +
      words[at + 5] +
      words[at + 6] +
      words[at + 7] +
      words[at + 8] +
      words[at + 9] +
      words[at + 10] +
      words[at + 11] +
      words[at + 12] +
      words[at + 13] +
      words[at + 14] +
      words[at + 15]) |
    0
  );
}

/** A frame whose first word is its number, to be set. */
export function frameTemplate(): Int32Array {
  return Int32Array.from({ length: FRAME_WORDS }, (_, word) => word * 0x01010101);
}

function sumOfIds(count: number): number {
  return Number(BigInt.asIntN(32, (BigInt(count) * BigInt(count - 1)) / 2n));
}

/** Sum of `count` frames numbered from zero. */
export function sumOfFrames(count: number): number {
  const rest = frameTemplate().reduce((sum, word) => sum + word, 0);
  return (sumOfIds(count) + Number(BigInt.asIntN(32, BigInt(count) * BigInt(rest)))) | 0;
}

/** @throws when what came out is not what went in. */
export function checkSum(found: number, expected: number): void {
  if (found !== expected) throw new Error(`frames lost or damaged: sum ${found}, expected ${expected}`);
}
