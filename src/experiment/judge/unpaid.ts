import { basename } from 'node:path';
import type { HostKind } from '../../runtime/host.ts';
import { isOfKind } from '../../scenario/function-kinds.ts';
import type { Validity } from '../run/run-result.ts';
import type { Scenario } from '../../scenario/scenario.ts';

/** Work that a run did and that took none of its time: modules whose cost on virtual time nobody has declared. */
export function unpaidWork(host: HostKind, { vms }: Pick<Scenario, 'vms'>): string[] {
  if (host !== 'virtual') return [];
  return vms.flatMap(({ name, nf }): string[] => {
    if (!isOfKind(nf, 'frameCost', 'declared') || nf.frameCostNs !== null) return [];
    const file = basename(nf.path);
    return [
      `what ${file} does in ${name} takes no virtual time: only forwarding is paid for. Declare what a frame costs in it, ` +
        `nf: {kind: module, path: ${file}, frameCost: 2us}, or measure it on real threads`,
    ];
  });
}

/** What is to be noted of several trials, each thing once. */
export function notesOf(trials: readonly { readonly validity: Validity }[]): string[] {
  return [...new Set(trials.flatMap(({ validity }) => validity.notes))];
}
