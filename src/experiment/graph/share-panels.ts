/** Rows of small panels, one a variant, on the offered load of the panel above: where frames were lost, who ran. */
import { area, line, stack, stackOrderNone } from 'd3-shape';
import { sharesOf } from '../sweep/points.ts';
import type { PointResult, SweepResult } from '../sweep/sweep-result.ts';
import { LOAD_WORDS } from '../sweep/swept-load.ts';
import { CHARACTER_RATIO, INK, LABEL_PX, PLACE_STYLES, THREAD_STYLES, TICK_PX, variantStyle } from './graph-style.ts';
import { bottomAxis, leftAxis, uprightLabel } from './panel.ts';
import type { AxisTick, PanelSize } from './panel.ts';
import { rateAxis, shareScale } from './rate-scale.ts';
import type { Scale } from './rate-scale.ts';
import { element, groupAt, lineElement, pathElement, textElement } from './svg-text.ts';

/** One layer of a stack. */
interface Layer {
  readonly label: string;
  readonly colour: string;
  readonly valueOf: (point: PointResult) => number;
}

/** A line drawn over the stack. */
interface Overlay {
  readonly label: string;
  readonly dashes: string;
  readonly valueOf: (point: PointResult) => number | null;
}

/** What a row of panels shows. */
export interface ShareRow {
  readonly title: string;
  readonly label: string;
  readonly layers: readonly Layer[];
  readonly overlays: readonly Overlay[];
  /** Top of the scale: 1 is 100 %. */
  readonly max: number;
}

export interface RowLayout {
  readonly panel: PanelSize;
  readonly gapPx: number;
  readonly columns: number;
}

const TITLE_PX = 28;
const NAME_PX = 22;
const AXIS_PX = 44;
/** Mean width of a bold character of a title. */
const TITLE_CHARACTER_PX = (LABEL_PX + 2) * CHARACTER_RATIO;
const TICKS = 4;
/** Shares below this everywhere are not worth a place in the legend. */
const NOTABLE_RATIO = 0.001;

/** Dropped frames by place, as shares of those sent. */
export function lossRow({ points }: SweepResult): ShareRow {
  const layers = PLACE_STYLES.map(({ place, label, colour }): Layer => {
    return { label, colour, valueOf: ({ lostAt }) => lostAt.find((lost) => lost.place === place)?.ratio ?? 0 };
  });
  return {
    title: 'Where frames were lost',
    label: 'of frames sent',
    layers: layers.filter(({ valueOf }) => points.some((point) => valueOf(point) >= NOTABLE_RATIO)),
    overlays: [],
    max: 1,
  };
}

/** Cores that the modelled host's threads used, and how long they waited for one. */
export function threadRow({ points }: SweepResult): ShareRow {
  const layers = THREAD_STYLES.map(({ kind, label, colour }): Layer => {
    return { label, colour, valueOf: (point) => sharesOf(point, kind)?.runningCores ?? 0 };
  });
  const waiting = (kind: 'softirq' | 'vhost', dashes: string): Overlay => ({
    label: `${kind} waits`,
    dashes,
    valueOf: (point) => sharesOf(point, kind)?.waitingRatio ?? null,
  });
  const most = Math.max(...points.map((point) => layers.reduce((sum, { valueOf }) => sum + valueOf(point), 0)));
  return {
    title: 'What the host’s threads did',
    label: 'of one core',
    layers: layers.filter(({ valueOf }) => points.some((point) => valueOf(point) >= NOTABLE_RATIO)),
    overlays: [waiting('vhost', 'none'), waiting('softirq', '2 3')],
    // A core's accounts may be a tick apart, so a little more than whole cores is none more.
    max: Math.max(1, Math.ceil(most - 0.1)),
  };
}

export function rowHeightPx({ panel, columns }: RowLayout, variants: number): number {
  return TITLE_PX + Math.ceil(variants / columns) * (NAME_PX + panel.heightPx + AXIS_PX);
}

