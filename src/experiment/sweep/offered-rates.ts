/** The rates that a sweep offers. */
import { formatAmount, formatCompact } from '../../text/number-format.ts';
import {
  CONNECTION_RATE_FORM,
  QuantityError,
  RATE_FORM,
  formatRate,
  parseConnectionRate,
  parseRate,
} from '../../scenario/text/quantities.ts';
import type { Rate } from '../../scenario/text/quantities.ts';
import { isOfKind } from '../../scenario/function-kinds.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { portLoads } from '../../scenario/stream-rates.ts';
import { offeredPerSecond, rateOf } from './swept-load.ts';
import type { LoadUnit, SweptRate } from './swept-load.ts';

/** Rates as they are given, or multiples of the loss-free rate of the first variant, which is measured first. */
export type RateChoice =
  | { readonly kind: 'rates'; readonly rates: readonly SweptRate[] }
  | { readonly kind: 'multiples'; readonly multiples: readonly number[] };

export interface OfferedRate {
  readonly rate: SweptRate;
  /** Of all that follow the load together. */
  readonly offeredPerSecond: number;
  /** Of the loss-free rate; null where rates were given. */
  readonly multiple: number | null;
}

export const DEFAULT_MULTIPLES: readonly number[] = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];

const STEPS_MAX = 1000;
const STEPS_ALLOWED = 'FIRST..LAST/STEP in the same unit, such as 10%..100%/10%, 50kpps..400kpps/50kpps, 0.5L..4L/0.5L';
const MULTIPLE_ALLOWED = 'a multiple of the loss-free rate such as 0.5L, 150%L';

/** A load as it may be written: a rate, or a multiple of the loss-free rate. */
export type AskedLoad = SweptRate | { readonly kind: 'multiple'; readonly multiple: number };

/** Reads `300kpps`, `10%`, `2kcps`, `1.5L` or `150%L`. @throws QuantityError */
export function parseLoad(text: string): AskedLoad {
  const [, digits, percent] = /^(\d+(?:\.\d+)?) ?(%?) ?L$/.exec(text.trim()) ?? [];
  if (digits === undefined) return parseSweptRate(text);
  const multiple = Number(`${digits}${percent === '' ? '' : 'e-2'}`);
  if (!(multiple > 0)) throw new QuantityError(text, MULTIPLE_ALLOWED);
  return { kind: 'multiple', multiple };
}

/** What is to be offered, by loads of one kind. @throws QuantityError for rates beside multiples, or two units. */
export function chooseOffered(loads: readonly AskedLoad[]): RateChoice {
  const multiples = loads.flatMap((load) => (load.kind === 'multiple' ? [load.multiple] : []));
  const rates = loads.filter((load) => load.kind !== 'multiple');
  const units = new Set<string>(rates.map(({ kind }) => (kind === 'connections' ? 'connections/s' : 'frames/s')));
  if (multiples.length > 0) units.add('multiples of L');
  if (units.size > 1) throw new QuantityError([...units].join(' and '), 'one of them');
  return multiples.length > 0 ? { kind: 'multiples', multiples } : { kind: 'rates', rates };
}

/** Reads `300kpps`, `10%` or `2kcps`. @throws QuantityError */
export function parseSweptRate(text: string): SweptRate {
  if (new RegExp(CONNECTION_RATE_FORM.pattern).test(text)) {
    return { kind: 'connections', perSecond: parseConnectionRate(text) };
  }
  if (new RegExp(RATE_FORM.pattern).test(text)) return parseRate(text);
  throw new QuantityError(text, `${RATE_FORM.allowed}; ${CONNECTION_RATE_FORM.allowed}; or ${MULTIPLE_ALLOWED}`);
}

/** Reads `10%..100%/10%`, also of units that have a slash themselves. @throws QuantityError */
export function parseSteps(text: string): AskedLoad[] {
  const [, ...parts] = /^(.+)\.\.(.+?(?:\/s)?)\/(.+)$/.exec(text) ?? [];
  if (parts.length !== 3) throw new QuantityError(text, STEPS_ALLOWED);
  const [first, last, step] = parts.map(parseLoad);
  const [from, to, by] = [first, last, step].map(amountOf);
  const alike = [last, step].every((rate) => unitOf(rate) === unitOf(first));
  const count = Math.floor((to - from) / by + 1e-9) + 1;
  if (!alike || !(by > 0) || !(count >= 1) || count > STEPS_MAX) throw new QuantityError(text, STEPS_ALLOWED);
  // Twelve digits, so that three steps of 10 % are 30 % exactly.
  return Array.from({ length: count }, (_, i) => withAmount(first, Number((from + i * by).toPrecision(12))));
}

