import { VCPU_PORTS } from '../../../actors/guest/vcpu-links.ts';
import type { Region } from '../../memory/arena.ts';
import { jointsAt } from '../../runtime/plan.ts';
import type { VnicFeatures } from '../../metrics/derive/live-run.ts';
import type { Host } from '../../runtime/host.ts';
import type { Plan } from '../../runtime/plan.ts';
import { MODES } from '../../scenario/modes.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { listFeatures } from '../../virtio/net/features.ts';
import { publishedFeatures } from '../../virtio/guest/guest-nic.ts';

/** The virtio vNICs of a scenario, with what device and driver have come to by now. An e1000 has no such features. */
export function readVnicFeatures(
  { vms }: Pick<Scenario, 'vms'>,
  { plan, memory, absent }: Pick<Host, 'plan' | 'memory' | 'absent'>,
): VnicFeatures[] {
  return vms.flatMap(({ name: vm, nics }) =>
    nics.flatMap(({ name: vnic, mode, mtuBytes }, port): VnicFeatures[] => {
      if (MODES[mode].device !== 'virtio') return [];
      const features = publishedFeatures(memory.words(publishedOf(plan, vm, port)));
      return [
        {
          vm,
          vnic,
          mode,
          mtuBytes,
          isPresent: !absent.has(vm),
          offered: features === null ? null : listFeatures(features.offered),
          negotiated: features === null ? null : listFeatures(features.negotiated),
        },
      ];
    }),
  );
}

/** What is known of each vNIC last, of several looks at all or some of them. */
export function latestFeatures(looks: readonly (readonly VnicFeatures[])[]): VnicFeatures[] {
  const latest = new Map<string, VnicFeatures>();
  for (const each of looks.flat()) {
    const before = latest.get(each.vnic);
    if (before === undefined || each.negotiated !== null) latest.set(each.vnic, each);
    else latest.set(each.vnic, { ...before, isPresent: each.isPresent });
  }
  return [...latest.values()];
}

/** Where the driver of a VM's vNIC publishes what it settled on; every vCPU of the VM reads the same words. */
function publishedOf({ threads }: Plan, vm: string, nic: number): Region {
  const vcpu = threads
    .filter((thread) => thread.vm === vm)
    .flatMap(({ actors }) => actors)
    .find(({ spec }) => spec.kind === 'vcpu');
  return jointsAt(vcpu!, VCPU_PORTS.nic).find(({ index }) => index === nic)!.link.published;
}
