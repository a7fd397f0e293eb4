/**
 * One variant's host in a sweep: started once, paused between trials, so that its threads stay warm and take no CPU.
 */
import { pageOf } from '../../metrics/derive/counters.ts';
import { countFrames } from '../../metrics/derive/frame-counts.ts';
import type { FrameCounts } from '../../metrics/derive/frame-counts.ts';
import { planLanes } from '../../metrics/derive/lanes.ts';
import { threadPlaces } from '../run/thread-places.ts';
import type { TestBed, Trial, TrialRequest } from '../bed/test-bed.ts';
import type { Lane } from '../../metrics/derive/lanes.ts';
import { takeSnapshot } from '../../metrics/derive/snapshot.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import type { Host } from '../../runtime/host.ts';
import type { CoreDistance } from '../../runtime/os/core-distance.ts';
import { openConnections, requestedConnections } from '../run/connection-result.ts';
import { UNWATCHED, watchOf } from '../run/core-watch.ts';
import type { CoreWatch, WatchSample, Watched } from '../run/core-watch.ts';
import { takeLedger } from '../judge/ledger.ts';
import { passTime, whenAborted } from '../run/pacing.ts';
import { describePhase, requestedFps } from '../run/phase-result.ts';
import { BackendRotation } from '../provisioning/backend-rotation.ts';
import { waitUntilReady } from '../run/readiness.ts';
import type { Ledger, PhaseResult, RunResult } from '../run/run-result.ts';
import { streamPaces } from '../run/offers.ts';
import { setConnectionRates, setRates, stopTraffic } from '../run/throttle.ts';
import { unpaidWork } from '../judge/unpaid.ts';
import { judgeUnexplained, judgeValidity } from '../judge/validity.ts';
import { carriedPerSecondMax } from './offered-rates.ts';
import { askedAt, rateOf } from './swept-load.ts';
import type { SweptLoad, SweptRate } from './swept-load.ts';
import { trialLoss } from './trial-loss.ts';
import type { SweepVariant } from './variants.ts';

/**
 * After traffic ends this much time passes between two looks. Nothing may have moved for a few of them, or for many
 * where frames are left in rings: their thread may be waiting for a core. No longer than the bound is waited.
 */
const SETTLE_STEP_NS = 1e7;
const SETTLE_STILL_LOOKS = 3;
const SETTLE_STUCK_LOOKS = 20;
const SETTLE_NS_MAX = 2e9;
/** Warm-up begins at this share of what the line carries, and is judged this many times. */
const WARM_UP_FIRST_RATIO = 1 / 128;
const WARM_UP_STEPS = 8;
/** Share that a step of it may lose and go on upward. */
const WARM_UP_LOSS_MAX = 0.005;

export class SweptHost implements TestBed {
  readonly disturbed = true;
  readonly ahead = 0;
  readonly variant: SweepVariant;
  readonly host: Host;
  private readonly watch: CoreWatch | null;
  private readonly lanes: readonly Lane[];

  /**
   * Starts a host and pauses it when every vNIC is up.
   * @throws when the guest does not come up; the host is stopped then.
   */
  static async start(variant: SweepVariant, host: Host, signal: AbortSignal): Promise<SweptHost> {
    const { promise: aborted, dispose } = whenAborted(signal);
    try {
      await host.start();
      await waitUntilReady(host, aborted, () => signal.aborted);
      new BackendRotation(host).publish();
      await host.pause();
      return new SweptHost(variant, host);
    } catch (error) {
      await host.stop().catch(() => undefined); // The first failure is the one to report.
      throw error;
    } finally {
      dispose();
    }
  }

  private constructor(variant: SweepVariant, host: Host) {
    this.variant = variant;
    this.host = host;
    this.watch = watchOf(host);
    this.lanes = planLanes(host.plan);
  }

  get header(): readonly string[] {
    return this.host.header;
  }

  get oversubscribed(): readonly string[] {
    return this.host.oversubscribed;
  }

  get coreDistance(): CoreDistance | null {
    return this.host.coreDistance;
  }

  /**
   * Passes traffic through until the code is compiled, at rates that begin low and double for as long as nothing is
   * lost: threads that starve would stay cold. @returns the highest load that it carried, per second, to begin a search
   * at; null when there was none.
   */
  async warmUp(load: SweptLoad, durationNs: number, signal: AbortSignal): Promise<number | null> {
    const { scenario } = this.variant;
    const max = carriedPerSecondMax(scenario, load.unit);
    let perSecond = Math.ceil(max * WARM_UP_FIRST_RATIO);
    let best: number | null = null;
    let climbing = true;
    await this.host.resume();
    for (let step = 0; step < WARM_UP_STEPS && durationNs > 0 && !signal.aborted; step++) {
      const request = {
        name: 'warm-up',
        rate: rateOf(scenario, load.unit, perSecond),
        durationNs: durationNs / WARM_UP_STEPS,
      };
      this.offer(request.rate);
      const before = takeSnapshot(this.host);
      await this.pass(request.durationNs, signal);
      const phase = await this.describe(request, [before, takeSnapshot(this.host)], UNWATCHED);
      const lossless = trialLoss(phase, load).lossRatio <= WARM_UP_LOSS_MAX;
      climbing &&= lossless;
      if (lossless) best = Math.max(best ?? 0, perSecond);
      if (climbing) perSecond = Math.min(max, perSecond * 2);
      if (!lossless) perSecond = Math.ceil(perSecond / 2);
    }
    await this.rest();
    return best;
  }

