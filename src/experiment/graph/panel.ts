/** The frame of a panel: grid, axes, ticks and labels around an area of the given size with its origin at top left. */
import { FAINT, GRID, INK, LABEL_PX, TICK_PX } from './graph-style.ts';
import type { RateAxis, Scale } from './rate-scale.ts';
import { element, lineElement, textElement } from './svg-text.ts';

export interface PanelSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface AxisTick {
  readonly at: number;
  readonly text: string;
}

const TICK_LENGTH_PX = 5;

/** Horizontal grid lines, and the ticks at the left unless `written` is false. */
export function leftAxis(size: PanelSize, scale: Scale, ticks: readonly AxisTick[], written: boolean): string {
  const lines = ticks.map(({ at }) => lineElement(0, scale(at), size.widthPx, scale(at), { stroke: GRID }));
  const texts = ticks.map(({ at, text }) =>
    textElement(text, -8, scale(at) + TICK_PX * 0.35, { 'font-size': TICK_PX, 'text-anchor': 'end' }),
  );
  return [...lines, ...(written ? texts : [])].join('');
}

/** The base line with its ticks, and what they mean below. */
export function bottomAxis(size: PanelSize, axis: RateAxis, label: string): string {
  const { heightPx, widthPx } = size;
  const ticks = axis.ticks.flatMap((perSecond) => {
    const x = axis.scale(perSecond);
    return [
      lineElement(x, heightPx, x, heightPx + TICK_LENGTH_PX, { stroke: INK }),
      textElement(axis.write(perSecond), x, heightPx + TICK_LENGTH_PX + TICK_PX, {
        'font-size': TICK_PX,
        'text-anchor': 'middle',
      }),
    ];
  });
  const base = lineElement(0, heightPx, widthPx, heightPx, { stroke: INK });
  const y = heightPx + TICK_LENGTH_PX + TICK_PX + LABEL_PX + 6;
  const text = textElement(label, widthPx / 2, y, { 'font-size': LABEL_PX, 'text-anchor': 'middle' });
  return [base, ...ticks, ...(label === '' ? [] : [text])].join('');
}

/** A second scale along the top edge. */
export function topAxis({ widthPx }: PanelSize, scale: Scale, ticks: readonly AxisTick[]): string {
  const edge = lineElement(0, 0, widthPx, 0, { stroke: GRID });
  const marks = ticks
    .flatMap(({ at, text }) => [
      lineElement(scale(at), 0, scale(at), -TICK_LENGTH_PX, { stroke: FAINT }),
      textElement(text, scale(at), -TICK_LENGTH_PX - 4, {
        'font-size': TICK_PX,
        'text-anchor': 'middle',
        fill: FAINT,
      }),
    ])
    .join('');
  return edge + marks;
}

/** What the left axis means, turned upright. */
export function uprightLabel(size: PanelSize, label: string, distancePx: number): string {
  const transform = `translate(${-distancePx},${size.heightPx / 2}) rotate(-90)`;
  return element('g', { transform }, textElement(label, 0, 0, { 'font-size': LABEL_PX, 'text-anchor': 'middle' }));
}
