/** Why a VM took no frames, where the scenario itself had it so: it was stopped in the phase, or not there. */
import { formatSeconds } from '../../text/number-format.ts';
import { MODES } from '../../scenario/modes.ts';
import type { VmSpec } from '../../scenario/scenario.ts';
import type { DropCount, PhaseResult, RunResult } from '../run/run-result.ts';

export type PlannedRun = Pick<RunResult, 'scenario' | 'provisioning'>;

/** Share of a phase that a VM was away before that is the cause of what it did not take. */
const AWAY_RATIO = 0.05;

/** `vm0 was stopped by the scenario`, `vm0 was not there from 0.3 s`; null for one that was there and might run. */
export function tellAway(run: PlannedRun, phase: PhaseResult, vm: VmSpec): string | null {
  const spec = run.scenario.run.phases.find(({ name }) => name === phase.name);
  if (spec?.stoppedVms.includes(vm.name) === true) return `${vm.name} was stopped by the scenario`;
  const away = absences(run, phase, vm);
  const awayNs = away.reduce((sum, [from, to]) => sum + to - from, 0);
  if (away.length === 0 || awayNs < phase.elapsedNs * AWAY_RATIO) return null;
  const times = away.map(([from, to]) => {
    const since = from > 0 ? ` from ${formatSeconds(from)}` : '';
    return `${since}${to < phase.elapsedNs ? `${since === '' ? ' until' : ' to'} ${formatSeconds(to)}` : ''}`;
  });
  return `${vm.name} was not there${times.join(' and')}`;
}

/** When it was not there, in ns of the phase, from and to. */
function absences(run: PlannedRun, phase: PhaseResult, vm: VmSpec): (readonly [number, number])[] {
  const within = (runNs: number): number => Math.min(phase.elapsedNs, Math.max(0, runNs - phase.beganAtNs));
  const turns = run.provisioning.filter((event) => event.vm === vm.name && event.tookNs !== null);
  const away: (readonly [number, number])[] = [];
  let goneNs = vm.present ? null : -Infinity;
  for (const { order, doneAtNs } of turns) {
    if (order === 'remove') goneNs ??= doneAtNs;
    else if (goneNs !== null) {
      away.push([within(goneNs), within(doneAtNs)]);
      goneNs = null;
    }
  }
  if (goneNs !== null) away.push([within(goneNs), phase.elapsedNs]);
  return away.filter(([from, to]) => to > from);
}

/** The VMs that frames lost at this place were on their way to, or behind. */
function vmsBehind({ scenario: { bridges, vms } }: PlannedRun, { actor, counter }: DropCount): VmSpec[] {
  const bridge = bridges.find(({ name }) => name === actor);
  // A transmit ring is full on the way out, whoever is behind the bridge.
  if (bridge !== undefined && counter === 'drop_tx_queue_full') return [];
  const ofPort = bridges.filter(({ ports }) => ports.includes(actor)).map(({ name }) => name);
  return vms.filter(({ name, nics }) => {
    if (actor.startsWith(`${name}/`)) return true;
    return nics.some((nic) => {
      if (nic.tap.name === actor || nic.bridge === bridge?.name) return true;
      return ofPort.includes(nic.bridge) && (MODES[nic.mode].way === 'nic' || MODES[nic.mode].feedback);
    });
  });
}

/** What the scenario did to the VMs behind a place that dropped frames; null where it did nothing. */
export function tellPlanned(run: PlannedRun, phase: PhaseResult, drop: DropCount): string | null {
  const told = vmsBehind(run, drop).flatMap((vm) => tellAway(run, phase, vm) ?? []);
  return told.length === 0 ? null : told.join(' and ');
}
