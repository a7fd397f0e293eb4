import { formatCoreList } from './core-list.ts';
import type { ThreadPolicy } from './os-threads.ts';

/** What a thread stands for. `main` is this program's own control thread; V8's and libuv's helpers go with it. */
export type ThreadKind = 'hardware' | 'softirq' | 'vhost' | 'vcpu' | 'vmm' | 'main';

/** A thread that a scenario asks for. */
export interface ThreadNeed {
  readonly name: string;
  readonly kind: ThreadKind;
  readonly vm?: string;
  /**
   * CPU of the modelled hosts, counted from 0 through all of them, that the scenario puts it on; left out, the rule of
   * `planCores` decides.
   */
  readonly cpu?: number;
  /** CPUs of its host, where each CPU is chosen for its threads: it stays on these when no core is left for it. */
  readonly cpus?: readonly number[];
  /** Core of this machine that the user insists on; stronger than `cpu`. */
  readonly core?: number;
  /** Scheduling class that the user insists on; threaded NAPI gives its polling thread an ordinary one here. */
  readonly policy?: ThreadPolicy;
}

/** Which core each thread gets, and what the cores are for. */
export interface CorePlan {
  /** Entry i is the core of need i. */
  readonly cores: readonly number[];
  readonly hardwareCores: readonly number[];
  /** Entry n is where CPU n of the modelled hosts runs. */
  readonly hostCores: readonly number[];
  /** Where the main thread runs, and where V8's and libuv's helper threads are to be kept. */
  readonly mainCore: number;
  /** Why rates must not be judged; empty when they may be. */
  readonly oversubscribed: readonly string[];
  /** Cores with which nothing would be oversubscribed. */
  readonly coresNeeded: number;
}

/** The modelled host's cores by the kind of thread that takes them. */
type HostGroups = Readonly<Record<'softirq' | 'vhost' | 'vcpu' | 'vmm', readonly number[]>>;

/**
 * Gives every thread a core. The last allowed core is hardware: generators, NICs and sinks. Hardware threads spin, so
 * each gets a core of its own as long as the modelled host keeps at least one. The other cores are the modelled host's
 * CPUs, from 0. On two cores everything modelled shares CPU 0; on one core everything shares that core. With more, in
 * the order in which people pin a KVM host:
 *  1. vCPUs leave the softirq core, one core each as far as cores go, all but one core;
 *  2. softirq CPUs get a core each, leaving one for vhost if there is one to leave;
 *  3. vhost workers leave the softirq cores, one core each as far as cores go;
 *  4. VMMs share the vhost cores, or get one core for themselves when one is left;
 *  5. the main thread, with V8's helpers, gets a core when one more is left; else it shares the last of the host's. Two
 *     milliseconds of sampling a second are nothing to a host with queues, and a burst of late frames at the hardware.
 * Threads of one kind take the cores of their kind in turn. `core` and `cpu` of a need overrule all this for that
 * thread; a `cpu` beyond the host's cores wraps around, and the plan is oversubscribed. Where softirq CPUs are several,
 * on one host or on more, each is such a `cpu` and gets a core; vCPUs take what cores are left, one each, and all
 * others share the cores of their own host's CPUs.
 *
 * Throws when a need names a core that is not allowed, or when none is allowed.
 */
