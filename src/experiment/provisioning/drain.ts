/** How load balancers and proxies let go of a VM that is to leave. */
import { VCPU } from '../../../actors/guest/vcpu.ts';
import { placeOfCounter } from '../../metrics/derive/counters.ts';
import { BACKEND_DRAINED, BACKEND_OUT } from '../../../actors/guest/network-functions/backend-states.ts';
import type { Host } from '../../runtime/host.ts';
import type { BackendRotation } from './backend-rotation.ts';

/** How long connections to a VM's backends were waited for, and how many were left then. */
export interface Drain {
  readonly tookNs: number;
  readonly connectionsLeft: number;
}

/** Between two looks at whether something has come about. */
const LOOK_NS = 1e6;
/** A VM that has been taken out of rotation has nothing more under way to it when it got nothing for so long. */
const QUIET_NS = 5e6;
/** What is under way gets this long to arrive. */
const UNDER_WAY_NS_MAX = 20e6;

/**
 * Until no connection to the VM is left or the time is over, and then until nothing more comes. Yields the time that is
 * to pass before it goes on.
 */
export function* drainVm(
  host: Host,
  vm: string,
  rotation: BackendRotation,
  nsMax: number,
): Generator<number, Drain, void> {
  const startNs = host.nowNs();
  const passedNs = (): number => host.nowNs() - startNs;
  const isDrained = (): boolean => rotation.isFollowed(vm) && rotation.connections(vm) === 0;
  rotation.setVm(vm, BACKEND_DRAINED);
  while (passedNs() < nsMax && !isDrained()) yield LOOK_NS;
  const drain = { tookNs: passedNs(), connectionsLeft: rotation.connections(vm) };
  rotation.setVm(vm, BACKEND_OUT);
  const outNs = host.nowNs();
  let [received, sinceNs] = [-1, outNs];
  while (host.nowNs() - outNs < UNDER_WAY_NS_MAX && host.nowNs() - sinceNs < QUIET_NS) {
    const now = countReceived(host, vm);
    if (now !== received || !rotation.isFollowed(vm)) sinceNs = host.nowNs();
    received = now;
    yield LOOK_NS;
  }
  return drain;
}

/** Frames that a VM's vCPUs have received. */
function countReceived({ plan, memory }: Host, vm: string): number {
  const own = plan.threads.filter((thread) => thread.vm === vm).flatMap(({ actors }) => actors);
  const vcpus = own.filter(({ spec }) => spec.kind === 'vcpu');
  return vcpus.reduce(
    (sum, vcpu) => sum + memory.doubles(vcpu.counterRegion!)[placeOfCounter(VCPU, vcpu, 'rx_packets')],
    0,
  );
}
