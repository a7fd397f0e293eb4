import { FONTS, INK } from './graph-style.ts';
import { element } from './svg-text.ts';

/** A whole SVG document on white paper. @param children markup, in the order in which it is painted. */
export function svgDocument(widthPx: number, heightPx: number, ...children: readonly string[]): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width: widthPx,
    height: heightPx,
    viewBox: `0 0 ${Math.ceil(widthPx)} ${Math.ceil(heightPx)}`,
    'font-family': FONTS,
    fill: INK,
  };
  const paper = element('rect', { width: '100%', height: '100%', fill: '#ffffff' });
  return `${element('svg', attributes, paper, ...children)}\n`;
}
