/** A plan's graph as SVG: the wire at the left, the guest at the right, frames going in above those coming back. */
import { curveMonotoneX, line } from 'd3-shape';
import type { PlanGraph } from '../../plan/graph/graph.ts';
import { CHARACTER_RATIO, FAINT, MARGIN_PX, PLACE_STYLES, TITLE_PX } from './graph-style.ts';
import { svgDocument } from './svg-document.ts';
import { element, groupAt, pathElement, textElement } from './svg-text.ts';
import type { Attributes } from './svg-text.ts';
import { layOut } from './topology-layout.ts';
import type { Box, PlacedActor } from './topology-layout.ts';
import { routeEdges } from './topology-routes.ts';
import type { EdgeDirection, Point, RoutedEdge } from './topology-routes.ts';

const HEAD_PX = 62;
const NAME_PX = 12.5;
const BOX_LABEL_PX = 11;
const EDGE_LABEL_PX = 9.5;

/** @returns a whole SVG document. */
export function topologySvg(title: string, graph: PlanGraph): string {
  const layout = layOut(graph);
  const width = layout.widthPx + 2 * MARGIN_PX;
  const edges = routeEdges(graph.edges, layout.actors);
  const bottom = Math.max(layout.heightPx, ...edges.flatMap(({ points }) => points.map(([, y]) => y)));
  const height = bottom + HEAD_PX + MARGIN_PX;
  const drawing = groupAt(
    MARGIN_PX,
    HEAD_PX,
    ...layout.hosts.map(({ host, box }) => boxOf(box, `host ${host}`, { fill: '#e9eef2', stroke: '#9fb3c1' })),
    ...layout.cores.map(({ core, box }) => boxOf(box, `core ${core.core}`, { fill: '#f4f4f4', stroke: '#bbbbbb' })),
    ...layout.threads.map(({ thread, box }) => boxOf(box, thread.name, { fill: '#ffffff', stroke: FAINT })),
    ...edges.map(pathOf),
    ...[...layout.actors.values()].map(actorOf),
    ...edges.map(labelsOf),
  );
  const heading = textElement(title, MARGIN_PX, 28, { 'font-size': TITLE_PX, 'font-weight': 'bold' });
  return svgDocument(width, height, arrowHeads(), heading, legend(), drawing);
}

const ARROWS: readonly { readonly id: EdgeDirection; readonly colour: string; readonly text: string }[] = [
  { id: 'inward', colour: '#0072B2', text: 'frames towards the guest' },
  { id: 'outward', colour: '#D55E00', text: 'frames towards the wire' },
  { id: 'control', colour: FAINT, text: 'control path' },
];

function arrowHeads(): string {
  const heads = ARROWS.map(({ id, colour }) =>
    element(
      'marker',
      { id, viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
      pathElement('M0,0L8,4L0,8z', { fill: colour }),
    ),
  );
  return element('defs', {}, ...heads);
}

function legend(): string {
  let x = MARGIN_PX;
  const entries = ARROWS.flatMap(({ id, text }) => {
    const from = x;
    x += 60 + text.length * BOX_LABEL_PX * CHARACTER_RATIO;
    return [
      pathElement(`M${from},44H${from + 30}`, strokeOf(id)),
      textElement(text, from + 37, 48, { 'font-size': BOX_LABEL_PX }),
    ];
  });
  return (
    entries.join('') +
    textElement('boxes: threads on cores; numbers: the most a ring may hold', x, 48, {
      'font-size': BOX_LABEL_PX,
      fill: FAINT,
    })
  );
}

function colourOf(id: EdgeDirection): string {
  return ARROWS.find((arrow) => arrow.id === id)!.colour;
}

function strokeOf(id: EdgeDirection): Attributes {
  const width = id === 'control' ? 1 : 1.6;
  const stroke = { fill: 'none', stroke: colourOf(id), 'stroke-width': width, 'marker-end': `url(#${id})` };
  return id === 'control' ? { ...stroke, 'stroke-dasharray': '4 3' } : stroke;
}

function boxOf({ x, y, width, height }: Box, label: string, colours: Record<string, string>): string {
  const text = textElement(label, x + 8, y + 14, { 'font-size': BOX_LABEL_PX, fill: '#555555' });
  return element('rect', { x, y, width, height, rx: 6, ...colours }) + text;
}

function actorOf({ actor, x, y, width, height }: PlacedActor): string {
  const colour = PLACE_STYLES.find(({ place }) => place === actor.place)!.colour;
  const fill = { fill: colour, 'fill-opacity': 0.22, stroke: colour, 'stroke-width': 1.5 };
  const size = Math.min(NAME_PX, (width - 8) / (actor.name.length * CHARACTER_RATIO));
  return (
    element('rect', { x, y, width, height, rx: 4, fill: '#ffffff' }) +
    element('rect', { x, y, width, height, rx: 4, ...fill }) +
    textElement(actor.name, x + width / 2, y + height / 2 + size * 0.35, { 'font-size': size, 'text-anchor': 'middle' })
  );
}

/** From the actor to the middle of a label that stands near it. */
const LABEL_INSET_PX = 44;
/** From the actor to where a label stands that runs in a channel. */
const CHANNEL_LABEL_PX = 100;
/** From an upright edge to the middle of its label. */
const BESIDE_LABEL_PX = 34;
const LINE_PX = 11;

function pathOf({ points, id }: RoutedEdge): string {
  return pathElement(line().curve(curveMonotoneX)([...points]), strokeOf(id));
}

function labelsOf({ points, id, labels, place }: RoutedEdge): string {
  if (id === 'control') return '';
  const first = points[0];
  const last = points[points.length - 1];
  const [x, y] = labelPoint(place, first, last, points[1][1]);
  return labels
    .map((text, i) =>
      textElement(text, x, i === 0 ? y - 3 : y - 2 + i * LINE_PX, {
        'font-size': EDGE_LABEL_PX,
        'text-anchor': 'middle',
        fill: colourOf(id),
        stroke: '#ffffff',
        'stroke-width': 3,
        'paint-order': 'stroke',
      }),
    )
    .join('');
}

function labelPoint(place: RoutedEdge['place'], first: Point, last: Point, channelY: number): Point {
  const direction = last[0] > first[0] ? 1 : -1;
  switch (place) {
    case 'channel':
      return [first[0] + direction * CHANNEL_LABEL_PX, channelY];
    case 'middle':
      return [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2];
    case 'source':
      return [first[0] + direction * LABEL_INSET_PX, first[1]];
    case 'target':
      return [last[0] - direction * LABEL_INSET_PX, last[1]];
    case 'beside':
      return [first[0] + (last[1] > first[1] ? -1 : 1) * BESIDE_LABEL_PX, (first[1] + last[1]) / 2 + LINE_PX / 2];
  }
}
