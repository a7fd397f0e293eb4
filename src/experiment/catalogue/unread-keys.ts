/**
 * Keys that a scenario writes and that nothing reads, found by trying: with another value there, the plan of every
 * variant is the same. No rule knows which keys those are, so a new key needs none.
 */
import { readFileSync } from 'node:fs';
import { buildPlan } from '../../plan/build-plan.ts';
import { loadScenario, parseScenario } from '../../plan/load-scenario.ts';
import { ScenarioDocument } from '../../scenario/text/document.ts';
import { applyOverrides, findFile } from '../../scenario/file.ts';
import type { Override } from '../../scenario/text/override.ts';
import { modeChange } from '../sweep/variants.ts';

/** What becomes part of the plan. The course of a run and its judgement are read elsewhere. */
const PLANNED = ['virtual', 'host', 'hosts', 'ports', 'bridges', 'vms'];
/** What is looked at is not judged, and no capture is read again for it. */
const WITHOUT = ['expect=[]', 'traffic.pcap=none'];
/** Of a VM, and read when it is to leave. */
const NOT_PLANNED = ['drainTime'];
/** A number with its unit. What else is text is a name or a choice. */
const QUANTITY = /^(\d+(?:\.\d+)?)([a-zA-Z]+)$/;

/**
 * Paths of the numbers, switches and quantities, among what `nameOrPath` and `overrides` write of hosts, ports, bridges
 * and VMs, without which every plan would be the same: that of the scenario, and of each mode or variant that its sweep
 * names.
 */
export function unreadKeys(nameOrPath: string, overrides: readonly string[] = []): string[] {
  const file = findFile(nameOrPath);
  const text = readFileSync(file, 'utf8');
  const document = new ScenarioDocument(file, text);
  applyOverrides(document, overrides);
  const { sweep, vms } = loadScenario(nameOrPath, { overrides });
  const modes = document.has(['sweep', 'modes']) ? sweep.modes : [];
  const changes = [...modes.map((mode) => modeChange({ vms }, mode)), ...sweep.variants];
  const views: (readonly Override[])[] = [[], ...changes.map((change) => change.overrides)];
  const planOf = (view: readonly Override[], more: readonly string[] = []): string | null => {
    try {
      const options = { overrides: [...overrides, ...view, ...WITHOUT, ...more] };
      return JSON.stringify(buildPlan(parseScenario(text, file, options)));
    } catch {
      return null; // It cannot be had: with this value, or in this mode.
    }
  };
  const plans = views.map((view) => planOf(view));
  const isUnread = ({ path, value }: Leaf): boolean => {
    const others = otherValues(value).map((other) => `${path}=${other}`);
    // A value that is refused says nothing; without one that is taken nothing is known.
    const tried = views.map((view, i) => {
      const other = others.map((set) => planOf(view, [set])).find((plan) => plan !== null);
      return other === undefined ? null : other === plans[i];
    });
    return tried.includes(true) && !tried.includes(false);
  };
  const written = document.toValue() as Readonly<Record<string, unknown>>;
  const leaves = PLANNED.flatMap((section) => leavesOf(written[section], section));
  return leaves.filter(isUnread).map(({ path }) => path);
}

interface Leaf {
  readonly path: string;
  readonly value: unknown;
}

function leavesOf(value: unknown, path: string): Leaf[] {
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [{ path, value }];
  const planned = Object.entries(value).filter(([key]) => !NOT_PLANNED.includes(key));
  return planned.flatMap(([key, below]) => leavesOf(below, `${path}.${key}`));
}

/** Values in the place of another, as YAML, of which one may be allowed. */
function otherValues(value: unknown): string[] {
  if (typeof value === 'boolean') return [String(!value)];
  if (typeof value === 'number') {
    const others = [value * 2, value + 1, value - 1, Math.floor(value / 2)];
    return others.filter((other) => other !== value).map(String);
  }
  const [, amount, unit] = typeof value === 'string' ? (QUANTITY.exec(value) ?? []) : [];
  return unit === undefined ? [] : [Number(amount) * 2 + 1, Number(amount) / 2].map((other) => `${other}${unit}`);
}
