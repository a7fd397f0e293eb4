/** One run of a scenario on a host, from the first thread to the ledger. */
import type { CounterName } from '../../../actors/component.ts';
import { CLIENT } from '../../../actors/wire/client.ts';
import { SINK } from '../../../actors/wire/sink.ts';
import { counterOf } from '../../metrics/derive/counters.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Subject, filter, map, share } from 'rxjs';
import type { Observable } from 'rxjs';
import { createRecorder } from '../../metrics/derive/interval-record.ts';
import type { IntervalRecord } from '../../metrics/derive/interval-record.ts';
import type { LiveRun, ProvisioningEvent } from '../../metrics/derive/live-run.ts';
import { createSampler } from '../../metrics/derive/sampler.ts';
import { resultHead, scenarioHash } from '../result/describe-head.ts';
import { takeSnapshot } from '../../metrics/derive/snapshot.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import type { Host } from '../../runtime/host.ts';
import { RUN_IN_NS } from '../../scenario/run-length.ts';
import type { PhaseSpec, Scenario } from '../../scenario/scenario.ts';
import { brokenVirtqueues, functionReports } from './reports.ts';
import { UNWATCHED, describeQuota, watchOf } from './core-watch.ts';
import type { CoreWatch, WatchSample } from './core-watch.ts';
import { exitCodeOf } from './exit-codes.ts';
import { evaluateExpectations } from '../judge/expectations.ts';
import { ledgerNotTaken, takeLedger } from '../judge/ledger.ts';
import { makeOffer, offerOf, warmUpOffers } from './offers.ts';
import { passTime, whenAborted } from './pacing.ts';
import { countDrops, counterTable, describePhase } from './phase-result.ts';
import type { EncodeHistogram, PassedPhase } from './phase-result.ts';
import { Autoscaler } from '../provisioning/autoscaler.ts';
import { BackendRotation } from '../provisioning/backend-rotation.ts';
import { Provisioner } from '../provisioning/provisioner.ts';
import { describeCapture } from './capture-result.ts';
import { waitUntilReady } from './readiness.ts';
import { SETTLE, WARM_UP, describeHeading } from '../tell/run-heading.ts';
import type { FunctionReport, IntegrityResult, Ledger, RunResult } from './run-result.ts';
import { stopTraffic } from './throttle.ts';
import { threadPlaces } from './thread-places.ts';
import { othersLossNotes } from '../judge/others-loss.ts';
import { unpaidWork } from '../judge/unpaid.ts';
import { judgeUnexplained, judgeValidity } from '../judge/validity.ts';
import { verdictText } from '../tell/verdict-text.ts';
import { latestFeatures, readVnicFeatures } from './vnic-features.ts';

export interface RunOptions {
  /** Aborting ends traffic at once; the run still settles, takes stock and gives its result. */
  readonly signal: AbortSignal;
  /** Called when every vNIC is up, before traffic: the time to ask actors for their reports. */
  readonly ready?: (readyAfterNs: number) => Promise<void>;
  /** Called once, before traffic, so that sinks can subscribe. */
  readonly watch?: (live: LiveRun) => void;
  /** Aborting is how the run is meant to end, and no interruption of it. */
  readonly endsWhenAborted?: boolean;
  /** Encodes latency histograms into the result; null leaves them out. */
  readonly encodeHistogram?: EncodeHistogram | null;
}

/** Enough for V8 to compile what a sample runs. */
const REHEARSALS = 60;
/** After an interruption frames under way get this long to arrive. */
const INTERRUPTED_SETTLE_NS_MAX = 2e8;

/**
 * Runs a scenario over a host that nobody has started. The host is stopped when this returns, and when it throws. When
 * a thread dies in a phase the result has what was measured until then, and says so in `failure`.
 * @throws when the guest does not come up, or something breaks before anything was measured.
 */
