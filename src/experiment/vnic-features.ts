import type { GuestVcpuNicLink } from '../../actors/guest-vcpu.ts';
import type { Host } from '../runtime/host.ts';
import type { Scenario } from '../topology/scenario.ts';
import { featureNames } from '../virtio/features.ts';
import { publishedFeatures } from '../virtio/guest-nic.ts';

/** A line for the virtio vNICs that came to the same: their MTU, and the features that driver and device settled on. */
export function describeVnics({ vms }: Pick<Scenario, 'vms'>, host: Pick<Host, 'plan' | 'memory'>): string[] {
  const names = new Map<string, string[]>();
  for (const { name: vm, nics } of vms) {
    for (const [port, { name, mode, mtuBytes }] of nics.entries()) {
      if (mode === 'emulated') continue;
      const text = `MTU ${mtuBytes}, ${featureNames(settledFeatures(host, vm, port))}`;
      names.set(text, [...(names.get(text) ?? []), name]);
    }
  }
  return [...names].map(([text, of]) => `virtio-net ${of.join(', ')}: ${text}`);
}

/** What the driver of a VM's vNIC `port` published; every vCPU of the VM reads the same words. */
function settledFeatures({ plan, memory }: Pick<Host, 'plan' | 'memory'>, vm: string, port: number) {
  const vcpu = plan.threads
    .filter((thread) => thread.vm === vm)
    .flatMap(({ actors }) => actors)
    .find(({ spec }) => spec.kind === 'vcpu');
  const { link } = vcpu!.attachments.find((attachment) => attachment.port === port)!;
  return publishedFeatures(memory.words((link as GuestVcpuNicLink).published));
}
