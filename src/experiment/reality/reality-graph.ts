/** The curves of a reality check as an SVG document: a panel a condition, delivered over peak against offered over L. */
import { area, line } from 'd3-shape';
import { formatAmount, formatShare } from '../../text/number-format.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { CAPTION_PX, LABEL_PX, MARGIN_PX, TICK_PX, TITLE_PX, WIDTH_PX, variantStyle } from '../graph/graph-style.ts';
import { bottomAxis, leftAxis, uprightLabel } from '../graph/panel.ts';
import { rateAxis, shareScale } from '../graph/rate-scale.ts';
import { svgDocument } from '../graph/svg-document.ts';
import { groupAt, lineElement, pathElement, textElement } from '../graph/svg-text.ts';
import { peakPerSecond } from './compare.ts';
import type { CurvePoint } from './compare.ts';
import type { ConditionResult, HostCurve, RealityResult } from './reality.ts';

const LEFT_PX = 82;
const LEGEND_PX = 330;
const HEAD_PX = 64;
const PANEL = { widthPx: WIDTH_PX - LEFT_PX - LEGEND_PX - MARGIN_PX, heightPx: 300 };
const PANEL_STEP_PX = 400;
const SHARE_MAX = 1.1;
const ROW_PX = 20;

/** @returns a whole SVG document; conditions that were not measured are a sentence each. */
export function realitySvg({ scenario, machine, startedAt, conditions }: RealityResult): string {
  const measured = conditions.filter(({ skipped }) => skipped === null);
  const skipped = conditions.filter((each) => each.skipped !== null);
  const foot = HEAD_PX + measured.length * PANEL_STEP_PX;
  const heightPx = foot + (skipped.length + 2) * ROW_PX;
  const caption = [
    ...skipped.map(({ condition, skipped: why }) => `${condition}: not measured, ${why}`),
    `${machine}, ${startedAt.slice(0, 10)}; bands: least to most of the trials`,
  ];
  const title = { 'font-size': TITLE_PX, 'font-weight': 'bold' };
  return svgDocument(
    WIDTH_PX,
    heightPx,
    textElement(`${scenario}: emulation, simulation and this machine's kernel`, LEFT_PX, 28, title),
    ...measured.map((each, i) => groupAt(LEFT_PX, HEAD_PX + i * PANEL_STEP_PX, panel(each))),
    ...caption.map((text, i) => textElement(text, MARGIN_PX, foot + i * ROW_PX, { 'font-size': CAPTION_PX })),
  );
}

function panel({ condition, curves, distances }: ConditionResult): string {
  const most = Math.max(...curves.flatMap(({ points }) => points.map(({ multiple }) => multiple)));
  const x = rateAxis(most * 1.02, PANEL.widthPx, 8, 'L');
  const y = shareScale(SHARE_MAX, PANEL.heightPx);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: formatShare(at) }));
  const rows = curves.map((curve, i) => {
    const found = distances.find(({ host }) => host === curve.host)?.distance;
    const rms = found === undefined || found === null ? '' : `, RMS ${formatShare(found.rms)}`;
    return { curve, i, text: `${HOST_WORDS[curve.host]}: L ${formatAmount(curve.lossFreePerSecond)}/s${rms}` };
  });
  return [
    textElement(condition, 0, -8, { 'font-size': LABEL_PX }),
    leftAxis(PANEL, y, ticks, true),
    bottomAxis(PANEL, x, "offered, in multiples of each host's loss-free rate L"),
    uprightLabel(PANEL, 'delivered, share of the peak', 50),
    ...rows.map(({ curve, i }) => drawCurve(curve, i, x.scale, y)),
    ...rows.map(({ i, text }) =>
      groupAt(
        PANEL.widthPx + 20,
        10 + i * ROW_PX,
        lineElement(0, 0, 26, 0, { stroke: variantStyle(i).colour, 'stroke-width': 2.4 }) +
          textElement(text, 34, TICK_PX * 0.35, { 'font-size': TICK_PX }),
      ),
    ),
  ].join('');
}

type Place = (value: number) => number;

function drawCurve(curve: HostCurve, index: number, x: Place, y: Place): string {
  const peak = peakPerSecond(curve) || 1;
  const { colour } = variantStyle(index);
  const points = curve.points.filter(({ validTrials }) => validTrials > 0);
  const share = (value: number): number => y(Math.min(SHARE_MAX, value / peak));
  const band = area<CurvePoint>()
    .x(({ multiple }) => x(multiple))
    .y0(({ min }) => share(min))
    .y1(({ max }) => share(max));
  const middle = line<CurvePoint>()
    .x(({ multiple }) => x(multiple))
    .y((point) => share(point.median));
  return (
    pathElement(band(points), { fill: colour, opacity: 0.16 }) +
    pathElement(middle(points), { fill: 'none', stroke: colour, 'stroke-width': 2.4 })
  );
}