export async function runScenario(scenario: Scenario, host: Host, options: RunOptions): Promise<RunResult> {
  const startedAt = new Date();
  try {
    await host.start();
    const { promise: aborted, dispose } = whenAborted(options.signal);
    const readyAfterNs = await waitUntilReady(host, aborted, () => options.signal.aborted).finally(dispose);
    await options.ready?.(readyAfterNs);
    const vnics = readVnicFeatures(scenario, host);
    const { failure, latest, ...passed } = await new Traffic(scenario, host, options).pass();
    const started = { scenario, host, options, startedAt, readyAfterNs };
    if (failure !== null) {
      await host.stop().catch(() => undefined);
      const told = { ledger: ledgerNotTaken(host, latest, failure), reports: [], virtqueueFaults: [] };
      return await conclude({ ...started, ...passed, vnics, ...told, final: latest, failure });
    }
    await host.pause();
    const ledger = await takeLedger(host);
    const reports = await functionReports(host);
    const broken = await brokenVirtqueues(host);
    const final = takeSnapshot(host);
    const looks = [vnics, ...passed.provisioning.map((event) => event.vnics), readVnicFeatures(scenario, host)];
    await host.stop();
    const told = { reports, virtqueueFaults: broken };
    return await conclude({ ...started, ...passed, vnics: latestFeatures(looks), ledger, ...told, final, failure });
  } catch (error) {
    await host.stop().catch(() => undefined); // The first failure is the one to report.
    throw error;
  }
}

/** Left to itself the main thread's collector takes its core for 40 ms in the middle of a phase. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** What traffic left behind to be described. */
interface PassedTraffic {
  readonly phases: readonly PassedPhase[];
  readonly samples: readonly IntervalRecord[];
  readonly provisioning: readonly ProvisioningEvent[];
}

/** Warm-up, phases and settling, sampled throughout. */
class Traffic {
  private readonly scenario: Scenario;
  private readonly host: Host;
  private readonly options: RunOptions;
  private readonly ticks = new Subject<string>();
  private readonly samples: IntervalRecord[] = [];
  private readonly phases: SampledPhase[] = [];
  private readonly watch: CoreWatch | null;
  private readonly rotation: BackendRotation;
  private readonly provisioner: Provisioner;
  private latest: Snapshot;

  constructor(scenario: Scenario, host: Host, options: RunOptions) {
    this.scenario = scenario;
    this.host = host;
    this.options = options;
    this.watch = watchOf(host);
    this.rotation = new BackendRotation(host);
    this.provisioner = new Provisioner(host, this.rotation, scenario, host.nowNs());
    this.latest = takeSnapshot(host);
  }

  /** `failure` says what broke traffic off. @throws when that came before anything was measured. */
  async pass(): Promise<PassedTraffic & { failure: string | null; latest: Snapshot }> {
    const { host, scenario, options } = this;
    const { warmupNs, settleNs, phases } = scenario.run;
    this.openStream();
    this.rotation.publish();
    try {
      this.ticks.next(WARM_UP);
      await this.warmUp(warmupNs);
      this.provisioner.beginTimeline(scenario.run.timeline);
      for (const phase of phases) await this.passPhase(phase);
      this.provisioner.endTimeline();
      stopTraffic(host);
      host.stopEnds?.();
      for (const { name } of scenario.vms) await host.setStopped(name, false);
      const restNs = options.signal.aborted ? Math.min(settleNs, INTERRUPTED_SETTLE_NS_MAX) : settleNs;
      await this.passPart(SETTLE, restNs, new AbortController().signal);
      this.ticks.complete();
      this.provisioner.close();
      return this.passed((phase) => this.withCores(phase), null);
    } catch (error) {
      this.ticks.error(error);
      if (this.phases.length === 0) throw error;
      // The cores were asked of threads; some of them are gone.
      return this.passed(
        (phase) => ({ ...phase, ...UNWATCHED }),
        error instanceof Error ? error.message : String(error),
      );
    } finally {
      this.watch?.close();
    }
  }

  private passed(finish: (phase: SampledPhase) => PassedPhase, failure: string | null) {
    const { samples, provisioner, latest } = this;
    return { phases: this.phases.map(finish), samples, provisioning: provisioner.results, failure, latest };
  }

