/** Egress against ingress: the talk's graph. */
import { area, line, symbol } from 'd3-shape';
import { formatAmount } from '../../text/number-format.ts';
import type { PointResult, SweepResult } from '../sweep/sweep-result.ts';
import { LOAD_WORDS, countedPerSecond, rateOf, sharingNames } from '../sweep/swept-load.ts';
import { FAINT, INK, LABEL_PX, TICK_PX, variantStyle } from './graph-style.ts';
import { bottomAxis, leftAxis, topAxis, uprightLabel } from './panel.ts';
import type { AxisTick, PanelSize } from './panel.ts';
import { rateAxis } from './rate-scale.ts';
import type { RateAxis, Scale } from './rate-scale.ts';
import { element, groupAt, lineElement, pathElement, textElement } from './svg-text.ts';

const MARKER_AREA_PX2 = 52;
const BOLD_PX = 2.4;
/** Each variant's line is this much wider than the next one's, so that it shows where they coincide. */
const BOLDER_PX = 0.7;
const THIN_PX = 1;
/** One dash pattern a direction. */
const DASHES: readonly string[] = ['5 3', '2 3', '8 3 2 3', '1 3'];
const LEGEND_ROW_PX = 22;
const HEADROOM_RATIO = 1.08;

/** The panel alone; its axes reach about 70 px to the left and 45 px below, its legend `legendPx` to the right. */
export function egressPanel(result: SweepResult, size: PanelSize): string {
  const words = LOAD_WORDS[result.load.unit];
  const most = Math.max(...result.points.map(({ offeredPerSecond }) => offeredPerSecond));
  const x = rateAxis(most * 1.02, size.widthPx, 8, words.perSecond);
  const top = Math.max(...result.points.map(({ egressPerSecond }) => egressPerSecond.max));
  const y = rateAxis(top * HEADROOM_RATIO, -size.heightPx, 6, words.perSecond);
  const yTicks = y.ticks.map((at): AxisTick => ({ at, text: y.write(at) }));
  return [
    leftAxis(size, y.scale, yTicks, true),
    bottomAxis(size, x, `offered load, ${followersPhrase(result)}${x.unit}`),
    uprightLabel(
      size,
      `${words.egress}${result.load.counted === null ? '' : ` of ${result.load.counted}`}, ${y.unit}`,
      50,
    ),
    topAxis(size, x.scale, multipleTicks(result, x)),
    referenceLines(result, size, x, y),
    ...result.variants.map(({ name }, i) =>
      variantCurves(
        result.points.filter(({ variant }) => variant === name),
        i,
        boldPx(result, i),
        result.load.counted === null,
        x.scale,
        y.scale,
      ),
    ),
    groupAt(size.widthPx + 22, 4, legend(result, x)),
  ].join('');
}

/** What follows the load, where that is not one stream or client alone. */
function followersPhrase({ load, variants: [{ scenario }] }: SweepResult): string {
  const names = load.unit === 'frames' ? sharingNames(scenario) : scenario.traffic.connections.map(({ name }) => name);
  if (load.unit === 'connections') return names.length < 2 ? '' : `all ${names.length} clients together, `;
  if (names.length < scenario.traffic.streams.length) return `${names.join(' and ')}, `;
  const count = names.length;
  return count < 2 ? '' : count === 2 ? 'both directions together, ' : `all ${count} streams together, `;
}

/** Ticks at whole multiples of the loss-free rate, where it was searched for. */
function multipleTicks({ rates, search }: SweepResult, x: RateAxis): AxisTick[] {
  const lossFreePerSecond = rates.find(({ multiple }) => multiple !== null) ?? null;
  if (search === null || lossFreePerSecond === null || lossFreePerSecond.multiple === null) return [];
  const unit = lossFreePerSecond.offeredPerSecond / lossFreePerSecond.multiple;
  const [, end] = x.scale.domain();
  const count = Math.min(12, Math.floor(end / unit));
  return Array.from({ length: count }, (_, i) => ({ at: (i + 1) * unit, text: i === 0 ? 'L' : `${i + 1} L` }));
}

/** Where nothing is lost, and where the line ends. */
function referenceLines(result: SweepResult, { heightPx }: PanelSize, x: RateAxis, y: RateAxis): string {
  const { linePerSecond, load, variants } = result;
  const [{ scenario }] = variants;
  const lossless = (offered: number): number => countedPerSecond(scenario, load, rateOf(scenario, load.unit, offered));
  const [end, top] = [x.scale.domain()[1], y.scale.domain()[1]];
  const [least, most] = [lossless(0), lossless(end)];
  // What counts grows with the load in proportion, or not at all; the frame cuts it off.
  const reach = most <= top ? end : (end * (top - least)) / (most - least);
  const diagonal = lineElement(x.scale(0), y.scale(least), x.scale(reach), y.scale(lossless(reach)), {
    stroke: FAINT,
    'stroke-dasharray': '6 4',
  });
  if (linePerSecond === null || linePerSecond > x.scale.domain()[1]) return diagonal;
  const at = x.scale(linePerSecond);
  const mark = lineElement(at, 0, at, heightPx, { stroke: FAINT, 'stroke-width': 1.5 });
  const label = element(
    'g',
    { transform: `translate(${at - 5},8) rotate(-90)` },
    textElement('line rate', 0, 0, { 'font-size': TICK_PX, 'text-anchor': 'end', fill: FAINT }),
  );
  return diagonal + mark + label;
}