/** The row with its title and legend; its origin is the left edge of the first panel's area. */
export function shareRow(result: SweepResult, row: ShareRow, layout: RowLayout): string {
  const { panel, gapPx, columns } = layout;
  const panels = result.variants.map(({ name }, i) => {
    const x = (i % columns) * (panel.widthPx + gapPx);
    const y = TITLE_PX + NAME_PX + Math.floor(i / columns) * (NAME_PX + panel.heightPx + AXIS_PX);
    const points = result.points.filter(({ variant }) => variant === name);
    return groupAt(x, y, sharePanel(result, row, panel, points, i % columns === 0), variantName(name, i));
  });
  return [rowTitle(row), ...panels].join('');
}

function variantName(name: string, index: number): string {
  return textElement(name, 0, -7, { 'font-size': LABEL_PX, 'font-weight': 'bold', fill: variantStyle(index).colour });
}

function rowTitle({ title, layers, overlays }: ShareRow): string {
  let x = TITLE_CHARACTER_PX * title.length + 24;
  const parts = [textElement(title, 0, 6, { 'font-size': LABEL_PX + 2, 'font-weight': 'bold' })];
  const add = (sample: string, label: string): void => {
    parts.push(groupAt(x, 1, sample, textElement(label, 20, TICK_PX * 0.35, { 'font-size': TICK_PX })));
    x += 34 + label.length * TICK_PX * CHARACTER_RATIO;
  };
  for (const { label, colour } of layers) {
    add(element('rect', { x: 0, y: -6, width: 14, height: 12, fill: colour }), label);
  }
  for (const { label, dashes } of overlays) add(overlayLine(lineElement(0, 0, 16, 0, {}), dashes), label);
  if (layers.length === 0) parts.push(textElement('nowhere', x, 1 + TICK_PX * 0.35, { 'font-size': TICK_PX }));
  return parts.join('');
}

/** A dark line with a light edge, to be seen on every colour. */
function overlayLine(drawn: string, dashes: string): string {
  const edge = element('g', { stroke: '#ffffff', 'stroke-width': 4, fill: 'none', opacity: 0.8 }, drawn);
  const ink = { stroke: INK, 'stroke-width': 1.8, fill: 'none', 'stroke-dasharray': dashes };
  return edge + element('g', ink, drawn);
}

function sharePanel(
  result: SweepResult,
  row: ShareRow,
  size: PanelSize,
  points: readonly PointResult[],
  first: boolean,
): string {
  const most = Math.max(...result.points.map(({ offeredPerSecond }) => offeredPerSecond));
  const x = rateAxis(most * 1.02, size.widthPx, TICKS, LOAD_WORDS[result.load.unit].perSecond);
  const y = shareScale(row.max * 1.02, size.heightPx);
  const step = row.max > 2 ? 1 : row.max > 1 ? 0.5 : 0.25;
  const ticks = Array.from({ length: Math.floor(row.max / step) + 1 }, (_, i): AxisTick => {
    return { at: i * step, text: `${i * step * 100} %` };
  });
  return [
    leftAxis(size, y, ticks, first),
    ...stackedAreas(row.layers, points, x.scale, y),
    ...row.overlays.map(({ dashes, valueOf }) => {
      const known = points.flatMap((point) => {
        const value = valueOf(point);
        return value === null ? [] : [{ at: point.offeredPerSecond, value }];
      });
      const draw = line<{ at: number; value: number }>()
        .x(({ at }) => x.scale(at))
        .y(({ value }) => y(value));
      return overlayLine(pathElement(draw(known), {}), dashes);
    }),
    bottomAxis(size, x, `offered, ${x.unit}`),
    ...(first ? [uprightLabel(size, row.label, 50)] : []),
  ].join('');
}

function stackedAreas(layers: readonly Layer[], points: readonly PointResult[], x: Scale, y: Scale): string[] {
  const series = stack<unknown, PointResult, Layer>()
    .keys([...layers])
    .value((point, layer) => layer.valueOf(point))
    .order(stackOrderNone)(points);
  return series.map((layered) => {
    const shape = area<(typeof layered)[number]>()
      .x(({ data }) => x(data.offeredPerSecond))
      .y0(([low]) => y(low))
      .y1(([, high]) => y(high));
    return pathElement(shape(layered), { fill: layered.key.colour, opacity: 0.9 });
  });
}