  /** One sampler for all: this run's own boundaries, the result's samples, and every sink. */
  private openStream(): void {
    const { host, options } = this;
    const sampler = createSampler(this.ticks, () => takeSnapshot(host));
    const startNs = host.nowNs();
    const recorder = createRecorder(host.plan, host.places, startNs);
    const intervals = sampler.intervals.pipe(map(recorder), share());
    const ignore = (): void => undefined;
    sampler.samples.subscribe({ next: ({ snapshot }) => (this.latest = snapshot), error: ignore });
    intervals.subscribe({ next: (record) => this.samples.push(record), error: ignore });
    this.autoscale(intervals);
    const watched = this.watch === null ? [] : describeQuota();
    const heading = describeHeading(this.scenario, host, watched);
    options.watch?.({ heading, startNs, intervals, provisioning: this.provisioner.events });
  }

  /** The rules see each interval of a phase once, as every sink does. */
  private autoscale(intervals: Observable<IntervalRecord>): void {
    const { run, vms } = this.scenario;
    const phases = new Set(run.phases.map(({ name }) => name));
    for (const rule of run.autoscale) {
      const scaler = new Autoscaler(rule, vms.find(({ name }) => name === rule.vm)!.present);
      intervals.pipe(filter(({ phase }) => phases.has(phase))).subscribe({
        next: (record) => {
          const decision = scaler.observe(record);
          if (decision !== null) this.provisioner.order(decision.order, scaler.vm, decision.cause);
        },
        error: () => undefined,
      });
    }
  }

  /** Traffic before counting begins. */
  private async warmUp(warmupNs: number): Promise<void> {
    const { host, scenario, options } = this;
    const parts = warmUpOffers(scenario, host.kind);
    for (const [i, offer] of parts.entries()) {
      if (options.signal.aborted) return;
      if (i === parts.length - 1) this.rehearse();
      makeOffer(host, offer);
      await this.passPart(WARM_UP, warmupNs / parts.length, options.signal);
    }
  }

  /**
   * Has V8 compile the sampling before anything is measured. On two cores the main thread samples on the modelled
   * host's core, and while it does, no frame moves there: cold, that is milliseconds.
   */
  private rehearse(): void {
    const { host } = this;
    if (host.kind === 'virtual') return;
    const recorder = createRecorder(host.plan, host.places, host.nowNs());
    let before = takeSnapshot(host);
    for (let i = 0; i < REHEARSALS; i++) {
      const after = takeSnapshot(host);
      recorder({ phase: WARM_UP, before, after });
      before = after;
      this.watch?.sample();
    }
  }

  private async passPhase(spec: PhaseSpec): Promise<void> {
    const { host, scenario, options } = this;
    if (options.signal.aborted) return;
    // First: stopping a guest takes its threads a while, in which the last phase's load would fill its queues.
    makeOffer(host, offerOf(scenario, spec));
    for (const { name } of scenario.vms) await host.setStopped(name, spec.stoppedVms.includes(name));
    this.rotation.drain(spec.drainedBackends);
    if (host.kind !== 'virtual') collectGarbage();
    // Programs send nothing yet, and all that they will send counts.
    if (host.plan.ends.length === 0) await this.passPart(spec.name, RUN_IN_NS, options.signal);
    const before = this.latest;
    const coresBefore = this.watch?.sample() ?? null;
    let complete = false;
    try {
      complete = await this.passPart(spec.name, spec.durationNs, options.signal);
    } finally {
      const after = this.latest;
      if (after.atNs > before.atNs) {
        const ended = complete || options.endsWhenAborted === true;
        this.phases.push({
          spec,
          before,
          after,
          complete: ended,
          coresBefore,
          coresAfter: this.watch?.sample() ?? null,
        });
      }
    }
  }

  private passPart(name: string, durationNs: number, signal: AbortSignal): Promise<boolean> {
    if (durationNs === 0) return Promise.resolve(true);
    const { sampleIntervalNs } = this.scenario.run;
    return passTime(this.host, durationNs, sampleIntervalNs, signal, () => this.ticks.next(name), this.provisioner);
  }

