/** The ways that edges take in a drawing of a plan: from side to side, and below the row where they skip columns. */
import type { GraphEdge } from '../../plan/graph/graph.ts';
import type { PlacedActor } from './topology-layout.ts';

export type EdgeDirection = 'inward' | 'outward' | 'control';

export type Point = [x: number, y: number];

export interface RoutedEdge {
  readonly id: EdgeDirection;
  readonly points: readonly Point[];
  /** One for each thing that lies between the two, a line each. */
  readonly labels: readonly string[];
  readonly place: 'middle' | 'source' | 'target' | 'channel' | 'beside';
}

/** Height at which an edge meets an actor, as a share of the actor's. */
const MEETING_RATIOS: Readonly<Record<EdgeDirection, number>> = { inward: 0.3, outward: 0.7, control: 0.88 };
/** Level for a short way at both ends, so that the arrow meets its box square. */
const LEVEL_PX = 12;
/** Edges that skip columns run below their row, each in a channel of its own. */
const FIRST_CHANNEL_PX = 10;
const CHANNEL_PITCH_PX = 8;
/** What such an edge needs to sink to its channel. */
const SINK_PX = 44;

/** All that lies between the same two actors in the same direction, drawn as one edge. */
interface Bundle {
  readonly source: PlacedActor;
  readonly target: PlacedActor;
  readonly id: EdgeDirection;
  readonly labels: string[];
}

export function routeEdges(edges: readonly GraphEdge[], actors: ReadonlyMap<string, PlacedActor>): RoutedEdge[] {
  const bundles = bundleUp(edges, actors);
  const channels: { readonly y: number; readonly left: number; readonly right: number }[] = [];
  return bundles.map((bundle): RoutedEdge => {
    const { id, labels, source } = bundle;
    if (source.column === bundle.target.column) return { id, labels, points: uprightPoints(bundle), place: 'beside' };
    const [start, end] = meetingPoints(bundle);
    const direction = end[0] > start[0] ? 1 : -1;
    if (!skips(bundle)) {
      const points: Point[] = [
        start,
        [start[0] + direction * LEVEL_PX, start[1]],
        [end[0] - direction * LEVEL_PX, end[1]],
        end,
      ];
      return { id, labels, points, place: placeOf(bundle, bundles) };
    }
    const [left, right] = [Math.min(start[0], end[0]), Math.max(start[0], end[0])];
    let y = source.y + source.height + FIRST_CHANNEL_PX;
    const taken = (at: number): boolean =>
      channels.some((other) => Math.abs(other.y - at) < CHANNEL_PITCH_PX && other.left < right && left < other.right);
    while (taken(y)) y += CHANNEL_PITCH_PX;
    channels.push({ y, left, right });
    const points: Point[] = [start, [start[0] + direction * SINK_PX, y], [end[0] - direction * SINK_PX, y], end];
    return { id, labels, points, place: 'channel' };
  });
}

function bundleUp(edges: readonly GraphEdge[], actors: ReadonlyMap<string, PlacedActor>): Bundle[] {
  const bundles: Bundle[] = [];
  for (const { from, to, label, carries } of edges) {
    const [source, target] = [actors.get(from)!, actors.get(to)!];
    const id = carries === 'control' ? 'control' : target.column >= source.column ? 'inward' : 'outward';
    const same = bundles.find((other) => other.source === source && other.target === target && other.id === id);
    if (same === undefined) bundles.push({ source, target, id, labels: [label] });
    else same.labels.push(label);
  }
  return bundles;
}

function meetingPoints({ source, target, id }: Bundle): [Point, Point] {
  const rightwards = target.column >= source.column;
  const yOf = ({ y, height }: PlacedActor): number => y + height * MEETING_RATIOS[id];
  return [
    [rightwards ? source.x + source.width : source.x, yOf(source)],
    [rightwards ? target.x : target.x + target.width, yOf(target)],
  ];
}

/** Between two of one column, as by a cable between two NICs: straight, downwards on the left and upwards on the right. */
function uprightPoints({ source, target }: Bundle): [Point, Point] {
  const downwards = target.y > source.y;
  const x = source.x + source.width * (downwards ? 0.4 : 0.6);
  return downwards
    ? [
        [x, source.y + source.height],
        [x, target.y],
      ]
    : [
        [x, source.y],
        [x, target.y + target.height],
      ];
}

function skips({ source, target }: Bundle): boolean {
  return Math.abs(target.column - source.column) > 1;
}

/** In the middle of a level edge, otherwise at the end where it is alone. */
function placeOf(bundle: Bundle, all: readonly Bundle[]): RoutedEdge['place'] {
  const { source, target, id } = bundle;
  if (source.y === target.y) return 'middle';
  const alike = all.filter((other) => other.id === id && !skips(other));
  const leaving = alike.filter((other) => other.source === source).length;
  const arriving = alike.filter((other) => other.target === target).length;
  return leaving > 1 && arriving > 1 ? 'middle' : leaving > 1 ? 'target' : 'source';
}
