/** One element of an SVG document, with its children. */
export interface SvgNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: SvgNode[];
  text: string;
}

const TOKEN = /<(\/?)([\w-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;
const ATTRIBUTE = /([\w:-]+)="([^"]*)"/g;
/** An ampersand that begins no entity that this program writes. */
const BARE_AMPERSAND = /&(?!(amp|lt|gt|quot);)/;

/**
 * Reads a document that has elements, attributes in double quotes and text only. @throws when it is not well formed.
 */
export function parseSvg(document: string): SvgNode {
  const root: SvgNode = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < document.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(document);
    if (match === null) throw new Error(`no markup at ${at}: ${document.slice(at, at + 60)}`);
    const [whole, closing, name, attributeText, selfClosing, text] = match;
    if (BARE_AMPERSAND.test(whole)) throw new Error(`bare ampersand in ${whole}`);
    const parent = open[open.length - 1];
    if (text !== undefined) {
      parent.text += text;
    } else if (closing === '/') {
      if (parent.name !== name) throw new Error(`</${name}> closes <${parent.name}>`);
      open.pop();
    } else {
      const pairs = [...attributeText.matchAll(ATTRIBUTE)].map(([, key, value]) => [key, value] as const);
      const node: SvgNode = { name, attributes: Object.fromEntries(pairs), children: [], text: '' };
      if (pairs.length !== Object.keys(node.attributes).length) throw new Error(`an attribute twice in ${whole}`);
      parent.children.push(node);
      if (selfClosing === '') open.push(node);
    }
  }
  if (open.length > 1) throw new Error(`<${open[open.length - 1].name}> is not closed`);
  if (root.children.length !== 1) throw new Error(`${root.children.length} root elements`);
  return root.children[0];
}

/** An element and all below it. */
export function allNodes(node: SvgNode): SvgNode[] {
  return [node, ...node.children.flatMap(allNodes)];
}

/** Where each piece of text stands, translations and quarter turns of its groups applied, in px. */
export function placedTexts(
  node: SvgNode,
  originX = 0,
  originY = 0,
  upright = false,
): { text: string; x: number; y: number; sizePx: number; anchor: string; upright: boolean }[] {
  const [, dx, dy] = /translate\(([-\d.]+),([-\d.]+)\)/.exec(node.attributes.transform ?? '') ?? ['', '0', '0'];
  const [x, y] = [originX + Number(dx), originY + Number(dy)];
  const turned = upright || (node.attributes.transform ?? '').includes('rotate(-90)');
  const own =
    node.name === 'text'
      ? [
          {
            text: node.text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
            x: x + (turned ? 0 : Number(node.attributes.x)),
            y: y + (turned ? 0 : Number(node.attributes.y)),
            sizePx: Number(node.attributes['font-size'] ?? 16),
            anchor: node.attributes['text-anchor'] ?? 'start',
            upright: turned,
          },
        ]
      : [];
  return [...own, ...node.children.flatMap((child) => placedTexts(child, x, y, turned))];
}
