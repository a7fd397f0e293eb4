/** How the graph looks: sizes in px, and colours that are told apart without red and green, and in print. */
import { symbolCircle, symbolDiamond, symbolSquare, symbolStar, symbolTriangle, symbolWye } from 'd3-shape';
import type { SymbolType } from 'd3-shape';
import type { Colour } from '../../../actors/component.ts';
import { COMPONENTS } from '../../../actors/registry.ts';
import type { DropPlace } from '../../../actors/registry.ts';
import type { ThreadKind } from '../../runtime/os/core-plan.ts';

export const WIDTH_PX = 980;
export const MARGIN_PX = 28;
export const TITLE_PX = 17;
export const LABEL_PX = 13;
export const TICK_PX = 12;
export const CAPTION_PX = 11.5;
/**
 * Width that is allowed for a character, as a share of its size: a little more than the mean of the widest font below.
 */
export const CHARACTER_RATIO = 0.6;
export const FONTS = 'Helvetica, Arial, Liberation Sans, sans-serif';

export const INK = '#222222';
export const FAINT = '#8a8a8a';
export const GRID = '#e3e3e3';

/** Okabe and Ito, Color Universal Design, 2008. */
const ORANGE = '#E69F00';
const SKY = '#56B4E9';
const GREEN = '#009E73';
const YELLOW = '#F0E442';
const BLUE = '#0072B2';
const VERMILLION = '#D55E00';
const PURPLE = '#CC79A7';

interface VariantStyle {
  readonly colour: string;
  readonly symbol: SymbolType;
}

const VARIANT_STYLES: readonly VariantStyle[] = [
  { colour: VERMILLION, symbol: symbolCircle },
  { colour: BLUE, symbol: symbolSquare },
  { colour: GREEN, symbol: symbolTriangle },
  { colour: PURPLE, symbol: symbolDiamond },
  { colour: ORANGE, symbol: symbolStar },
  { colour: SKY, symbol: symbolWye },
];

/** Colour and marker of a variant; a seventh looks like the first. */
export function variantStyle(index: number): VariantStyle {
  return VARIANT_STYLES[index % VARIANT_STYLES.length];
}

/** The palette of components. */
const COLOURS: Readonly<Record<Colour, string>> = {
  orange: ORANGE,
  sky: SKY,
  green: GREEN,
  yellow: YELLOW,
  blue: BLUE,
  vermillion: VERMILLION,
  purple: PURPLE,
  violet: '#6b4c9a',
  ink: INK,
  'dark grey': '#777777',
  grey: FAINT,
  'light grey': '#bbbbbb',
};

interface PlaceStyle {
  readonly place: DropPlace;
  readonly label: string;
  readonly colour: string;
}

/** A vNIC's pool is looked at by the component in front of it in this list. */
const POOL: PlaceStyle = { place: 'pool', label: 'buffer pool', colour: BLUE };

/** As they are stacked: in the order of the components. */
export const PLACE_STYLES: readonly PlaceStyle[] = COMPONENTS.flatMap((each, i): PlaceStyle[] => {
  const { place, drawn, counters } = each;
  if (COMPONENTS.findIndex((other) => other.place === place) < i) return [];
  const own = { place, label: drawn.label, colour: COLOURS[drawn.colour] };
  return counters.some((counter) => 'place' in counter) ? [own, POOL] : [own];
});

/** Threads of the modelled host and guests, as they are stacked: of every kind but hardware and this program's own. */
const THREAD_STYLE: Readonly<Record<Exclude<ThreadKind, 'hardware' | 'main'>, ThreadStyle>> = {
  softirq: { label: 'softirq runs', colour: ORANGE },
  vhost: { label: 'vhost runs', colour: BLUE },
  vcpu: { label: 'vCPUs run', colour: GREEN },
  vmm: { label: 'VMM runs', colour: PURPLE },
};

interface ThreadStyle {
  readonly label: string;
  readonly colour: string;
}

export const THREAD_STYLES: readonly (ThreadStyle & { readonly kind: ThreadKind })[] = (
  Object.keys(THREAD_STYLE) as (keyof typeof THREAD_STYLE)[]
).map((kind) => ({ kind, ...THREAD_STYLE[kind] }));
