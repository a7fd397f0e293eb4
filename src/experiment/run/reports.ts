/** What actors have to say when traffic is over: network functions of themselves, devices of queues that broke. */
import { threadsThere } from '../../runtime/host.ts';
import type { Host } from '../../runtime/host.ts';
import { VIRTQUEUE_BROKEN } from '../../virtio/ring/virtqueue-error.ts';
import type { FunctionReport, VirtqueueFault } from './run-result.ts';

/** What network functions have to say, of those that have. What one vCPU throws all throw: each place is told once. */
export async function functionReports(host: Host): Promise<FunctionReport[]> {
  const reports: FunctionReport[] = [];
  const stacks = new Set<string>();
  for (const { name, spec } of threadsThere(host).flatMap(({ actors }) => actors)) {
    const lines: string[] = [];
    for (const text of spec.kind === 'vcpu' ? await reportOf(host, name) : []) {
      const [stack] = /\n {4}at [^]*$/.exec(text) ?? [];
      if (stack !== undefined && stacks.has(stack)) continue;
      if (stack !== undefined) stacks.add(stack);
      lines.push(...text.split('\n'));
    }
    if (lines.length > 0) reports.push({ actor: name, lines });
  }
  return reports;
}

/** A function that fails only now has been measured all the same. */
function reportOf(host: Host, actor: string): Promise<readonly string[]> {
  return host.report(actor).catch((error: unknown) => [`no report: ${(error as Error).message}`]);
}

/** Kinds of actors that serve virtqueues. */
const DEVICES: ReadonlySet<string> = new Set(['vhost', 'vhost-accelerated', 'qemu', 'nic']);

/** Every virtqueue that broke, by whom it was left alone. Among a device's lines are also those of its set-up. */
export async function brokenVirtqueues(host: Host): Promise<VirtqueueFault[]> {
  const devices = threadsThere(host)
    .flatMap(({ actors }) => actors)
    .filter(({ spec }) => DEVICES.has(spec.kind));
  const faults: VirtqueueFault[] = [];
  for (const { name } of devices) {
    const lines = await host.report(name);
    const broken = lines.filter((text) => text.includes(VIRTQUEUE_BROKEN));
    faults.push(...broken.map((text) => ({ actor: name, text })));
  }
  return faults;
}
