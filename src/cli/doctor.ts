import type { Command } from 'commander';
import { wrapWords } from '../metrics/text/text-table.ts';
import type { KernelAccess } from '../runtime/kernel/access.ts';
import type { ThreadCapabilities } from '../runtime/os/capabilities.ts';
import { CONTAINER_FLAGS } from './own-namespaces.ts';

const TEXT_CHARS = 76;
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
      const { findKernelAccess, readStanding } = await import('../runtime/kernel/access.ts');
      const found = probeCapabilities();
      const standing = readStanding();
      const access = findKernelAccess(standing);
      const [loadOneMinute] = loadavg();
      const lines = [
        `node ${process.version}, Linux ${release()}, ${cpus()[0]?.model ?? 'unknown processor'}`,
        ...describeCapabilities(found),
        describeAccess(access),
        `load over the last minute: ${loadOneMinute.toFixed(2)}`,
        '',
        ...[...advice(found, loadOneMinute), ...kernelAdvice(access, standing.inContainer)].flatMap(bullet),
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

const bullet = (text: string): string[] =>
  wrapWords(text, TEXT_CHARS).map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`));

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
  return lines;
}

/** `kernel host: yes, as it is`. */
export function describeAccess({ way, steers, said, forbiddenBy }: KernelAccess): string {
  if (way === 'none') return `kernel host: no, ${[said, ...forbiddenBy].join('; ')}`;
  const steering = steers ? 'softirq can be steered' : `softirq cannot be steered (${said})`;
  return `kernel host: yes, ${way === 'as it is' ? way : 'in a user namespace of its own'}; ${steering}`;
}

export function kernelAdvice({ way, steers, forbiddenBy }: KernelAccess, inContainer: boolean): string[] {
  if (way !== 'none' && steers) return [];
  const lines =
    way === 'none'
      ? ['--host kernel cannot run here: it takes root, or user namespaces for users without privilege']
      : ['--host kernel runs, but softirq shares the core of who sends: its rates are not judged; root would steer it'];
  if (forbiddenBy.length > 0) lines.push(`to allow it change what is set: ${forbiddenBy.join(', ')} (sysctl)`);
  if (inContainer) lines.push(`in a container --host kernel takes ${CONTAINER_FLAGS}`);
  return lines;
}
