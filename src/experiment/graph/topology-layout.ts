/**
 * Where everything in a drawing of a plan goes. Columns follow a frame from the wire into the guest; an actor's column
 * is the place it has on the path, a thread is a box around its actors, a core a box around its threads. Boxes are
 * stacked in their columns from the top, as far up as they go.
 */
import type { Place } from '../../metrics/lanes.ts';
import type { GraphActor, GraphCore, GraphThread, PlanGraph } from '../../topology/plan-graph.ts';

export const NODE_WIDTH_PX = 112;
export const NODE_HEIGHT_PX = 38;
const COLUMN_PITCH_PX = 224;
const ROW_PITCH_PX = 84;
/** Free space around a thread's actors and a core's threads; above them stands the name. */
const THREAD_PADDING = { sidePx: 12, topPx: 20, bottomPx: 9 };
const CORE_PADDING = { sidePx: 24, topPx: 42, bottomPx: 19 };
const CORE_GAP_PX = 26;

/** Columns of the drawing: the sink shares the generator's, as it sits at the same wire. */
const COLUMN_PLACES: readonly (readonly Place[])[] = [
  ['generator', 'sink'],
  ['nic'],
  ['softirq'],
  ['bridge'],
  ['tap'],
  ['vhost'],
  ['guest'],
  ['vmm'],
];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedActor extends Box {
  readonly actor: GraphActor;
  readonly column: number;
}

export interface TopologyLayout {
  readonly actors: ReadonlyMap<string, PlacedActor>;
  readonly threads: readonly { readonly thread: GraphThread; readonly box: Box }[];
  readonly cores: readonly { readonly core: GraphCore; readonly box: Box }[];
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Lays a graph out with its origin at top left. */
export function layOut(graph: PlanGraph): TopologyLayout {
  const columnOf = columnsOf(graph);
  const bottoms: number[] = [];
  const actors = new Map<string, PlacedActor>();
  const threads: { thread: GraphThread; box: Box }[] = [];
  const cores = graph.cores.map((core) => {
    const members = core.threads.flatMap((thread) => thread.actors);
    const span = members.map(columnOf);
    const [first, last] = [Math.min(...span), Math.max(...span)];
    const top = Math.max(0, ...range(first, last).map((column) => bottoms[column] ?? 0)) + CORE_PADDING.topPx;
    const rows = stackThreads(core, columnOf);
    for (const [name, { actor, row }] of rows) {
      const column = columnOf(actor);
      const [x, y] = [CORE_PADDING.sidePx + column * COLUMN_PITCH_PX, top + row * ROW_PITCH_PX];
      actors.set(name, { actor, column, x, y, width: NODE_WIDTH_PX, height: NODE_HEIGHT_PX });
    }
    for (const thread of core.threads) threads.push({ thread, box: around(thread.actors, actors, THREAD_PADDING) });
    const box = around(members, actors, CORE_PADDING);
    for (const column of range(first, last)) bottoms[column] = box.y + box.height + CORE_GAP_PX;
    return { core, box };
  });
  const right = Math.max(...cores.map(({ box }) => box.x + box.width));
  const bottom = Math.max(...cores.map(({ box }) => box.y + box.height));
  return { actors, threads, cores, widthPx: right, heightPx: bottom };
}

/** Places on the path that the graph has, numbered from the wire. */
function columnsOf({ cores }: PlanGraph): (actor: GraphActor) => number {
  const indexOf = ({ place }: GraphActor): number => COLUMN_PLACES.findIndex((places) => places.includes(place));
  const used = new Set(cores.flatMap(({ threads }) => threads.flatMap(({ actors }) => actors.map(indexOf))));
  const inOrder = [...used].sort((a, b) => a - b);
  return (actor) => inOrder.indexOf(indexOf(actor));
}

/** The row of each actor within its core: threads whose columns overlap stand below each other. */
function stackThreads(
  { threads }: GraphCore,
  columnOf: (actor: GraphActor) => number,
): Map<string, { actor: GraphActor; row: number }> {
  const nextFree: number[] = [];
  const rows = new Map<string, { actor: GraphActor; row: number }>();
  for (const { actors } of threads) {
    const columns = actors.map(columnOf);
    const spanned = range(Math.min(...columns), Math.max(...columns));
    const top = Math.max(...spanned.map((column) => nextFree[column] ?? 0));
    const used = new Map(spanned.map((column) => [column, top]));
    for (const actor of actors) {
      const row = used.get(columnOf(actor))!;
      rows.set(actor.name, { actor, row });
      used.set(columnOf(actor), row + 1);
    }
    const bottom = Math.max(...used.values());
    for (const column of spanned) nextFree[column] = bottom;
  }
  return rows;
}

function around(
  members: readonly GraphActor[],
  placed: ReadonlyMap<string, PlacedActor>,
  { sidePx, topPx, bottomPx }: typeof CORE_PADDING,
): Box {
  const boxes = members.map(({ name }) => placed.get(name)!);
  const left = Math.min(...boxes.map(({ x }) => x)) - sidePx;
  const top = Math.min(...boxes.map(({ y }) => y)) - topPx;
  const right = Math.max(...boxes.map(({ x, width }) => x + width)) + sidePx;
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + bottomPx;
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