  /** Its threads make one trial at a time. */
  foresee(): void {}

  /** One trial on a paused host, which is paused again afterwards. @returns null when it was interrupted. */
  async trial(request: TrialRequest, signal: AbortSignal): Promise<Trial | null> {
    const { host } = this;
    const tripNs = host.coreDistance?.lastNs ?? null;
    await host.resume();
    this.offer(request.rate);
    await this.pass(request.runInNs, signal);
    const before = takeSnapshot(host);
    const coresBefore = this.watch?.sample() ?? null;
    const complete = await this.pass(request.durationNs, signal);
    const after = takeSnapshot(host);
    const coresAfter = this.watch?.sample() ?? null;
    await this.rest();
    if (!complete) return null;
    const phase = await this.describe(request, [before, after], this.watchedBetween(coresBefore, coresAfter));
    return {
      seed: this.variant.scenario.seed,
      phase,
      validity: judgeValidity([phase], host.oversubscribed, [], unpaidWork(host.kind, this.variant.scenario)),
      coreRoundTripNs: tripNs === null ? null : Math.max(tripNs, host.coreDistance?.lastNs ?? 0),
    };
  }

  /** Lets `act` have the running host, then ends traffic, waits until nothing moves and pauses it. */
  async while<T>(act: () => Promise<T>): Promise<T> {
    await this.host.resume();
    const result = await act();
    await this.rest();
    return result;
  }

  /** Frames that were sent and those that ended on the way, since the beginning. */
  frames(): Pick<FrameCounts, 'sentFrames' | 'droppedFrames'> {
    return countFrames(this.lanes, takeSnapshot(this.host));
  }

  /** Takes stock of the paused host. */
  async ledger(): Promise<Ledger> {
    const ledger = await takeLedger(this.host);
    const faults = [...ledger.faults, ...judgeUnexplained(ledger)];
    return { ...ledger, faults, balanced: faults.length === 0 };
  }

  /** Each thread's place and actors. */
  threads(): RunResult['threads'] {
    return threadPlaces(this.host);
  }

  async stop(): Promise<void> {
    this.watch?.close();
    await this.host.stop();
  }

  /** Sets the rate of everything that follows the load, and that of the rest as the scenario has it. */
  offer(rate: SweptRate): void {
    const { scenario } = this.variant;
    const asked = askedAt(scenario, rate);
    setRates(this.host, requestedFps(scenario, asked), streamPaces(scenario, asked.rate));
    setConnectionRates(this.host, requestedConnections(scenario, asked));
  }

  private describe(
    { name, rate, durationNs }: Omit<TrialRequest, 'runInNs' | 'repeat'>,
    [before, after]: readonly [Snapshot, Snapshot],
    watched: Watched,
  ): Promise<PhaseResult> {
    const { scenario } = this.variant;
    const spec = { name, ...askedAt(scenario, rate), durationNs, stoppedVms: [], drainedBackends: [] };
    return describePhase(this.host, scenario, { spec, before, after, complete: true, ...watched }, null);
  }

  pass(durationNs: number, signal: AbortSignal): Promise<boolean> {
    if (durationNs === 0) return Promise.resolve(!signal.aborted);
    return passTime(this.host, durationNs, durationNs, signal, () => undefined);
  }

  /**
   * Ends traffic, waits until nothing moves any more and no connection is open, and pauses. Frames that cannot move are
   * the ledger's business; a connection ends by its timeout at the latest.
   */
  private async rest(): Promise<void> {
    const { host } = this;
    stopTraffic(host);
    const timeouts = this.variant.scenario.traffic.connections.map(({ timeoutNs }) => timeoutNs);
    const longestNs = SETTLE_NS_MAX + Math.max(0, ...timeouts);
    let [moved, stillLooks, neededLooks] = [-1, 0, 1];
    for (let passedNs = 0; stillLooks < neededLooks && passedNs < longestNs; passedNs += SETTLE_STEP_NS) {
      await host.advance(SETTLE_STEP_NS);
      const snapshot = takeSnapshot(host);
      const now = this.framesMoved(snapshot);
      const atRest = now === moved && openConnections(host.plan, snapshot) === 0;
      stillLooks = atRest ? stillLooks + 1 : 0;
      moved = now;
      const empty = [...snapshot.depths.values()].every((frames) => frames === 0);
      neededLooks = empty ? SETTLE_STILL_LOOKS : SETTLE_STUCK_LOOKS;
    }
    await host.pause();
  }

  /** All frames that entered, left or ended in any lane since the beginning. */
  private framesMoved(snapshot: Snapshot): number {
    return this.lanes.reduce((sum, { actor, inIndexes, outIndexes, drops }) => {
      const values = pageOf(snapshot, actor);
      const indexes = [...inIndexes, ...outIndexes, ...drops.map(({ index }) => index)];
      return indexes.reduce((frames, index) => frames + values[index], sum);
    }, 0);
  }

  private watchedBetween(before: WatchSample | null, after: WatchSample | null): Watched {
    return this.watch === null || before === null || after === null ? UNWATCHED : this.watch.between(before, after);
  }
}
