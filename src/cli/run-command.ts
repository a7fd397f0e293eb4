/** What `run` does, once its flags are known to be well formed. */
import { resolve } from 'node:path';
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
import { loadScenario } from '../plan/load-scenario.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Override } from '../scenario/text/override.ts';
import { STANDARD_INPUT } from '../net/choices.ts';
import { UsageError } from './errors.ts';
import { scenarioFor } from './open-host.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { passRun } from './pass-run.ts';
import type { PassFlags } from './pass-run.ts';
import type { RunOutput, SetupReport } from './run-output.ts';
import { readDuration } from './read-flags.ts';

/** Flags of `run`, as commander names them. */
export interface RunFlags extends PassFlags {
  readonly set: readonly string[];
  readonly duration?: string;
  readonly pcap?: string;
  readonly pacing?: string;
  readonly showSetup?: true;
}

/**
 * Runs a scenario and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started.
 */
export async function runCommand(nameOrPath: string, flags: RunFlags): Promise<number> {
  // Before a capture is read: standard input can be read once.
  const elsewhere = await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const scenario = scenarioFor(flags.host, readScenario(nameOrPath, flags));
  const ready = async (host: Host, output: RunOutput): Promise<void> => {
    if (flags.showSetup === true) output.setup(await readSetup(host));
  };
  return passRun({ scenario, ready }, flags);
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
  const durationNs = readDuration('duration', duration, 1);
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