export function planCores(needs: readonly ThreadNeed[], coresAllowed: readonly number[]): CorePlan {
  const allowed = [...coresAllowed].sort((a, b) => a - b);
  if (allowed.length === 0) throw new Error('this process may use no core at all');
  for (const { name, core } of needs) {
    if (core === undefined || allowed.includes(core)) continue;
    throw new Error(`thread ${name} asks for core ${core}; this process may use ${formatCoreList(allowed)}`);
  }
  const hardwareCores = chooseHardwareCores(needs, allowed);
  const others = allowed.filter((core) => !hardwareCores.includes(core));
  const cpusAsked = 1 + Math.max(0, ...needs.map(({ cpu }) => cpu ?? 0));
  const chosen = needs.some(({ cpus }) => cpus !== undefined);
  const host = others.length > 0 ? others : allowed;
  const { groups, spare } = chosen ? divideRest(needs, host.slice(cpusAsked)) : divideHost(needs, host);
  const spared = spare.length > 0 && cpusAsked < others.length;
  const mainCore = spared ? spare[spare.length - 1] : host[host.length - 1];
  const hostCores = spared ? others.filter((core) => core !== mainCore) : host;

  const taken = { hardware: 0, softirq: 0, vhost: 0, vcpu: 0, vmm: 0 };
  const cores = needs.map((need) => {
    if (need.core !== undefined) return need.core;
    if (need.kind === 'main') return mainCore;
    if (need.cpu !== undefined && need.kind !== 'hardware') return hostCores[need.cpu % hostCores.length];
    const group = need.kind === 'hardware' ? hardwareCores : groups[need.kind];
    const turn = taken[need.kind]++;
    if (need.cpus === undefined) return group[turn % group.length];
    return turn < group.length ? group[turn] : hostCores[need.cpus[turn % need.cpus.length] % hostCores.length];
  });
  const oversubscribed = findOversubscription(needs, cores, allowed);
  if (cpusAsked > hostCores.length) {
    oversubscribed.push(`the scenario has ${cpusAsked} host CPUs and there are cores for ${hostCores.length}`);
  }
  const coresNeeded = Math.max(1, needs.filter(({ kind }) => kind === 'hardware').length) + cpusAsked;
  return { cores, hardwareCores, hostCores, mainCore, oversubscribed, coresNeeded };
}

/** Cores the user named for hardware threads, then free ones from the last downwards, one for each thread left. */
function chooseHardwareCores(needs: readonly ThreadNeed[], allowed: readonly number[]): number[] {
  const hardware = needs.filter(({ kind }) => kind === 'hardware');
  const named = [...new Set(hardware.flatMap(({ core }) => core ?? []))];
  const free = allowed.filter((core) => !named.includes(core));
  const wanted = Math.min(hardware.filter(({ core }) => core === undefined).length, free.length - 1);
  const count = Math.max(named.length > 0 ? 0 : 1, wanted);
  return [...free.slice(free.length - count).reverse(), ...named];
}

/** Steps 1 to 4 of the rule; `spare` cores are left over. Threads that name their own CPU or core do not count. */
function divideHost(needs: readonly ThreadNeed[], host: readonly number[]): { groups: HostGroups; spare: number[] } {
  const free = needs.filter(({ cpu, core }) => cpu === undefined && core === undefined);
  const count = (kind: ThreadKind): number => free.filter((need) => need.kind === kind).length;
  const vcpuCount = Math.min(count('vcpu'), host.length - 1);
  const left = host.length - vcpuCount;
  const softirqCount = Math.max(1, Math.min(count('softirq'), count('vhost') > 0 ? left - 1 : left));
  const vhostCount = Math.min(count('vhost'), left - softirqCount);
  const vmmCount = Math.min(count('vmm'), 1, left - softirqCount - vhostCount);

  let next = 0;
  const take = (cores: number): number[] => host.slice(next, (next += cores));
  const softirq = take(softirqCount);
  const vhost = vhostCount > 0 ? take(vhostCount) : softirq;
  const vcpu = vcpuCount > 0 ? take(vcpuCount) : softirq;
  const vmm = vmmCount > 0 ? take(vmmCount) : vhost;
  return { groups: { softirq, vhost, vcpu, vmm }, spare: host.slice(next) };
}

/** Cores beyond those of the chosen CPUs: a vCPU each, as far as they go. */
function divideRest(needs: readonly ThreadNeed[], rest: readonly number[]): { groups: HostGroups; spare: number[] } {
  const vcpus = needs.filter(({ kind, cpu, core }) => kind === 'vcpu' && cpu === undefined && core === undefined);
  const groups = { softirq: [], vhost: [], vcpu: rest.slice(0, vcpus.length), vmm: [] };
  return { groups, spare: rest.slice(vcpus.length) };
}

/** A hardware thread must have its core to itself: whatever else is there makes it late. */
function findOversubscription(
  needs: readonly ThreadNeed[],
  cores: readonly number[],
  allowed: readonly number[],
): string[] {
  const reasons = allowed.length === 1 ? ['one core carries the hardware, the modelled host and the main thread'] : [];
  if (allowed.length === 1) return reasons;
  for (const core of allowed) {
    const there = needs.filter((need, i) => cores[i] === core && need.kind !== 'main');
    if (there.length < 2 || !there.some(({ kind }) => kind === 'hardware')) continue;
    reasons.push(`core ${core} is shared by ${there.map(({ name }) => name).join(', ')}, and hardware needs its own`);
  }
  return reasons;
}
