/** SVG as text, without a document object model. */

export type Attributes = Readonly<Record<string, string | number>>;

/** An element with its children, which are markup already. Numbers are written with two decimals at most. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? shortNumber(value) : escapeText(value)}"`)
    .join('');
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join('')}</${name}>`;
}

export function textElement(text: string, x: number, y: number, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escapeText(text));
}

export function lineElement(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return element('line', { x1, y1, x2, y2, ...attributes });
}

export function pathElement(d: string | null, attributes: Attributes): string {
  return element('path', { d: d ?? '', ...attributes });
}

/** Children moved to another origin. */
export function groupAt(x: number, y: number, ...children: readonly string[]): string {
  return element('g', { transform: `translate(${shortNumber(x)},${shortNumber(y)})` }, ...children);
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function shortNumber(value: number): string {
  return String(Number(value.toFixed(2)));
}
