import type { GuestVcpuNicLink } from '../../actors/guest-vcpu.ts';
import type { VmmNicLink } from '../../actors/vmm.ts';
import type { Host } from '../runtime/host.ts';
import { featureNames } from '../virtio/features.ts';
import { publishedFeatures } from '../virtio/guest-nic.ts';

/** A line for the vNICs that came to the same: their MTU, and the features that driver and device settled on. */
export function describeVnics({ plan, memory }: Pick<Host, 'plan' | 'memory'>): string[] {
  const names = new Map<string, string[]>();
  for (const { vm, actors } of plan.threads) {
    for (const { spec, attachments } of actors) {
      if (spec.kind !== 'vmm') continue;
      for (const { port, link } of attachments) {
        const { name, mtuBytes } = link as VmmNicLink;
        const text = `MTU ${mtuBytes}, ${featureNames(settledFeatures({ plan, memory }, vm, port))}`;
        names.set(text, [...(names.get(text) ?? []), name]);
      }
    }
  }
  return [...names].map(([text, of]) => `virtio-net ${of.join(', ')}: ${text}`);
}

/** What the driver of a VM's vNIC `port` published; every vCPU of the VM reads the same words. */
function settledFeatures({ plan, memory }: Pick<Host, 'plan' | 'memory'>, vm: string | null, port: number) {
  const vcpu = plan.threads
    .filter((thread) => thread.vm === vm)
    .flatMap(({ actors }) => actors)
    .find(({ spec }) => spec.kind === 'vcpu');
  const { link } = vcpu!.attachments.find((attachment) => attachment.port === port)!;
  return publishedFeatures(memory.words((link as GuestVcpuNicLink).published));
}
