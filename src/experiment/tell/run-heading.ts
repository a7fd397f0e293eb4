import type { RunHeading } from '../../metrics/derive/live-run.ts';
import { formatAmount } from '../../text/number-format.ts';
import { vnicLines } from '../../metrics/text/vnic-text.ts';
import { describeDistance } from '../../runtime/os/core-distance.ts';
import type { Host } from '../../runtime/host.ts';
import { COST_KEYS } from '../../scenario/profiles/cost-profiles.ts';
import { formatRate } from '../../scenario/text/quantities.ts';
import type { HostSpec, PhaseSpec, Scenario } from '../../scenario/scenario.ts';
import { describeCapture } from '../run/capture-result.ts';
import { captureLines } from './capture-lines.ts';
import { requestedConnections } from '../run/connection-result.ts';
import { requestedFps } from '../run/phase-result.ts';
import { endCommands } from './end-commands.ts';
import { offerOf, warmUpOffers } from '../run/offers.ts';
import type { Offer } from '../run/offers.ts';
import { readVnicFeatures } from '../run/vnic-features.ts';

/** Names of the parts of a run that are no phase of the scenario. */
export const WARM_UP = 'warm-up';
export const SETTLE = 'settle';

/**
 * What is known when traffic begins, of a host that has started.
 * @param watched what is said of the cores' use by others (describeQuota).
 */
export function describeHeading(scenario: Scenario, host: Host, watched: readonly string[] = []): RunHeading {
  const { warmupNs, settleNs, phases } = scenario.run;
  const parts = [
    { name: WARM_UP, rate: warmUpText(scenario, host), durationNs: warmupNs },
    ...phases.map((phase) => ({ name: phase.name, rate: rateText(scenario, phase), durationNs: phase.durationNs })),
    { name: SETTLE, rate: '', durationNs: settleNs },
  ];
  return {
    scenario: scenario.name,
    hostKind: host.kind,
    seed: scenario.seed,
    lines: [
      ...host.header,
      ...(host.coreDistance === null ? [] : [describeDistance(host.coreDistance)]),
      ...watched,
      ...scenario.hosts.map((each) => describeModel(each, scenario.hosts.length > 1, host.kind)),
      ...vnicLines(readVnicFeatures(scenario, host)),
      ...describeCalls(host),
    ],
    capture: captureLines(describeCapture(scenario)),
    parts: parts.filter(({ durationNs }) => durationNs > 0),
    threads: host.places,
    ends: host.ends ?? [],
    commands: endCommands(host.ends ?? []),
  };
}

/** As in the first phase, but for the part of warm-up that is not. */
function warmUpText(scenario: Scenario, host: Host): string {
  const first = rateText(scenario, scenario.run.phases[0]);
  const [, highest] = warmUpOffers(scenario, host.kind).map(comesTo);
  return highest === undefined || highest === comesTo(offerOf(scenario, scenario.run.phases[0]))
    ? first
    : `${first}, its middle third ${highest}`;
}

/** All streams and all clients together. */
function comesTo({ framesPerSecond, connectionsPerSecond }: Offer): string {
  return [
    ...(framesPerSecond.length > 0 ? [`${formatAmount(sum(framesPerSecond))}/s`] : []),
    ...(connectionsPerSecond.length > 0 ? [`${formatAmount(sum(connectionsPerSecond))} connections/s`] : []),
  ].join(' and ');
}

/** What is offered in a phase: frames/s of all streams together, then connections/s of all clients. */
function rateText(scenario: Scenario, phase: PhaseSpec): string {
  const perSecond = requestedConnections(scenario, phase);
  const connections = `${formatAmount(sum(perSecond))} connections/s`;
  return [
    ...(scenario.traffic.streams.length > 0 ? [framesText(scenario, phase)] : []),
    ...(perSecond.length > 0 ? [connections] : []),
  ].join(' and ');
}

/** `100% (2.98 M/s)`: as it was asked for, and what that comes to; `21 k/s` where a stream has a rate of its own. */
function framesText(scenario: Scenario, phase: PhaseSpec): string {
  const comesTo = `${formatAmount(sum(requestedFps(scenario, phase)))}/s`;
  if (scenario.traffic.streams.some(({ rate }) => rate !== 'shared')) return comesTo;
  const asked = formatRate(phase.rate);
  return phase.rate.kind === 'frames' ? asked : `${asked} (${comesTo})`;
}

function sum(rates: readonly number[]): number {
  return rates.reduce((total, each) => total + each, 0);
}

/** The VMM serves a vNIC in user space: whether its system calls are made or paid for as declared. */
function describeCalls({ plan, makesSystemCalls }: Host): string[] {
  const served = plan.threads.some(({ actors }) =>
    actors.some(({ spec }) => spec.kind === 'qemu' || spec.kind === 'e1000'),
  );
  if (!served || !makesSystemCalls) return [];
  return ['system calls of the VMM: real ones, write(2) to /dev/null; qemuSyscall is not charged'];
}

/** What of the results is declared and not this program's own work. */
function describeModel(host: HostSpec, named: boolean, kind: Host['kind']): string {
  const { inherit, table } = host.costs;
  const charged = COST_KEYS.filter((key) => table[key] > 0).map((key) => `${key} ${table[key]}`);
  const costs = charged.length === 0 ? 'none' : `${inherit}, in ns: ${charged.join(', ')}`;
  // A real kernel has described itself.
  if (kind === 'kernel') return `declared costs of guest and hypervisor: ${costs}`;
  const napi = host.threadedNapi ? ', threaded NAPI' : '';
  const cpus = host.softirqCpus === 1 ? '' : `, ${host.softirqCpus} softirq CPUs`;
  const who = named ? `${host.name}: ` : '';
  return `${who}kernel ${host.kernel}, HZ ${host.hz}${napi}${cpus}; declared costs: ${costs}`;
}
