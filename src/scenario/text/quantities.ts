/**
 * Quantities as a scenario or the command line writes them (`300kpps`, `500ms`, `64MiB`) and as the program uses them:
 * rates as objects that still need a frame size and a line rate, durations in ns, sizes in bytes, bit rates in bit/s.
 * A number without a unit is never accepted: the error lists the forms.
 */

import { ETH_GAP_BYTES, lineRateFps } from '../../net/wire/ethernet.ts';

/** Longest untagged Ethernet frame at an MTU of 9000, FCS included; 1518 at the MTU of IEEE 802.3, 1500. */
export const FRAME_MAX_BYTES = 9018;
/**
 * The simple Internet mix of seven short, four medium and one long frame, in the order they are sent, so that every
 * twelve frames hold the mix exactly. Sizes as TRex uses them, FCS included.
 */
export const IMIX_FRAME_BYTES: readonly number[] = [64, 594, 64, 64, 594, 64, 64, 594, 64, 64, 594, 1518];

/** A rate as it was asked for. What it means in frames/s depends on the frame size and the port: {@link rateFps}. */
export type Rate =
  | { readonly kind: 'frames'; readonly perSecond: number }
  /** Layer 2 counts the frame with its FCS, layer 1 also preamble and gap. */
  | { readonly kind: 'bits'; readonly layer: 1 | 2; readonly perSecond: number }
  /** Share of the layer-1 line rate of the sending port; 1 is 100 %. */
  | { readonly kind: 'lineRate'; readonly share: number };

/** Text that is no such quantity; `allowed` lists the forms that are. */
export class QuantityError extends Error {
  readonly allowed: string;
  constructor(found: string, allowed: string) {
    super(`found "${found}", allowed: ${allowed}`);
    this.name = 'QuantityError';
    this.allowed = allowed;
  }
}

/** What a kind of quantity looks like: for errors, for the JSON Schema, and the units with their power of ten. */
export interface QuantityForm {
  readonly allowed: string;
  /** A regular expression without flags, since JSON Schema has none; it spells both cases of each letter. */
  readonly pattern: string;
  readonly examples: readonly string[];
}

const NUMBER = '(\\d+(?:\\.\\d+)?)';
const anyCase = (text: string): string =>
  text.replace(/[a-zµ]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);

export const RATE_FORM: QuantityForm = {
  allowed:
    'a rate such as 300kpps, 1.488Mpps, 500Mbps or 10Gbps (frame with FCS), 10GbpsL1 (with preamble and gap), 100%',
  pattern: `^${NUMBER}([kKmMgG]?(${anyCase('pps')}|${anyCase('bps')}([lL][12])?)|%)$`,
  examples: ['300kpps', '1.488Mpps', '10Gbps', '10GbpsL1', '100%'],
};
export const CONNECTION_RATE_FORM: QuantityForm = {
  allowed: 'connections/s such as 500cps, 2kcps, 0cps',
  pattern: `^${NUMBER}[kK]?${anyCase('cps')}$`,
  examples: ['500cps', '2kcps'],
};
export const BIT_RATE_FORM: QuantityForm = {
  allowed: 'a link speed such as 100Mbps, 1Gbps, 10Gbps',
  pattern: `^${NUMBER}[kKmMgG]?${anyCase('bps')}$`,
  examples: ['1Gbps', '10Gbps'],
};
export const DURATION_FORM: QuantityForm = {
  allowed: 'a duration such as 300ns, 20us, 500ms, 60s, 10m, 1h',
  pattern: `^${NUMBER}(${['ns', 'us', 'ms', 's', 'm', 'h'].map(anyCase).join('|')})$`,
  examples: ['20us', '500ms', '60s', '10m'],
};
export const SIZE_FORM: QuantityForm = {
  allowed: 'a size such as 4096B, 512KiB, 64MiB, 1GiB',
  pattern: `^${NUMBER}(${['b', 'kib', 'mib', 'gib'].map(anyCase).join('|')})$`,
  examples: ['64MiB', '1GiB'],
};
export const SHARE_FORM: QuantityForm = {
  allowed: 'a share from 0% and below 100%, such as 0.5%',
  pattern: `^(?:${NUMBER} ?%|0)$`,
  examples: ['0%', '0.5%', '2%'],
};

const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = { '': 0, k: 3, m: 6, g: 9 };
const DURATION_UNITS_NS: readonly (readonly [unit: string, ns: number])[] = [
  ['h', 3_600e9],
  ['m', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
];
const CONNECTION_UNITS: readonly (readonly [unit: string, perSecond: number])[] = [
  ['kcps', 1e3],
  ['cps', 1],
];
const SIZE_UNITS_BYTES: readonly (readonly [unit: string, bytes: number])[] = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
];

/** Reads a rate. @throws QuantityError listing the forms, also for a number without a unit. */
export function parseRate(text: string): Rate {
  const [, digits, prefix, unit, layer] =
    /^(\d+(?:\.\d+)?)([kmg]?)(pps|bps|%)(?:l([12]))?$/.exec(text.trim().toLowerCase()) ?? [];
  const isPlain = unit === 'bps' || layer === undefined;
  if (digits === undefined || !isPlain || (unit === '%' && prefix !== '')) {
    throw new QuantityError(text, RATE_FORM.allowed);
  }
  if (unit === '%') return { kind: 'lineRate', share: Number(`${digits}e-2`) };
  const perSecond = Number(`${digits}e${DECIMAL_EXPONENTS[prefix]}`);
  if (unit === 'pps') return { kind: 'frames', perSecond };
  return { kind: 'bits', layer: layer === '1' ? 1 : 2, perSecond };
}

