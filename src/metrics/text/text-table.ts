import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';

/** Colours a text, or leaves it alone where colours have no place. */
export type Paint = (style: Style, text: string) => string;

/** The caller has decided whether the reader sees colours, so the stream is not asked again. */
export function paintFor(colours: boolean): Paint {
  return colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;
}

/** Text with a style; its width is that of the text. */
export interface StyledText {
  readonly text: string;
  readonly style: Style;
}

export type Cell = string | StyledText;

export interface Column {
  readonly align: 'left' | 'right';
  /** Characters, padding included; left out, the widest cell decides. */
  readonly width?: number;
}

const GAP = '  ';

/**
 * Rows as lines, columns aligned, no line longer than `width`: what does not fit is cut with an ellipsis, and columns
 * that begin beyond the edge are left out.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  paint: Paint,
): string[] {
  const widths = columns.map(
    ({ width: fixed }, i) => fixed ?? Math.max(0, ...rows.map((row) => textOf(row[i] ?? '').length)),
  );
  return rows.map((row) => {
    let line = '';
    let used = 0;
    for (let i = 0; i < row.length && used < width; i++) {
      const gap = i === 0 ? '' : GAP;
      const room = Math.min(widths[i], width - used - gap.length);
      if (room <= 0) break;
      const text = shorten(textOf(row[i]), room);
      const isLast = i === row.length - 1;
      const padding = ' '.repeat(room - text.length);
      const painted = typeof row[i] === 'string' ? text : paint((row[i] as StyledText).style, text);
      line += gap + (columns[i].align === 'right' ? padding + painted : painted + (isLast ? '' : padding));
      used += gap.length + room;
    }
    return line.trimEnd();
  });
}

export function styled(style: Style, text: string): StyledText {
  return { text, style };
}

/** At most `width` characters, the last an ellipsis where something was cut. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** A bar of `width` cells, `share` of them filled; eighths of a cell are drawn, and more than nothing is visible. */
export function barText(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  if (eighths === 0) return share > 0 ? '▏' : '';
  return '█'.repeat(eighths >> 3) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths & 7];
}

/** `width` cells divided between full, shaded and empty: a thread's running, waiting and sleeping. */
export function dividedBar(full: number, shaded: number, width: number): string {
  const fullCells = Math.round(full * width);
  const shadedCells = Math.min(width - fullCells, Math.round(shaded * width));
  return '█'.repeat(fullCells) + '▒'.repeat(shadedCells) + '·'.repeat(width - fullCells - shadedCells);
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

/** Lines of at most `width` characters, broken between words. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else if (word !== '') lines.push(word);
  }
  return lines;
}
