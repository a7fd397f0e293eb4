import type { LogLevel } from '../metrics/sinks/logger.ts';
import type { HostKind } from '../runtime/host.ts';
/** What `run` does, once its flags are known to be well formed. */
import { resolve } from 'node:path';
import { hdrBase64 } from '../metrics/sinks/hdr-export.ts';
import { createLog } from '../metrics/sinks/logger.ts';
import { runScenario } from '../experiment/run/run.ts';
import { VCPU_PORTS } from '../../actors/guest/vcpu-links.ts';
import { threadsThere } from '../runtime/host.ts';
import type { Host } from '../runtime/host.ts';
import { jointsAt } from '../runtime/plan.ts';
import type { ActorPlan } from '../runtime/plan.ts';
import { GuestMemory } from '../virtio/guest/guest-memory.ts';
import { dumpPackedRing } from '../virtio/ring/dump-packed.ts';
import { dumpVring } from '../virtio/ring/dump-vring.ts';
import { publishedFeatures } from '../virtio/guest/guest-nic.ts';
import { isPacked } from '../virtio/ring/ring-format.ts';
import { parseDurationNs } from '../scenario/text/quantities.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Override } from '../scenario/text/override.ts';
import { STANDARD_INPUT } from '../net/choices.ts';
import { UsageError, exitCodeFor, messageOf } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { openHost, scenarioFor } from './open-host.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { HumanOutput, RecordOutput } from './run-output.ts';
import type { SetupReport } from './run-output.ts';

/** Flags of `run`, as commander names them. */
export interface RunFlags {
  readonly set: readonly string[];
  readonly host: HostKind;
  readonly duration?: string;
  readonly pcap?: string;
  readonly pacing?: string;
  readonly json?: string;
  readonly jsonStream?: true;
  readonly showSetup?: true;
  readonly quiet?: true;
  readonly logLevel: LogLevel;
}

/**
 * Runs a scenario and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started.
 */
export async function runCommand(nameOrPath: string, flags: RunFlags): Promise<number> {
  const scenario = scenarioFor(flags.host, readScenario(nameOrPath, flags));
  const elsewhere = await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const files = openOutputs({ json: flags.json });
  const screen = screenFor(Object.values(files), flags);
  const log = await createLog(flags.logLevel);
  const output =
    flags.jsonStream === true ? new RecordOutput(scenario) : new HumanOutput(screen, flags.quiet === true, log);
  const interruption = listenForSignals();
  let host: Host | null = null;
  try {
    host = await openHost(flags.host, scenario);
    const opened = host;
    const result = await runScenario(scenario, opened, {
      signal: interruption.signal,
      encodeHistogram: flags.json === undefined ? null : hdrBase64,
      ready: async (readyAfterNs) => {
        log.logger.info({ readyAfterMs: readyAfterNs / 1e6 }, 'the guest is up');
        if (flags.showSetup === true) output.setup(await readSetup(opened));
      },
      watch: (live) => output.watch(live),
    });
    // The file first: whatever happens to the terminal, the result is kept.
    await files.json?.write(`${JSON.stringify(result, null, 2)}\n`);
    await output.finish(result);
    if (result.failure !== null) process.stderr.write(`vhostlab failed: ${result.failure}\n`);
    return result.exitCode;
  } catch (error) {
    output.fail(messageOf(error), exitCodeFor(error), host?.nowNs() ?? 0);
    throw error;
  } finally {
    files.json?.discard();
    interruption.dispose();
  }
}

function readScenario(nameOrPath: string, { set, pcap, pacing, duration }: RunFlags): Scenario {
  // But for standard input absolute, so that no name of a file is the word none.
  const capture = (path: string) => ({
    flag: '--pcap',
    path: 'traffic.pcap',
    value: path === STANDARD_INPUT ? path : resolve(path),
  });
  const overrides = [...set, ...(pcap === undefined ? [] : [capture(pcap)]), ...paceOverride(pacing)];
  const scenario = loadScenario(nameOrPath, { overrides });
  if (duration === undefined) return scenario;
  const durationNs = flagDurationNs(duration);
  const phases = scenario.run.phases.map((phase) => ({ ...phase, durationNs }));
  return { ...scenario, run: { ...scenario.run, phases } };
}

/** `captured`, or times that such as `2x`: the rate of every phase. */
function paceOverride(pacing: string | undefined): Override[] {
  if (pacing === undefined) return [];
  const value = pacing === 'captured' ? '1x' : pacing;
  if (!/^\d+(\.\d+)?x$/.test(value)) {
    throw new UsageError(`--pacing: found "${pacing}", allowed: captured, or times that such as 2x or 0.5x`);
  }
  return [{ flag: '--pacing', path: 'run.phases.*.rate', otherwise: 'traffic.rate', value }];
}

function flagDurationNs(duration: string): number {
  try {
    const durationNs = parseDurationNs(duration);
    if (durationNs > 0) return durationNs;
  } catch (error) {
    throw new UsageError(`--duration: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new UsageError(`--duration: found "${duration}", allowed: more than nothing`);
}

/** The virtqueues of the vNICs that a vCPU owns, as they lie in guest memory now. */
function dumpRings(host: Host, vcpu: ActorPlan, memory: string): SetupReport[] {
  const guest = new GuestMemory(host.memory.buffer(memory));
  return jointsAt(vcpu, VCPU_PORTS.nic).flatMap(({ index, link: vnic }) => {
    if (!vnic.owner || vnic.kind !== 'virtio') return [];
    const { nic } = vnic;
    const features = publishedFeatures(host.memory.words(nic.published));
    const dump = features !== null && isPacked(features.negotiated) ? dumpPackedRing : dumpVring;
    const queues = nic.pairs.flatMap(({ rx, tx }) => [rx, tx]);
    const all = nic.control === null ? queues : [...queues, nic.control];
    const lines = all.flatMap(({ layout }) => dump(guest, layout, 2).split('\n'));
    const which = nic.control === null ? '' : ' of each pair, control virtqueue last';
    return [{ actor: `${vcpu.name}, vNIC ${index}: receive and transmit virtqueue${which}`, lines }];
  });
}

/** How the VMM of each machine set its vNICs up, register by register and ioctl by ioctl, and what came of it. */
async function readSetup(host: Host): Promise<SetupReport[]> {
  const actors = threadsThere(host).flatMap((thread) => thread.actors);
  const reports: SetupReport[] = [];
  for (const actor of actors) {
    const { name, spec } = actor;
    if (spec.kind === 'vmm') reports.push({ actor: name, lines: await host.report(name) });
    if (spec.kind === 'vcpu') reports.push(...dumpRings(host, actor, spec.config.guestMemory));
  }
  return reports;
}