/** Reads a link speed in bit/s, greater than zero. @throws QuantityError */
export function parseBitRateBps(text: string): number {
  const [, digits, prefix] = /^(\d+(?:\.\d+)?)([kmg]?)bps$/.exec(text.trim().toLowerCase()) ?? [];
  const bps = digits === undefined ? 0 : Number(`${digits}e${DECIMAL_EXPONENTS[prefix]}`);
  if (bps <= 0) throw new QuantityError(text, BIT_RATE_FORM.allowed);
  return bps;
}

/** Reads a rate in connections/s. @throws QuantityError */
export function parseConnectionRate(text: string): number {
  return parseScaled(text, CONNECTION_UNITS, CONNECTION_RATE_FORM.allowed);
}

/** Reads a duration in ns, rounded to a whole one. @throws QuantityError */
export function parseDurationNs(text: string): number {
  return parseScaled(text, DURATION_UNITS_NS, DURATION_FORM.allowed);
}

/** Reads a size in bytes, rounded to a whole one. @throws QuantityError */
export function parseSizeBytes(text: string): number {
  return parseScaled(text, SIZE_UNITS_BYTES, SIZE_FORM.allowed);
}

/** Reads a share as a ratio, from 0 and below 1. @throws QuantityError, also for a number without a sign, but for 0. */
export function parseShare(text: string): number {
  const found = new RegExp(SHARE_FORM.pattern).exec(text.trim());
  const ratio = found === null ? NaN : Number(`${found[1] ?? 0}e-2`);
  if (!(ratio < 1)) throw new QuantityError(text, SHARE_FORM.allowed);
  return ratio;
}

function parseScaled(text: string, units: readonly (readonly [string, number])[], allowed: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text.trim().toLowerCase()) ?? [];
  const factor = units.find(([name]) => name.toLowerCase() === unit)?.[1];
  const value = factor === undefined ? NaN : Math.round(Number(digits) * factor);
  if (!Number.isSafeInteger(value)) throw new QuantityError(text, allowed);
  return value;
}

/** Writes a rate so that {@link parseRate} reads exactly the same one. For values of at least 1e-6 and below 1e21. */
export function formatRate(rate: Rate): string {
  if (rate.kind === 'lineRate') return `${shiftDecimal(rate.share, 2)}%`;
  const suffix = rate.kind === 'frames' ? 'pps' : rate.layer === 1 ? 'bpsL1' : 'bps';
  return withDecimalPrefix(rate.perSecond, suffix);
}

/** Writes a link speed as {@link parseBitRateBps} reads it. */
export function formatBitRate(bps: number): string {
  return withDecimalPrefix(bps, 'bps');
}

/** Writes whole ns in the largest unit that divides them. */
export function formatDuration(ns: number): string {
  return formatScaled(ns, DURATION_UNITS_NS);
}

/** Writes whole bytes in the largest unit that divides them. */
export function formatSize(bytes: number): string {
  return formatScaled(bytes, SIZE_UNITS_BYTES);
}

function withDecimalPrefix(value: number, suffix: string): string {
  if (value >= 1e9) return `${shiftDecimal(value, -9)}G${suffix}`;
  if (value >= 1e6) return `${shiftDecimal(value, -6)}M${suffix}`;
  if (value >= 1e3) return `${shiftDecimal(value, -3)}k${suffix}`;
  return `${value}${suffix}`;
}

function formatScaled(value: number, units: readonly (readonly [string, number])[]): string {
  const [unit, factor] = units.find(([, each]) => value !== 0 && value % each === 0) ?? units[units.length - 1];
  return `${value / factor}${unit}`;
}

/** Moves the decimal point in the digits themselves, since multiplying by a power of ten would round. */
function shiftDecimal(value: number, places: number): string {
  const [whole, fraction = ''] = String(value).split('.');
  const digits = places < 0 ? whole.padStart(1 - places, '0') + fraction : whole + fraction.padEnd(places, '0');
  const point = Math.max(whole.length, places < 0 ? 1 - places : 0) + places;
  const left = digits.slice(0, point).replace(/^0+(?=\d)/, '');
  const right = digits.slice(point).replace(/0+$/, '');
  return right === '' ? left : `${left}.${right}`;
}

/** Turns a rate into frames/s, for a mean frame size in bytes with FCS and a line rate in bit/s. Not capped. */
export function rateFps(rate: Rate, meanFrameBytes: number, lineRateBps: number): number {
  switch (rate.kind) {
    case 'frames':
      return rate.perSecond;
    case 'bits':
      return rate.perSecond / (8 * (meanFrameBytes + (rate.layer === 1 ? ETH_GAP_BYTES : 0)));
    case 'lineRate':
      return rate.share * lineRateFps(meanFrameBytes, lineRateBps);
  }
}

/** Mean of a frame size cycle, in bytes with FCS. */
export function meanFrameBytes(frameBytes: readonly number[]): number {
  return frameBytes.reduce((sum, bytes) => sum + bytes, 0) / frameBytes.length;
}
