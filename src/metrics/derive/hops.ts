import type { Place } from '../../../actors/registry.ts';
import { pageOf } from './counters.ts';
import type { Lane } from './lanes.ts';
import type { Snapshot } from './snapshot.ts';

/** Frames that ended at a hop for one reason. */
export interface DropRow {
  readonly counter: string;
  /** In words, as the actor states it. */
  readonly reason: string;
  readonly frames: number;
  readonly fps: number;
}

/** How full the ring in front of a hop is; of several rings the fullest. */
export interface RingRow {
  readonly name: string;
  readonly depthFrames: number;
  readonly limitFrames: number;
}

/** What one lane of one component did between two snapshots. */
export interface HopRow {
  readonly actor: string;
  readonly place: Place;
  /** `rx`, `tx`, `backlog`; empty where an actor has one lane only. */
  readonly lane: string;
  readonly inFps: number | null;
  readonly outFps: number | null;
  /** Reasons that occurred, most frames first. */
  readonly drops: readonly DropRow[];
  readonly dropFps: number;
  /** At the end of the interval. Null where frames wait in a virtqueue or begin. */
  readonly ring: RingRow | null;
}

/** One row for each lane, in the order of the path. Rates are over the time between the snapshots. */
export function hopRows(lanes: readonly Lane[], before: Snapshot, after: Snapshot): HopRow[] {
  const seconds = (after.atNs - before.atNs) / 1e9;
  return lanes.map((lane) => {
    const grown = counterGrowth(lane.actor, before, after);
    const rate = (indexes: readonly number[]): number | null =>
      indexes.length === 0 ? null : indexes.reduce((sum, index) => sum + grown[index], 0) / seconds;
    const drops = lane.drops
      .map(({ index, counter, reason }) => {
        return { counter, reason, frames: grown[index], fps: grown[index] / seconds };
      })
      .filter(({ frames }) => frames > 0)
      .sort((a, b) => b.frames - a.frames);
    return {
      actor: lane.actor,
      place: lane.place,
      lane: lane.name,
      inFps: rate(lane.inIndexes),
      outFps: rate(lane.outIndexes),
      drops,
      dropFps: drops.reduce((sum, { fps }) => sum + fps, 0),
      ring: fullestRing(lane, after),
    };
  });
}

/** How much each counter of an actor grew. @throws for an actor that keeps none. */
export function counterGrowth(actor: string, before: Snapshot, after: Snapshot): Float64Array {
  const start = pageOf(before, actor);
  return pageOf(after, actor).map((value, i) => value - start[i]);
}

/** The rows of an actor's lanes as one, in the place of the first. */
export function mergeLanes(rows: readonly HopRow[]): HopRow[] {
  const merged = new Map<string, HopRow>();
  for (const row of rows) {
    const first = merged.get(row.actor);
    merged.set(row.actor, first === undefined ? { ...row, lane: '' } : addRows(first, row));
  }
  return [...merged.values()];
}

function addRows(a: HopRow, b: HopRow): HopRow {
  const add = (x: number | null, y: number | null): number | null => (x === null ? y : x + (y ?? 0));
  const fill = (row: HopRow): number => (row.ring === null ? -1 : row.ring.depthFrames / row.ring.limitFrames);
  return {
    ...a,
    inFps: add(a.inFps, b.inFps),
    outFps: add(a.outFps, b.outFps),
    drops: [...a.drops, ...b.drops].sort((x, y) => y.frames - x.frames),
    dropFps: a.dropFps + b.dropFps,
    ring: fill(b) > fill(a) ? b.ring : a.ring,
  };
}

function fullestRing(lane: Lane, at: Snapshot): RingRow | null {
  let fullest: RingRow | null = null;
  for (const { name, limit } of lane.inputs) {
    const row = { name, depthFrames: at.depths.get(name) ?? 0, limitFrames: limit };
    if (fullest === null || row.depthFrames / limit > fullest.depthFrames / fullest.limitFrames) fullest = row;
  }
  return fullest;
}
