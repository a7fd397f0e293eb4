import { cpus, release } from 'node:os';

/** Processor, number of CPUs and kernel of this machine, in words. */
export function describeMachine(): string {
  const processors = cpus();
  return `${processors[0]?.model ?? 'unknown processor'}, ${processors.length} CPUs, Linux ${release()}`;
}
