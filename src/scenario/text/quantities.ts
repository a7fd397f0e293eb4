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
  | { readonly kind: 'lineRate'; readonly share: number }
  /** As a capture was captured, that many times as fast. */
  | { readonly kind: 'captured'; readonly times: number };

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

/** Digits, with underscores between them and an exponent behind them if need be: `1_000_000`, `1.5`, `1e6`. */
const NUMBER = '\\d+(?:_\\d+)*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?';
const anyCase = (text: string): string =>
  text.replace(/[a-zµ]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
const anyOf = (units: readonly string[]): string => `(?:${units.map(anyCase).join('|')})`;

const FRAME_UNITS = ['pps', 'fps', 'p/s', 'f/s', 'packets/s', 'frames/s'];
const BIT_UNITS = ['bps', 'bit/s', 'bit'];
/** Not in capitals, where it would be bytes. */
const SHORT_BIT_UNIT = 'b/s';
const CONNECTION_UNITS = ['cps', 'conn/s', 'connections/s'];
const BITS_PATTERN = `[kKmMgGtT]?(?:${anyOf(BIT_UNITS)}|${SHORT_BIT_UNIT})`;

export const RATE_FORM: QuantityForm = {
  allowed:
    'a rate such as 300kpps, 1.488 Mpps, 1e6pps, 1_000_000 frames/s, 500Mbps or 10Gbit/s (frame with FCS), 10GbpsL1 ' +
    "(with preamble and gap), 100% (of the line), 1x (times a capture's own pace)",
  pattern: `^${NUMBER} ?(?:[kKmMgG]?${anyOf(FRAME_UNITS)}|${BITS_PATTERN}(?:[lL][12])?|%|[xX])$`,
  examples: ['300kpps', '1.488Mpps', '10Gbps', '10GbpsL1', '100%', '1x'],
};
export const CONNECTION_RATE_FORM: QuantityForm = {
  allowed: 'connections/s such as 500cps, 2kcps, 2e3 conn/s, 0cps',
  pattern: `^${NUMBER} ?[kKmM]?${anyOf(CONNECTION_UNITS)}$`,
  examples: ['500cps', '2kcps'],
};
export const BIT_RATE_FORM: QuantityForm = {
  allowed: 'a link speed such as 100Mbps, 1Gbps, 10Gbit/s',
  pattern: `^${NUMBER} ?${BITS_PATTERN}$`,
  examples: ['1Gbps', '10Gbps'],
};
export const DURATION_FORM: QuantityForm = {
  allowed: 'a duration such as 300ns, 20us, 500ms, 60s, 10m, 1h',
  pattern: `^${NUMBER} ?${anyOf(['ns', 'us', 'ms', 's', 'm', 'h'])}$`,
  examples: ['20us', '500ms', '60s', '10m'],
};
export const SIZE_FORM: QuantityForm = {
  allowed: 'a size such as 4096B, 512KiB, 64MiB, 1GiB',
  pattern: `^${NUMBER} ?${anyOf(['b', 'kib', 'mib', 'gib'])}$`,
  examples: ['64MiB', '1GiB'],
};
export const SHARE_FORM: QuantityForm = {
  allowed: 'a share from 0% and below 100%, such as 0.5%',
  pattern: `^(?:${NUMBER} ?%|0)$`,
  examples: ['0%', '0.5%', '2%'],
};

const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = { '': 0, k: 3, m: 6, g: 9, t: 12 };
const DURATION_UNITS_NS: readonly (readonly [unit: string, ns: number])[] = [
  ['h', 3_600e9],
  ['m', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
];
const SIZE_UNITS_BYTES: readonly (readonly [unit: string, bytes: number])[] = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
];

/** A number and what stands behind it, in small letters; null when it does not begin with a number. */
function splitQuantity(text: string): { readonly digits: string; readonly unit: string } | null {
  const [, digits, unit] = new RegExp(`^(${NUMBER}) ?(.*)$`).exec(text.trim()) ?? [];
  return digits === undefined ? null : { digits, unit: unit.toLowerCase() };
}

/** Moves the exponent of a number as it is written, since multiplying by a power of ten would round. */
function scaled(digits: string, exponent: number): number {
  const [mantissa, own = '0'] = digits.replaceAll('_', '').toLowerCase().split('e');
  return Number(`${mantissa}e${Number(own) + exponent}`);
}

/** Reads a number with a unit that may have a decimal prefix; null unless `pattern` allows the whole. */
function readPrefixed(
  text: string,
  { pattern }: QuantityForm,
): { readonly value: number; readonly unit: string } | null {
  const parts = new RegExp(pattern).test(text.trim()) ? splitQuantity(text) : null;
  if (parts === null) return null;
  const [, prefix, unit] = /^([kmgt]?)(.+)$/.exec(parts.unit)!;
  return { value: scaled(parts.digits, DECIMAL_EXPONENTS[prefix]), unit };
}

/** Reads a rate. @throws QuantityError listing the forms, also for a number without a unit. */
export function parseRate(text: string): Rate {
  const found = readPrefixed(text, RATE_FORM);
  if (found === null) throw new QuantityError(text, `${RATE_FORM.allowed}${unitMissing(text)}`);
  const { value, unit } = found;
  if (unit === '%') return { kind: 'lineRate', share: scaled(splitQuantity(text)!.digits, -2) };
  if (unit === 'x') return { kind: 'captured', times: value };
  if (FRAME_UNITS.includes(unit)) return { kind: 'frames', perSecond: value };
  return { kind: 'bits', layer: unit.endsWith('l1') ? 1 : 2, perSecond: value };
}

/** What a bare number may have meant. */
function unitMissing(text: string): string {
  return splitQuantity(text)?.unit === '' ? `; a number needs a unit: did you mean "${text.trim()}pps"?` : '';
}

/** Reads a link speed in bit/s, greater than zero. @throws QuantityError */
export function parseBitRateBps(text: string): number {
  const bps = readPrefixed(text, BIT_RATE_FORM)?.value ?? 0;
  if (bps <= 0) throw new QuantityError(text, BIT_RATE_FORM.allowed);
  return bps;
}

/** Reads a rate in connections/s. @throws QuantityError */
export function parseConnectionRate(text: string): number {
  const perSecond = readPrefixed(text, CONNECTION_RATE_FORM)?.value;
  if (perSecond === undefined || !Number.isSafeInteger(Math.round(perSecond))) {
    throw new QuantityError(text, CONNECTION_RATE_FORM.allowed);
  }
  return Math.round(perSecond);
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
  const parts = new RegExp(SHARE_FORM.pattern).test(text.trim()) ? splitQuantity(text) : null;
  const ratio = parts === null ? NaN : scaled(parts.digits, -2);
  if (!(ratio < 1)) throw new QuantityError(text, SHARE_FORM.allowed);
  return ratio;
}

function parseScaled(text: string, units: readonly (readonly [string, number])[], allowed: string): number {
  const parts = splitQuantity(text);
  const factor = units.find(([name]) => name.toLowerCase() === parts?.unit)?.[1];
  const value = parts === null || factor === undefined ? NaN : Math.round(scaled(parts.digits, 0) * factor);
  if (!Number.isSafeInteger(value)) throw new QuantityError(text, allowed);
  return value;
}

/** Writes a rate so that {@link parseRate} reads exactly the same one. For values of at least 1e-6 and below 1e21. */
export function formatRate(rate: Rate): string {
  if (rate.kind === 'lineRate') return `${shiftDecimal(rate.share, 2)}%`;
  if (rate.kind === 'captured') return `${rate.times}x`;
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

/**
 * Turns a rate into frames/s, for a mean frame size in bytes with FCS, a line rate in bit/s, and the frames/s of a
 * capture's own pace. Not capped.
 */
export function rateFps(rate: Rate, meanFrameBytes: number, lineRateBps: number, capturedFps = 0): number {
  switch (rate.kind) {
    case 'frames':
      return rate.perSecond;
    case 'bits':
      return rate.perSecond / (8 * (meanFrameBytes + (rate.layer === 1 ? ETH_GAP_BYTES : 0)));
    case 'lineRate':
      return rate.share * lineRateFps(meanFrameBytes, lineRateBps);
    case 'captured':
      return rate.times * capturedFps;
  }
}

/** Mean of a frame size cycle, in bytes with FCS. */
export function meanFrameBytes(frameBytes: readonly number[]): number {
  return frameBytes.reduce((sum, bytes) => sum + bytes, 0) / frameBytes.length;
}