function amountOf(load: AskedLoad): number {
  if (load.kind === 'multiple') return load.multiple;
  if (load.kind === 'captured') return load.times;
  return load.kind === 'lineRate' ? load.share : load.perSecond;
}

function unitOf(load: AskedLoad): string {
  return load.kind === 'bits' ? `bits${load.layer}` : load.kind;
}

function withAmount(load: AskedLoad, amount: number): AskedLoad {
  if (load.kind === 'multiple') return { ...load, multiple: amount };
  if (load.kind === 'captured') return { ...load, times: amount };
  return load.kind === 'lineRate' ? { ...load, share: amount } : { ...load, perSecond: amount };
}

/** Most that can follow before some port's line is full: of connections, with nothing but their longer messages. */
export function carriedPerSecondMax(scenario: Scenario, unit: LoadUnit): number {
  return unit === 'frames' ? carriedFpsMax(scenario) : carriedConnectionsMax(scenario);
}

function carriedConnectionsMax({ ports, vms, traffic }: Scenario): number {
  const limits = traffic.connections.map(({ port, to }) => {
    const servers = vms.filter(({ nics }) => nics.some(({ name }) => name === to)).map(({ nf }) => nf);
    const [{ requestBytes, responseBytes }] = servers.filter((nf) => isOfKind(nf, 'tcp', 'ended'));
    const { speedBps } = ports.find(({ name }) => name === port)!;
    return speedBps / (8 * Math.max(requestBytes, responseBytes));
  });
  return Math.min(...limits) * limits.length;
}

function carriedFpsMax({ ports, traffic }: Scenario): number {
  const loadsAt = (perSecond: number): Map<string, number> =>
    portLoads({ ports, streams: traffic.streams }, { kind: 'frames', perSecond });
  const idle = loadsAt(0);
  const limits = [...loadsAt(1)].map(([port, load]) => {
    const own = idle.get(port) ?? 0;
    return load > own ? (1 - own) / (load - own) : Infinity;
  });
  return Math.max(0, Math.min(...limits));
}

/** The first of `rates` that some port's line cannot carry; null when all can be sent. Clients wait for the line. */
export function firstBeyondLine({ ports, traffic }: Scenario, rates: readonly SweptRate[]): Rate | null {
  const fits = (rate: Rate): boolean =>
    [...portLoads({ ports, streams: traffic.streams }, rate).values()].every((load) => load <= 1 + 1e-9);
  return rates.filter((rate) => rate.kind !== 'connections').find((rate) => !fits(rate)) ?? null;
}

export function givenRates(scenario: Scenario, rates: readonly SweptRate[]): OfferedRate[] {
  return rates
    .map((rate) => ({ rate, offeredPerSecond: offeredPerSecond(scenario, rate), multiple: null }))
    .sort((a, b) => a.offeredPerSecond - b.offeredPerSecond);
}

/** Multiples of `lossFreePerSecond`; those beyond the line are replaced by one at line rate. */
export function multipliedRates(
  scenario: Scenario,
  unit: LoadUnit,
  multiples: readonly number[],
  lossFreePerSecond: number,
): OfferedRate[] {
  const max = carriedPerSecondMax(scenario, unit);
  const ascending = [...multiples].sort((a, b) => a - b);
  const beyond = ascending.findIndex((multiple) => multiple * lossFreePerSecond > max);
  const within = beyond < 0 ? ascending : [...ascending.slice(0, beyond), max / lossFreePerSecond];
  return within.map((multiple) => {
    const rate = rateOf(scenario, unit, Math.floor(multiple * lossFreePerSecond));
    return { rate, offeredPerSecond: offeredPerSecond(scenario, rate), multiple };
  });
}

/** `1.5 x (223 k/s)`, `30% (893 k/s)`. */
export function describeOffered({ rate, offeredPerSecond, multiple }: OfferedRate): string {
  const amount = `${formatAmount(offeredPerSecond)}/s`;
  if (multiple !== null) return `${formatMultiple(multiple)} (${amount})`;
  return rate.kind === 'frames' || rate.kind === 'connections' ? amount : `${formatRate(rate)} (${amount})`;
}

/** `1.5 x`. */
export function formatMultiple(multiple: number): string {
  return `${Number(multiple.toFixed(2))} x`;
}

/** Titles of the columns that say what was offered. */
export function offeredTitles(multiples: boolean): string[] {
  return multiples ? ['offered', 'L'] : ['offered'];
}

export function offeredCells({
  offeredPerSecond,
  multiple,
}: Pick<OfferedRate, 'offeredPerSecond' | 'multiple'>): string[] {
  const amount = formatCompact(offeredPerSecond);
  return multiple === null ? [amount] : [amount, formatMultiple(multiple)];
}
