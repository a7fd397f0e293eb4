/** Captures of verbs that lay their scenarios out more than once. */
import { statSync } from 'node:fs';
import { STANDARD_INPUT } from '../net/choices.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { UsageError } from './errors.ts';

/** @throws UsageError for a capture that comes through a pipe: the worker of a trial could not read it once more. */
export function refusePipes(scenarios: readonly Scenario[]): void {
  for (const { traffic } of scenarios) {
    const { pcap } = traffic;
    if (pcap === 'none') continue;
    if (pcap !== STANDARD_INPUT && statSync(pcap).isFile()) continue;
    throw new UsageError(`traffic.pcap: found ${pcap}, allowed: a file, since trials read it again; run takes a pipe`);
  }
}
