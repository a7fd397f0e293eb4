/**
 * The effects of a grid, drawn: a panel for each rate and pair of factors, with a line for each value of the
 * second over the values of the first. Lines that are not parallel are an interaction.
 */
import { line, symbol } from 'd3-shape';
import { mean } from 'simple-statistics';
import { shortNames } from '../sweep/grid.ts';
import { describeOffered } from '../sweep/offered-rates.ts';
import { LOAD_WORDS } from '../sweep/swept-load.ts';
import type { SweepResult } from '../sweep/sweep-result.ts';
import { INK, LABEL_PX, MARGIN_PX, TICK_PX, TITLE_PX, WIDTH_PX, variantStyle } from './graph-style.ts';
import { leftAxis, uprightLabel } from './panel.ts';
import { rateAxis } from './rate-scale.ts';
import type { RateAxis } from './rate-scale.ts';
import { svgDocument } from './svg-document.ts';
import { groupAt, lineElement, pathElement, textElement } from './svg-text.ts';

const PANEL = { widthPx: 330, heightPx: 190 } as const;
const LEFT_PX = 74;
const LEGEND_PX = 22;
const TOP_PX = 64;
const ROW_PX = PANEL.heightPx + 92;
const MARKER_AREA_PX2 = 52;
const LINE_PX = 2;
const HEADROOM_RATIO = 1.08;

/** @param result of a sweep with a grid of at least two factors. */
export function effectsSvg(result: SweepResult): string {
  const keys = result.factors.map((_, i) => i);
  const pairs = keys.flatMap((a) => keys.slice(a + 1).map((b) => [a, b] as const));
  const panels = result.rates.flatMap((_, rateIndex) => pairs.map((pair) => ({ rateIndex, pair })));
  const columnPx = (WIDTH_PX - MARGIN_PX) / 2;
  const drawn = panels.map(({ rateIndex, pair }, i) =>
    groupAt(LEFT_PX + (i % 2) * columnPx, TOP_PX + Math.floor(i / 2) * ROW_PX, effectPanel(result, rateIndex, pair)),
  );
  const heightPx = TOP_PX + Math.ceil(panels.length / 2) * ROW_PX;
  const title = textElement(`Effects of a grid: ${result.scenario}`, MARGIN_PX, MARGIN_PX, { 'font-size': TITLE_PX });
  return svgDocument(WIDTH_PX, heightPx, title, ...drawn);
}

function effectPanel(result: SweepResult, rateIndex: number, [a, b]: readonly [number, number]): string {
  const { factors, load, rates } = result;
  const words = LOAD_WORDS[load.unit];
  const most = Math.max(...result.points.map(({ egressPerSecond }) => egressPerSecond.max));
  const axis = rateAxis(most * HEADROOM_RATIO, -PANEL.heightPx, 5, words.perSecond);
  const names = shortNames(factors.map(({ key }) => key));
  const [first, second] = [factors[a], factors[b]];
  const xOf = (i: number): number => ((i + 0.5) * PANEL.widthPx) / first.values.length;
  const ticks = axis.ticks.map((at) => ({ at, text: axis.write(at) }));
  const below = PANEL.heightPx + TICK_PX + 6;
  return [
    textElement(`${describeOffered(rates[rateIndex])}`, 0, -8, { 'font-size': LABEL_PX, 'font-weight': 'bold' }),
    leftAxis(PANEL, axis.scale, ticks, true),
    uprightLabel(PANEL, `${words.egress}, ${axis.unit}`, 50),
    lineElement(0, PANEL.heightPx, PANEL.widthPx, PANEL.heightPx, { stroke: INK }),
    ...first.values.map((value, i) =>
      textElement(value, xOf(i), below, { 'font-size': TICK_PX, 'text-anchor': 'middle' }),
    ),
    textElement(names[a], PANEL.widthPx / 2, below + LABEL_PX + 4, { 'font-size': LABEL_PX, 'text-anchor': 'middle' }),
    ...second.values.map((value, i) => {
      const means = first.values.map((x) => cellMean(result, rateIndex, { [a]: x, [b]: value }));
      return curve(means, i, xOf, axis) + legendRow(`${names[b]} ${value}`, i);
    }),
  ].join('');
}

/** Mean of the points at some values, over all values of the other factors; null where there is none. */
function cellMean(result: SweepResult, rateIndex: number, fixed: Readonly<Record<number, string>>): number | null {
  const medians = result.variants.flatMap(({ name, levels }) => {
    if (!Object.entries(fixed).every(([f, value]) => levels[Number(f)] === value)) return [];
    const point = result.points.find((each) => each.variant === name && each.rateIndex === rateIndex);
    return point === undefined ? [] : [point.egressPerSecond.median];
  });
  return medians.length === 0 ? null : mean(medians);
}

function curve(means: readonly (number | null)[], style: number, xOf: (i: number) => number, axis: RateAxis): string {
  const { colour, symbol: shape } = variantStyle(style);
  const points = means.flatMap((at, i) => (at === null ? [] : [[xOf(i), axis.scale(at)] as [number, number]]));
  const marker = symbol(shape, MARKER_AREA_PX2)();
  return [
    pathElement(line()(points), { fill: 'none', stroke: colour, 'stroke-width': LINE_PX }),
    ...points.map(([x, y]) => groupAt(x, y, pathElement(marker, { fill: colour }))),
  ].join('');
}

function legendRow(text: string, i: number): string {
  const { colour, symbol: shape } = variantStyle(i);
  const marker = groupAt(
    PANEL.widthPx + 14,
    10 + i * LEGEND_PX,
    pathElement(symbol(shape, MARKER_AREA_PX2)(), { fill: colour }),
  );
  return marker + textElement(text, PANEL.widthPx + 24, 14 + i * LEGEND_PX, { 'font-size': TICK_PX });
}
