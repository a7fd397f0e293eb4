/** Fills in what all results begin with. */
import { createHash } from 'node:crypto';
import { readFingerprint } from '../../runtime/os/fingerprint.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { VALIDITY_THRESHOLDS } from '../judge/validity.ts';
import { toolVersion } from '../run/tool-version.ts';
import { RESULT_SCHEMA_VERSION } from './result-head.ts';
import type { ResultHead } from './result-head.ts';

export function resultHead(startedAt: Date): ResultHead {
  return {
    schemaVersion: RESULT_SCHEMA_VERSION,
    tool: { name: 'vhostlab', version: toolVersion(), node: process.version },
    machine: readFingerprint(),
    startedAt: startedAt.toISOString(),
    elapsedMs: Date.now() - startedAt.getTime(),
    thresholds: VALIDITY_THRESHOLDS,
  };
}

/** SHA-256 of a resolved scenario, in hexadecimal: equal for scenarios that ask for the same, however they were written. */
export function scenarioHash(scenario: Scenario): string {
  return createHash('sha256').update(canonicalJson(scenario)).digest('hex');
}

/** JSON with the keys of every object in order. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