  /** Asks which core each thread is kept on, so it waits until traffic is over and comes before the threads end. */
  private withCores({ coresBefore, coresAfter, ...phase }: SampledPhase): PassedPhase {
    if (this.watch === null || coresBefore === null || coresAfter === null) return { ...phase, ...UNWATCHED };
    return { ...phase, ...this.watch.between(coresBefore, coresAfter) };
  }
}

/** A phase with readings of the cores at its ends. */
interface SampledPhase extends Omit<PassedPhase, 'cores' | 'throttling'> {
  readonly coresBefore: WatchSample | null;
  readonly coresAfter: WatchSample | null;
}

interface FinishedRun extends PassedTraffic {
  readonly scenario: Scenario;
  readonly host: Host;
  readonly options: RunOptions;
  readonly startedAt: Date;
  readonly readyAfterNs: number;
  readonly vnics: RunResult['vnics'];
  readonly ledger: Ledger;
  readonly reports: readonly FunctionReport[];
  readonly virtqueueFaults: RunResult['virtqueueFaults'];
  readonly final: Snapshot;
  readonly failure: string | null;
}

/** Everything that takes time to work out is worked out here, when no thread can be disturbed by it. */
async function conclude(run: FinishedRun): Promise<RunResult> {
  const { scenario, host, options, ledger, final, provisioning, virtqueueFaults } = run;
  const phases = [];
  for (const phase of run.phases) {
    phases.push(await describePhase(host, scenario, phase, options.encodeHistogram ?? null));
  }
  const threads = threadPlaces(host);
  const unjudged = [...host.oversubscribed, ...programsShare(host)];
  const notes = [...unpaidWork(host.kind, scenario), ...othersLossNotes(phases)];
  const validity = judgeValidity(phases, unjudged, judgeUnexplained(ledger), notes);
  const expectations = evaluateExpectations(scenario.expect, phases, validity.status === 'valid');
  const counters = counterTable(host.plan, null, final);
  const interrupted = options.signal.aborted && options.endsWhenAborted !== true;
  return {
    ...resultHead(run.startedAt),
    kind: 'run',
    scenario,
    scenarioHash: scenarioHash(scenario),
    seed: scenario.seed,
    host: {
      kind: host.kind,
      header: host.header,
      oversubscribed: host.oversubscribed,
      coreDistance: host.coreDistance,
      ends: host.ends ?? [],
    },
    threads,
    capture: describeCapture(scenario),
    failure: run.failure,
    interrupted,
    readyAfterNs: run.readyAfterNs,
    vnics: run.vnics,
    phases,
    provisioning,
    drops: countDrops(host.plan, null, final),
    counters,
    integrity: describeIntegrity(counters, host),
    ledger,
    virtqueueFaults,
    reports: run.reports,
    validity,
    expectations,
    verdict: verdictText({ scenario, threads, phases, validity, provisioning, virtqueueFaults }),
    exitCode: exitCodeOf({
      failed: run.failure !== null,
      balanced: ledger.balanced,
      interrupted,
      valid: validity.status !== 'invalid',
      expectationsMet: expectations.every(({ passed }) => passed !== false),
    }),
    samples: run.samples,
  };
}

/** What real programs send is no load that was asked for, and the machine's cores are theirs too. */
function programsShare({ plan }: Host): string[] {
  return plan.ends.length === 0 ? [] : ['the load is what real programs sent, on cores that they share with this run'];
}

function describeIntegrity(counters: RunResult['counters'], { plan }: Host): IntegrityResult {
  const atSinks = (counter: CounterName<typeof SINK>): number =>
    plan.ports.reduce((total, { sink }) => total + counterOf(SINK, counters, sink, counter), 0);
  const atClients = (counter: CounterName<typeof CLIENT>): number =>
    plan.clients.reduce((total, { client }) => total + counterOf(CLIENT, counters, client, counter), 0);
  return {
    foreignFrames: atSinks('rx_foreign') + atClients('rx_foreign'),
    corruptFrames: atSinks('rx_corrupt') + atClients('rx_corrupt'),
    duplicateFrames: atSinks('rx_duplicate'),
    reorderedFrames: atSinks('rx_reordered'),
  };
}
