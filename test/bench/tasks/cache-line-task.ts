/** One word to and fro between two cores, and 64-byte copies out of one's own and out of the other's cache. */
import { median } from 'simple-statistics';
import type { Memory } from '../../../src/memory/arena.ts';
import { copyWords } from '../../../src/memory/copy-words.ts';
import { nowNs } from '../../../src/runtime/threads/clock.ts';
import type { BenchReport, CacheLineTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const LINE_WORDS = 16;

export function cacheLineNear(task: CacheLineTask, memory: Memory, watch: Stopwatch): BenchReport {
  const turn = memory.words(task.turn);
  const cells = memory.words(task.cells);
  const into = new Int32Array(LINE_WORDS);
  watch.beginTogether();
  const roundTripNs = bounce(turn, task.roundTrips);
  const remoteNs: number[] = [];
  const localNs: number[] = [];
  for (let pass = 0; pass < task.passes; pass++) {
    const at = 2 * (task.roundTrips + pass);
    Atomics.store(turn, 0, at + 1);
    awaitTurn(turn, at + 2);
    remoteNs.push(copyAllNs(cells, into, task));
    localNs.push(copyAllNs(cells, into, task));
  }
  return watch.end({ roundTripNs, copyRemoteNs: median(remoteNs), copyLocalNs: median(localNs) });
}

export function cacheLineFar(task: CacheLineTask, memory: Memory, watch: Stopwatch): BenchReport {
  const turn = memory.words(task.turn);
  const cells = memory.words(task.cells);
  watch.beginTogether();
  answer(turn, task.roundTrips);
  for (let pass = 0; pass < task.passes; pass++) {
    const at = 2 * (task.roundTrips + pass);
    awaitTurn(turn, at + 1);
    writeAll(cells, task, pass);
    Atomics.store(turn, 0, at + 2);
  }
  return watch.end();
}

/** The near side stores odd numbers, the far side even ones. */
function bounce(turn: Int32Array, roundTrips: number): number {
  const before = nowNs();
  for (let at = 0; at < 2 * roundTrips; at += 2) {
    Atomics.store(turn, 0, at + 1);
    while (Atomics.load(turn, 0) !== at + 2);
  }
  return (nowNs() - before) / roundTrips;
}

function answer(turn: Int32Array, roundTrips: number): void {
  for (let at = 0; at < 2 * roundTrips; at += 2) {
    while (Atomics.load(turn, 0) !== at + 1);
    Atomics.store(turn, 0, at + 2);
  }
}

function awaitTurn(turn: Int32Array, value: number): void {
  while (Atomics.load(turn, 0) !== value);
}

function copyAllNs(cells: Int32Array, into: Int32Array, task: CacheLineTask): number {
  const strideWords = task.strideBytes >> 2;
  const before = nowNs();
  for (let line = 0; line < task.lines; line++) copyWords(into, 0, cells, line * strideWords, LINE_WORDS);
  return (nowNs() - before) / task.lines;
}

function writeAll(cells: Int32Array, task: CacheLineTask, value: number): void {
  const strideWords = task.strideBytes >> 2;
  for (let line = 0; line < task.lines; line++) {
    for (let word = 0; word < LINE_WORDS; word++) cells[line * strideWords + word] = value;
  }
}
