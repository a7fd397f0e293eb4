/**
 * Where everything in a drawing of a plan goes. Columns follow a frame from the wire into the guest; an actor's
 * column is the place it has on the path, a thread is a box around its actors, a core a box around its threads, and a
 * host, where there are several, a frame around its cores. Boxes are stacked in their columns from the top, as far up
 * as they go.
 */
import type { Place } from '../../../actors/registry.ts';
import type { GraphActor, GraphCore, GraphThread, PlanGraph } from '../../plan/graph/graph.ts';

export const NODE_WIDTH_PX = 112;
export const NODE_HEIGHT_PX = 38;
const COLUMN_PITCH_PX = 224;
const ROW_PITCH_PX = 84;
/** Free space around the actors of a thread, a core and a host; above them stands the name. */
const THREAD_PADDING = { sidePx: 12, topPx: 20, bottomPx: 9 };
const CORE_PADDING = { sidePx: 24, topPx: 42, bottomPx: 19 };
const HOST_PADDING = { sidePx: 36, topPx: 62, bottomPx: 29 };
const GAP_PX = 26;

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
  /** None where there is one host only. */
  readonly hosts: readonly { readonly host: string; readonly box: Box }[];
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Lays a graph out with its origin at top left. */
export function layOut(graph: PlanGraph): TopologyLayout {
  const columnOf = columnsOf(graph);
  const bottoms: number[] = [];
  const actors = new Map<string, PlacedActor>();
  const threads: { thread: GraphThread; box: Box }[] = [];
  const cores: { core: GraphCore; box: Box }[] = [];
  const hosts: { host: string; box: Box }[] = [];
  // With hosts, what is of none leaves the same space, so that a row goes straight through all.
  const outer = graph.cores.some(({ host }) => host !== null) ? HOST_PADDING : CORE_PADDING;
  const place = (core: GraphCore, columns: readonly number[], topPx: number): void => {
    const top = Math.max(0, ...columns.map((column) => bottoms[column] ?? 0)) + topPx;
    for (const [name, { actor, row }] of stackThreads(core, columnOf)) {
      const column = columnOf(actor);
      const [x, y] = [outer.sidePx + column * COLUMN_PITCH_PX, top + row * ROW_PITCH_PX];
      actors.set(name, { actor, column, x, y, width: NODE_WIDTH_PX, height: NODE_HEIGHT_PX });
    }
    for (const thread of core.threads) threads.push({ thread, box: around(thread.actors, actors, THREAD_PADDING) });
    cores.push({ core, box: around(actorsOf([core]), actors, CORE_PADDING) });
  };
  const close = ({ y, height }: Box, columns: readonly number[]): void => {
    for (const column of columns) bottoms[column] = y + height + GAP_PX;
  };
  for (const host of new Set(graph.cores.map((core) => core.host))) {
    const own = graph.cores.filter((core) => core.host === host);
    const all = columnsBetween(actorsOf(own), columnOf);
    own.forEach((core, i) => {
      const columns = host === null ? columnsBetween(actorsOf([core]), columnOf) : all;
      place(core, columns, i > 0 && host !== null ? CORE_PADDING.topPx : outer.topPx);
      close(cores[cores.length - 1].box, columns);
    });
    if (host === null) continue;
    const box = around(actorsOf(own), actors, HOST_PADDING);
    hosts.push({ host, box });
    close(box, all);
  }
  const boxes = [...cores, ...hosts].map(({ box }) => box);
  const right = Math.max(...boxes.map(({ x, width }) => x + width));
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height));
  return { actors, threads, cores, hosts, widthPx: right, heightPx: bottom };
}

function actorsOf(cores: readonly GraphCore[]): GraphActor[] {
  return cores.flatMap(({ threads }) => threads.flatMap((thread) => thread.actors));
}

function columnsBetween(members: readonly GraphActor[], columnOf: (actor: GraphActor) => number): number[] {
  const columns = members.map(columnOf);
  return range(Math.min(...columns), Math.max(...columns));
}

/** Places on the path that the graph has, numbered from the wire. */
function columnsOf({ cores }: PlanGraph): (actor: GraphActor) => number {
  const indexOf = ({ place }: GraphActor): number => COLUMN_PLACES.findIndex((places) => places.includes(place));
  const used = new Set(actorsOf(cores).map(indexOf));
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
    const spanned = columnsBetween(actors, columnOf);
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
