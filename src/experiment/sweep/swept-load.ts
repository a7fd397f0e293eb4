/** What a sweep varies, what follows it, and whose delivery and loss it reports. */
import type { LatencySummary } from '../../metrics/derive/latency.ts';
import type { Rate } from '../../scenario/text/quantities.ts';
import type { PhaseSpec, Scenario } from '../../scenario/scenario.ts';
import { requestedConnections } from '../run/connection-result.ts';
import { requestedFps } from '../run/phase-result.ts';
import type { PhaseResult } from '../run/run-result.ts';

/** Frames: streams without a rate of their own follow, others keep theirs. Connections: every client follows. */
export type LoadUnit = 'frames' | 'connections';

export interface SweptLoad {
  readonly unit: LoadUnit;
  /** Stream, or for connections client, whose egress and loss count; null for all together. */
  readonly counted: string | null;
}

/** One step of a load: a rate that streams share, or connections/s of every client. */
export type SweptRate = Rate | { readonly kind: 'connections'; readonly perSecond: number };

/** A load that a scenario cannot be offered, or that cannot be searched: what is wrong, and what is allowed. */
export class SweptLoadError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SweptLoadError';
  }
}

/** Titles and units of what is offered and what comes of it. */
export const LOAD_WORDS: Readonly<
  Record<LoadUnit, { readonly perSecond: string; readonly egress: string; readonly lost: string }>
> = {
  frames: { perSecond: 'frames/s', egress: 'egress', lost: 'lost' },
  connections: { perSecond: 'connections/s', egress: 'completed', lost: 'unfinished' },
};

/**
 * Decides what of a scenario is swept: what is asked for, otherwise frames where a stream follows, else connections.
 * @throws SweptLoadError when nothing would follow, or nothing has the name that is to count.
 */
export function chooseLoad(scenario: Scenario, asked: LoadUnit | null, counted: string | null): SweptLoad {
  const { name, traffic } = scenario;
  const { streams, connections } = traffic;
  const unit = asked ?? (sharingNames(scenario).length > 0 || connections.length === 0 ? 'frames' : 'connections');
  if (unit === 'connections' && connections.length === 0) {
    throw new SweptLoadError(`${name} has no traffic.connections to follow connections/s, allowed: frames/s`);
  }
  if (unit === 'frames' && sharingNames(scenario).length === 0) {
    const found = streams.length === 0 ? 'has no stream' : 'has a rate of its own for every stream';
    const allowed =
      connections.length > 0
        ? 'connections/s such as 2kcps'
        : 'a scenario with a stream that has no rate, or with traffic.connections';
    throw new SweptLoadError(`${name} ${found}, so that nothing follows a load in frames/s, allowed: ${allowed}`);
  }
  const names = (unit === 'frames' ? streams : connections).map((each) => each.name);
  if (counted !== null && !names.includes(counted)) {
    throw new SweptLoadError(`--stream: found "${counted}", allowed: ${names.join(', ')}`);
  }
  return { unit, counted };
}

/** Streams that follow a load in frames/s. */
export function sharingNames({ traffic }: Scenario): string[] {
  return traffic.streams.filter(({ rate }) => rate === 'shared').map(({ name }) => name);
}

/** What a phase has to ask for: what does not follow keeps what the scenario says of it. */
export function askedAt({ traffic }: Scenario, rate: SweptRate): Pick<PhaseSpec, 'rate' | 'connectionsPerSecond'> {
  return rate.kind === 'connections'
    ? { rate: traffic.rate, connectionsPerSecond: rate.perSecond }
    : { rate, connectionsPerSecond: null };
}

/** The part of what is asked for that follows the load, per second. */
export function offeredPerSecond(scenario: Scenario, rate: SweptRate): number {
  const asked = askedAt(scenario, rate);
  if (rate.kind === 'connections') return sum(requestedConnections(scenario, asked));
  return sum(requestedFps(scenario, asked).filter((_, i) => scenario.traffic.streams[i].rate === 'shared'));
}

/** The part that counts, per second: with nothing lost, the egress. */
export function countedPerSecond(scenario: Scenario, { unit, counted }: SweptLoad, rate: SweptRate): number {
  const { streams, connections } = scenario.traffic;
  const asked = askedAt(scenario, rate);
  const [parts, amounts] =
    unit === 'frames' ? [streams, requestedFps(scenario, asked)] : [connections, requestedConnections(scenario, asked)];
  return sum(amounts.filter((_, i) => counted === null || parts[i].name === counted));
}

/** The rate at which that much follows, all together. */
export function rateOf({ traffic }: Scenario, unit: LoadUnit, perSecond: number): SweptRate {
  return unit === 'frames'
    ? { kind: 'frames', perSecond }
    : { kind: 'connections', perSecond: perSecond / traffic.connections.length };
}

/** What one stream or client did in a trial, in frames or connections. */
export interface MeasuredPart {
  readonly name: string;
  readonly requestedPerSecond: number;
  readonly delivered: number;
  /** Null where nothing was sent or due. */
  readonly lossRatio: number | null;
  readonly latency: LatencySummary | null;
}

export function measuredParts({ streams, connections, latency }: PhaseResult, unit: LoadUnit): MeasuredPart[] {
  if (unit === 'frames') {
    return streams.map(({ name, requestedFps, deliveredFrames, lossRatio }) => ({
      name,
      requestedPerSecond: requestedFps,
      delivered: deliveredFrames,
      lossRatio,
      latency: latency.find(({ stream }) => stream === name)?.summary ?? null,
    }));
  }
  return connections.map(({ name, requestedPerSecond, offered, completed, latency: ofEach }) => ({
    name,
    requestedPerSecond,
    delivered: completed,
    lossRatio: unfinishedRatio(offered, completed),
    latency: ofEach,
  }));
}

/** What counts of a trial. */
export function measuredWhole(
  phase: PhaseResult,
  { unit, counted }: SweptLoad,
): Pick<MeasuredPart, 'delivered' | 'lossRatio'> {
  if (counted !== null) return measuredParts(phase, unit).find(({ name }) => name === counted)!;
  if (unit === 'frames') {
    return {
      delivered: sum(phase.streams.map(({ deliveredFrames }) => deliveredFrames)),
      lossRatio: phase.total.lossRatio,
    };
  }
  const completed = sum(phase.connections.map((each) => each.completed));
  return {
    delivered: completed,
    lossRatio: unfinishedRatio(sum(phase.connections.map(({ offered }) => offered)), completed),
  };
}

/**
 * Connections that were due and have not completed, as a share. Those under way at either end make one more or less of
 * them, and those that pile up where more is offered than is served are lost to whoever waits for them.
 */
function unfinishedRatio(offered: number, completed: number): number | null {
  return offered === 0 ? null : Math.max(0, offered - completed - 1) / offered;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
