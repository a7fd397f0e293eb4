import {
  BACKEND_CHANGES_WORD,
  BACKEND_DRAINED,
  BACKEND_IN,
  BACKEND_OUT,
  FIRST_BACKEND_WORD,
  FIRST_CONNECTIONS_WORD,
  FOLLOWED_WORD,
} from '../../../actors/guest/network-functions/backend-states.ts';
import type { BackendStatesConfig } from '../../../actors/guest/network-functions/backend-states.ts';
import { VCPU_PORTS, receives } from '../../../actors/guest/vcpu-links.ts';
import { formatEndpoint } from '../../net/wire/address.ts';
import { threadsThere } from '../../runtime/host.ts';
import type { Host } from '../../runtime/host.ts';
import type { NetworkFunctionConfig } from '../../../actors/guest/network-functions/functions.ts';
import { jointsAt } from '../../runtime/plan.ts';
import type { ThreadPlan } from '../../runtime/plan.ts';

type Balancer = Extract<NetworkFunctionConfig, BackendStatesConfig>;
type Backend = Balancer['backends'][number];
/** BACKEND_IN, BACKEND_DRAINED or BACKEND_OUT, in the order in which they take away. */
type BackendState = typeof BACKEND_IN | typeof BACKEND_DRAINED | typeof BACKEND_OUT;

/**
 * The control plane of every load balancer and proxy of a run: what each of its backends takes. A backend is of the VM
 * one of whose vNICs has its address, and takes what `setVm` said of that VM last: nothing, where the run begins
 * without it. A backend of no VM is always there. Phases may drain backends besides.
 */
export class BackendRotation {
  private readonly host: Host;
  private drained: readonly string[] = [];
  private readonly vms: Map<string, BackendState>;
  private readonly owners = new Map<number, string[]>();

  constructor(host: Host) {
    this.host = host;
    this.vms = new Map(host.plan.absent.map((vm) => [vm, BACKEND_OUT]));
    for (const thread of host.plan.threads) {
      for (const address of addressesOf(thread)) {
        const owners = this.owners.get(address) ?? [];
        if (thread.vm !== null && !owners.includes(thread.vm)) this.owners.set(address, [...owners, thread.vm]);
      }
    }
  }

  /** Backends, by their endpoints, that take no new connections until this is called again. */
  drain(endpoints: readonly string[]): void {
    this.drained = endpoints;
    this.publish();
  }

  /** What the backends of a VM take from now on. */
  setVm(vm: string, state: BackendState): void {
    this.vms.set(vm, state);
    this.publish();
  }

  /** Tells every load balancer that is there. They follow with their next batch. */
  publish(): void {
    for (const { backends, states } of this.balancers()) {
      const words = this.host.memory.words(states);
      backends.forEach((backend, i) => Atomics.store(words, FIRST_BACKEND_WORD + i, this.stateOf(backend)));
      Atomics.add(words, BACKEND_CHANGES_WORD, 1);
    }
  }

  /** Whether any load balancer that is there sends to a VM. */
  sendsTo(vm: string): boolean {
    return this.balancersOf(vm).length > 0;
  }

  /** Whether every load balancer that sends to a VM has taken note of what was published last. */
  isFollowed(vm: string): boolean {
    return this.balancersOf(vm).every(({ states, accounts }) => {
      const { memory } = this.host;
      return (
        Atomics.load(memory.words(accounts), FOLLOWED_WORD) === Atomics.load(memory.words(states), BACKEND_CHANGES_WORD)
      );
    });
  }

  /** Connections that load balancers remember for a VM. Exact while it is drained, once that is followed. */
  connections(vm: string): number {
    return this.balancersOf(vm).reduce((sum, { backends, accounts }) => {
      const words = this.host.memory.words(accounts);
      const own = backends.map((backend, i) =>
        this.isOf(backend, vm) ? Atomics.load(words, FIRST_CONNECTIONS_WORD + i) : 0,
      );
      return own.reduce((total, each) => total + each, sum);
    }, 0);
  }

  private balancersOf(vm: string): Balancer[] {
    return this.balancers().filter(({ backends }) => backends.some((backend) => this.isOf(backend, vm)));
  }

  /** One for each vCPU that receives frames: another would never follow, and sends nothing either. */
  private balancers(): Balancer[] {
    return threadsThere(this.host)
      .flatMap(({ actors }) => actors)
      .flatMap((actor) => {
        const { spec } = actor;
        if (spec.kind !== 'vcpu' || !('states' in spec.config.nf)) return [];
        return jointsAt(actor, VCPU_PORTS.nic).some(({ link }) => receives(link)) ? [spec.config.nf] : [];
      });
  }

  private stateOf(backend: Backend): BackendState {
    const owners = this.owners.get(backend.address) ?? [];
    const states = owners.map((vm) => this.vms.get(vm) ?? BACKEND_IN);
    // Where several VMs have the address, one that takes more is enough.
    const byVm = states.length === 0 ? BACKEND_IN : Math.min(...states);
    const byPhase = this.drained.includes(formatEndpoint(backend)) ? BACKEND_DRAINED : BACKEND_IN;
    return Math.max(byVm, byPhase) as BackendState;
  }

  private isOf({ address }: Backend, vm: string): boolean {
    return this.owners.get(address)?.includes(vm) ?? false;
  }
}

function addressesOf({ actors }: ThreadPlan): number[] {
  return actors.flatMap(({ spec }) => (spec.kind === 'vcpu' ? spec.config.nf.ports.map(({ address }) => address) : []));
}