function boldPx({ variants }: SweepResult, index: number): number {
  return BOLD_PX + (variants.length - 1 - index) * BOLDER_PX;
}

function variantCurves(
  points: readonly PointResult[],
  index: number,
  widthPx: number,
  together: boolean,
  x: Scale,
  y: Scale,
): string {
  if (points.length === 0) return '';
  const { colour, symbol: marker } = variantStyle(index);
  const band = area<PointResult>()
    .x(({ offeredPerSecond }) => x(offeredPerSecond))
    .y0(({ egressPerSecond }) => y(egressPerSecond.min))
    .y1(({ egressPerSecond }) => y(egressPerSecond.max));
  const middle = line<PointResult>()
    .x(({ offeredPerSecond }) => x(offeredPerSecond))
    .y(({ egressPerSecond }) => y(egressPerSecond.median));
  const draw = symbol(marker, MARKER_AREA_PX2);
  const markers = points.map(({ offeredPerSecond, egressPerSecond, status }) =>
    groupAt(
      x(offeredPerSecond),
      y(egressPerSecond.median),
      pathElement(draw(), {
        // Hollow where no trial was valid.
        fill: status === 'invalid' ? '#ffffff' : colour,
        stroke: colour,
        'stroke-width': 1.4,
      }),
    ),
  );
  return [
    pathElement(band(points), { fill: colour, opacity: 0.16 }),
    ...(together ? directionLines(points, colour, x, y) : []),
    pathElement(middle(points), { fill: 'none', stroke: colour, 'stroke-width': widthPx, 'stroke-linejoin': 'round' }),
    ...markers,
  ].join('');
}

/** Thin lines of each stream alone, where there are several. */
function directionLines(points: readonly PointResult[], colour: string, x: Scale, y: Scale): string[] {
  const { streams } = points[0];
  if (streams.length < 2) return [];
  return streams.map((_, i) => {
    const alone = line<PointResult>()
      .x(({ offeredPerSecond }) => x(offeredPerSecond))
      .y((point) => y(point.streams[i].egressPerSecond.median));
    return pathElement(alone(points), {
      fill: 'none',
      stroke: colour,
      'stroke-width': THIN_PX,
      'stroke-dasharray': DASHES[i % DASHES.length],
    });
  });
}

function legend(result: SweepResult, x: RateAxis): string {
  const { variants, points, linePerSecond } = result;
  const [{ streams }] = points;
  const entries = variants.map(({ name }, i) => {
    const { colour, symbol: marker } = variantStyle(i);
    const sample = lineElement(0, 0, 30, 0, { stroke: colour, 'stroke-width': boldPx(result, i) });
    return { sample: sample + groupAt(15, 0, pathElement(symbol(marker, MARKER_AREA_PX2)(), { fill: colour })), name };
  });
  const directions = streams.length < 2 || result.load.counted !== null ? [] : streams.slice(0, DASHES.length);
  const others = [
    ...directions.map(({ name }, i) => ({
      sample: lineElement(0, 0, 30, 0, { stroke: INK, 'stroke-width': THIN_PX, 'stroke-dasharray': DASHES[i] }),
      name,
    })),
    {
      sample: element('rect', { x: 0, y: -6, width: 30, height: 12, fill: INK, opacity: 0.16 }),
      name: 'least to most of trials',
    },
    { sample: lineElement(0, 0, 30, 0, { stroke: FAINT, 'stroke-dasharray': '6 4' }), name: 'nothing lost' },
  ];
  const rows = [...entries, ...others].map(({ sample, name }, i) =>
    groupAt(
      0,
      8 + i * LEGEND_ROW_PX,
      sample + textElement(name, 38, LABEL_PX * 0.35, { 'font-size': i < entries.length ? LABEL_PX : TICK_PX }),
    ),
  );
  const beyond = linePerSecond !== null && linePerSecond > x.scale.domain()[1];
  const note = textElement(
    `line rate: ${formatAmount(linePerSecond ?? 0)} frames/s`,
    0,
    14 + rows.length * LEGEND_ROW_PX,
    {
      'font-size': TICK_PX,
      fill: FAINT,
    },
  );
  return [...rows, ...(beyond ? [note] : [])].join('');
}
