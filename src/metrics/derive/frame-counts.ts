/** Frames of a whole run by what became of them: where they began, were copied, and ended. */
import type { Lane } from './lanes.ts';
import { pageOf } from './counters.ts';
import type { Snapshot } from './snapshot.ts';

/** Since the beginning. What is on its way is what began or was copied and has not ended. */
export interface FrameCounts {
  /** By generators, clients and real programs. */
  readonly sentFrames: number;
  /** Copies that a bridge made by flooding. */
  readonly floodedFrames: number;
  /** That guests sent of their own. */
  readonly begunFrames: number;
  /** At sinks, clients and real programs. */
  readonly receivedFrames: number;
  /** Taken by guests they were meant for. */
  readonly consumedFrames: number;
  readonly droppedFrames: number;
}

/** What passed one lane since the beginning. */
export interface LaneFlow {
  readonly inFrames: number;
  readonly outFrames: number;
  readonly copiedFrames: number;
  readonly consumedFrames: number;
  readonly droppedFrames: number;
}

export function flowOf(lane: Lane, snapshot: Snapshot): LaneFlow {
  const values = pageOf(snapshot, lane.actor);
  const sumOf = (indexes: readonly number[]): number => indexes.reduce((sum, index) => sum + values[index], 0);
  return {
    inFrames: sumOf(lane.inIndexes),
    outFrames: sumOf(lane.outIndexes),
    copiedFrames: sumOf(lane.cloneIndexes),
    consumedFrames: sumOf(lane.consumeIndexes),
    droppedFrames: sumOf(lane.drops.map(({ index }) => index)),
  };
}

export function countFrames(lanes: readonly Lane[], snapshot: Snapshot): FrameCounts {
  const counts = {
    sentFrames: 0,
    floodedFrames: 0,
    begunFrames: 0,
    receivedFrames: 0,
    consumedFrames: 0,
    droppedFrames: 0,
  };
  for (const lane of lanes) {
    const flow = flowOf(lane, snapshot);
    if (lane.place === 'generator' || lane.place === 'client') counts.sentFrames += flow.outFrames;
    if (lane.place === 'sink' || lane.place === 'client') counts.receivedFrames += flow.inFrames;
    if (lane.place === 'end' && lane.name === 'tx') counts.sentFrames += flow.inFrames;
    if (lane.place === 'end' && lane.name === 'rx') counts.receivedFrames += flow.outFrames;
    if (lane.place === 'guest') counts.begunFrames += flow.copiedFrames;
    else counts.floodedFrames += flow.copiedFrames;
    counts.consumedFrames += flow.consumedFrames;
    counts.droppedFrames += flow.droppedFrames;
  }
  return counts;
}
