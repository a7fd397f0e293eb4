import type { Command } from 'commander';
import type { ThreadCapabilities } from '../runtime/os/capabilities.ts';

/** Load beside which a measurement on real threads is not worth much: cores in use by others. */
const FOREIGN_LOAD_MAX = 0.2;

/** `doctor`: what this machine allows, and what that means for runs. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what this machine allows a run to do')
    .action(async () => {
      const { cpus, loadavg, release } = await import('node:os');
      const { describeCapabilities, probeCapabilities } = await import('../runtime/os/capabilities.ts');
      const found = probeCapabilities();
      const [loadOneMinute] = loadavg();
      const lines = [
        `node ${process.version}, Linux ${release()}, ${cpus()[0]?.model ?? 'unknown processor'}`,
        ...describeCapabilities(found),
        `load over the last minute: ${loadOneMinute.toFixed(2)}`,
        '',
        ...advice(found, loadOneMinute),
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

function advice(found: ThreadCapabilities, loadOneMinute: number): string[] {
  const cores = found.coresAllowed.length;
  const lines: string[] = [];
  if (cores === 1) lines.push('one core: runs on real threads are oversubscribed and not judged; use --host virtual');
  if (cores === 2) lines.push('two cores: one for generators, NICs and sinks, one for the whole modelled host');
  if (cores > 2) lines.push(`${cores} cores: one for the hardware, ${cores - 1} for the modelled host`);
  if (!found.affinity.available) lines.push('threads cannot be kept on their cores: results will not repeat');
  if (!found.fifo.available || !found.koffi.available) {
    lines.push('softirq cannot enter and leave interrupt class: it stays above its peers and never becomes ksoftirqd');
  }
  if (!found.schedstat.available) lines.push('waiting for a core cannot be measured: starvation will not show');
  if (found.cpuQuotaCores !== null && found.cpuQuotaCores < cores) {
    lines.push(
      `the quota of ${found.cpuQuotaCores.toFixed(2)} cores will throttle threads: rates are not to be trusted`,
    );
  }
  if (loadOneMinute > FOREIGN_LOAD_MAX) lines.push('other work is running: wait for it, or runs may be invalid');
  return lines.map((line) => `- ${line}`);
}
