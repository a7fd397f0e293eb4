/** The picture of a sweep as an SVG document: egress over loss over threads, with what they depend on beneath. */
import { formatAmount, formatTime } from '../../text/number-format.ts';
import { wrapWords } from '../../metrics/text/text-table.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { tellLossFree } from '../sweep/loss-free-rate.ts';
import type { SweepResult } from '../sweep/sweep-result.ts';
import { egressPanel } from './egress-panel.ts';
import { CAPTION_PX, CHARACTER_RATIO, MARGIN_PX, TITLE_PX, WIDTH_PX } from './graph-style.ts';
import { lossRow, rowHeightPx, shareRow, threadRow } from './share-panels.ts';
import type { RowLayout } from './share-panels.ts';
import { svgDocument } from './svg-document.ts';
import { groupAt, textElement } from './svg-text.ts';

const TITLES = { frames: 'Egress against ingress', connections: 'Connections completed against offered' };
/** Left of the panels, for ticks and labels. */
const LEFT_PX = 82;
const LEGEND_PX = 206;
const HEAD_PX = 74;
const EGRESS_HEIGHT_PX = 350;
const EGRESS_FOOT_PX = 70;
const ROW_GAP_PX = 22;
const SHARE_HEIGHT_PX = 128;
const SHARE_GAP_PX = 22;
const COLUMNS_MAX = 5;
const CAPTION_LINE_PX = 16;

/** @returns a whole SVG document; one sentence on a small white area where nothing was measured. */
export function sweepSvg(result: SweepResult): string {
  if (result.points.length === 0) {
    return svgDocument(WIDTH_PX, 60, textElement(`${result.scenario}: nothing was measured`, MARGIN_PX, 36, {}));
  }
  const caption = captionLines(result);
  const layout = rowLayout(result.variants.length);
  const rowPx = rowHeightPx(layout, result.variants.length);
  const lossTop = HEAD_PX + EGRESS_HEIGHT_PX + EGRESS_FOOT_PX;
  const threadTop = lossTop + rowPx + ROW_GAP_PX;
  const captionTop = threadTop + rowPx + ROW_GAP_PX;
  const egressSize = { widthPx: WIDTH_PX - LEFT_PX - LEGEND_PX - MARGIN_PX, heightPx: EGRESS_HEIGHT_PX };
  return svgDocument(
    WIDTH_PX,
    captionTop + caption.length * CAPTION_LINE_PX + MARGIN_PX,
    textElement(`${TITLES[result.load.unit]}: ${result.scenario}`, LEFT_PX, 32, {
      'font-size': TITLE_PX,
      'font-weight': 'bold',
    }),
    groupAt(LEFT_PX, HEAD_PX, egressPanel(result, egressSize)),
    groupAt(LEFT_PX, lossTop, shareRow(result, lossRow(result), layout)),
    groupAt(LEFT_PX, threadTop, shareRow(result, threadRow(result), layout)),
    ...caption.map((text, i) =>
      textElement(text, MARGIN_PX, captionTop + i * CAPTION_LINE_PX, { 'font-size': CAPTION_PX }),
    ),
  );
}

function rowLayout(variants: number): RowLayout {
  // No more rows than are needed, with as many panels each as can be.
  const rows = Math.ceil(variants / COLUMNS_MAX);
  const columns = Math.max(2, Math.ceil(variants / rows));
  const widthPx = (WIDTH_PX - LEFT_PX - MARGIN_PX - (columns - 1) * SHARE_GAP_PX) / columns;
  return { panel: { widthPx, heightPx: SHARE_HEIGHT_PX }, gapPx: SHARE_GAP_PX, columns };
}

/** Everything that the curves depend on, and how to read them. */
function captionLines(result: SweepResult): string[] {
  const width = Math.floor((WIDTH_PX - 2 * MARGIN_PX) / (CAPTION_PX * CHARACTER_RATIO));
  const { variants, search, points } = result;
  const hosts = variants.flatMap(({ scenario }) => scenario.hosts);
  const kernels = new Set(
    hosts.map((host) => `${host.kernel}, HZ ${host.hz}${host.threadedNapi ? ', threaded NAPI' : ''}`),
  );
  const costs = new Set(hosts.map((host) => host.costs.inherit));
  const sizes = variants.flatMap(({ scenario }) => scenario.traffic.streams.flatMap((s) => s.frameBytes));
  const invalid = points.filter(({ status }) => status === 'invalid').length;
  const lossFree = search?.lossFreePerSecond ?? null;
  const oversubscribed = variants.flatMap((variant) => variant.oversubscribed);
  return [
    `${sentenceCase(HOST_WORDS[result.hostKind])} on ${result.machine.text}; ${result.tool.name} ` +
      `${result.tool.version}, node ${result.tool.node}, ${result.startedAt.slice(0, 10)}. Kernel profile ` +
      `${[...kernels].join('; ')}; declared costs: ${[...costs].join(', ')}${describeSizes(sizes)}.`,
    ...placementLines(variants),
    `${describeTrials(result)}, variants interleaved` +
      `${result.interrupted ? ' (interrupted)' : ''}.` +
      (lossFree === null
        ? ''
        : ` L: highest rate that ${variants[0].name} carries ${tellLossFree(result.lossFreeRatioMax)}, ${formatAmount(lossFree)}/s.`) +
      ' Running: cores used by all threads of a kind together; waiting: mean share of time they were runnable and not running.' +
      (invalid === 0 ? '' : ` Hollow markers: no valid trial (${invalid} of ${points.length} points).`) +
      (oversubscribed.length === 0 ? '' : ` Oversubscribed: ${[...new Set(oversubscribed)].join('; ')}.`),
  ].flatMap((text) => wrapWords(text, width));
}

/** Where threads were, once for all variants that had the same. */
function placementLines(variants: SweepResult['variants']): string[] {
  const placements = variants.map(({ header }) =>
    header.filter((text) => /^(core|virtual CPU) \d/.test(text)).join('; '),
  );
  const different = [...new Set(placements)];
  return different.map((placement) => {
    const names = variants.flatMap(({ name }, i) => (placements[i] === placement ? [name] : []));
    return `${different.length === 1 ? '' : `${names.join(', ')}: `}${placement}.`;
  });
}

function describeTrials({ trialsPerPoint, durationNs }: SweepResult): string {
  const each = formatTime(durationNs);
  return trialsPerPoint === 1 ? `One trial of ${each} a point` : `Medians of ${trialsPerPoint} trials of ${each} each`;
}

function describeSizes(sizesBytes: readonly number[]): string {
  if (sizesBytes.length === 0) return '';
  const [least, most] = [Math.min(...sizesBytes), Math.max(...sizesBytes)].map(Math.round);
  return `; frames of ${least === most ? least : `${least} to ${most}`} bytes`;
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
