import { describe, expect, it } from 'vitest';
import type { ThreadNeed } from '../../../src/runtime/os/core-plan.ts';
import type { PlacementMeans, ThreadAssignment } from '../../../src/runtime/os/placement.ts';
import { placeThreads } from '../../../src/runtime/os/placement.ts';

/** The talk's test bed: one hardware thread, one softirq CPU, an SMP guest with two vNICs. */
const TEST_BED: readonly ThreadNeed[] = [
  { name: 'main', kind: 'main' },
  { name: 'hardware', kind: 'hardware' },
  { name: 'softirq0', kind: 'softirq' },
  { name: 'vhost0', kind: 'vhost', vm: 'vm0' },
  { name: 'vhost1', kind: 'vhost', vm: 'vm0' },
  { name: 'vcpu0', kind: 'vcpu', vm: 'vm0' },
  { name: 'vcpu1', kind: 'vcpu', vm: 'vm0' },
  { name: 'vmm0', kind: 'vmm', vm: 'vm0' },
];

function machine(coreCount: number, privileged: boolean, changes: Partial<PlacementMeans> = {}): PlacementMeans {
  const yes = { available: true, how: 'koffi' };
  const byPrivilege = privileged ? yes : { available: false, how: 'EPERM' };
  return {
    coresAllowed: Array.from({ length: coreCount }, (_, core) => core),
    koffi: yes,
    fifo: byPrivilege,
    niceNegative: byPrivilege,
    schedIdle: yes,
    ...changes,
  };
}

function coresByName(threads: readonly ThreadAssignment[]): Record<string, number> {
  return Object.fromEntries(threads.map(({ name, core }) => [name, core]));
}

function thread(threads: readonly ThreadAssignment[], wanted: string): ThreadAssignment {
  const found = threads.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no thread ${wanted}`);
  return found;
}

describe('cores', () => {
  it('puts everything on one core, and says that this is oversubscribed', () => {
    const placed = placeThreads(TEST_BED, machine(1, true));
    expect(new Set(placed.threads.map(({ core }) => core))).toEqual(new Set([0]));
    expect(placed.oversubscribed).toHaveLength(1);
    expect(placed.coresNeeded).toBe(2);
    expect(placed.lines.join('\n')).toContain('oversubscribed, rates are not judged: one core carries');
  });

  it('gives hardware one of two cores, and the modelled host and the main thread the other', () => {
    const placed = placeThreads(TEST_BED, machine(2, true));
    expect(coresByName(placed.threads)).toEqual({
      main: 0,
      hardware: 1,
      softirq0: 0,
      vhost0: 0,
      vhost1: 0,
      vcpu0: 0,
      vcpu1: 0,
      vmm0: 0,
    });
    expect(placed).toMatchObject({ hardwareCores: [1], hostCores: [0], mainCore: 0, oversubscribed: [] });
  });

  it('lets the vCPUs leave the softirq core first', () => {
    const cores = coresByName(placeThreads(TEST_BED, machine(4, true)).threads);
    expect(cores).toEqual({ main: 2, hardware: 3, softirq0: 0, vhost0: 0, vhost1: 0, vcpu0: 1, vcpu1: 2, vmm0: 0 });
  });

  it('gives every thread of the test bed a core of its own on eight', () => {
    const placed = placeThreads(TEST_BED, machine(8, true));
    const cores = placed.threads.map(({ core }) => core);
    expect(new Set(cores).size).toBe(TEST_BED.length);
    expect(placed.mainCore).toBe(6);
    expect(placed.hostCores).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('names the cores it leaves unused on 64', () => {
    const placed = placeThreads(TEST_BED, machine(64, true));
    expect(placed.lines).toContain('not used: core 6-61');
    expect(thread(placed.threads, 'hardware').core).toBe(63);
    expect(placed.mainCore).toBe(62);
  });

  it('works on whatever cores a cpuset leaves', () => {
    const placed = placeThreads(TEST_BED, machine(2, true, { coresAllowed: [9, 5] }));
    expect(placed).toMatchObject({ hardwareCores: [9], hostCores: [5] });
  });

  it('takes CPUs of the modelled host as the scenario says, and wraps those there is no core for', () => {
    const needs: ThreadNeed[] = TEST_BED.map((need) => {
      if (need.kind === 'vhost') return { ...need, cpu: 1 };
      return need.kind === 'vcpu' ? { ...need, cpu: 2 } : need;
    });
    const four = placeThreads(needs, machine(4, true));
    expect(coresByName(four.threads)).toMatchObject({ softirq0: 0, vhost0: 1, vhost1: 1, vcpu0: 2, vcpu1: 2 });
    expect(four.oversubscribed).toEqual([]);

    const two = placeThreads(needs, machine(2, true));
    expect(coresByName(two.threads)).toMatchObject({ softirq0: 0, vhost0: 0, vcpu0: 0, hardware: 1 });
    expect(two.oversubscribed).toEqual(['the scenario has 3 host CPUs and there are cores for 1']);
    expect(two.coresNeeded).toBe(4);
  });

  it('gives each chosen CPU a core, vCPUs what is left, and the rest their own host', () => {
    const needs: ThreadNeed[] = [
      { name: 'hardware', kind: 'hardware' },
      { name: 'a/softirq0', kind: 'softirq', cpu: 0, cpus: [0] },
      { name: 'b/softirq0', kind: 'softirq', cpu: 1, cpus: [1] },
      { name: 'vhost-a', kind: 'vhost', cpu: 0, cpus: [0] },
      { name: 'vhost-b', kind: 'vhost', cpu: 1, cpus: [1] },
      { name: 'vm-a/vcpu0', kind: 'vcpu', cpus: [0] },
      { name: 'vm-b/vcpu0', kind: 'vcpu', cpus: [1] },
      { name: 'vm-b/vmm', kind: 'vmm', cpus: [1] },
    ];
    const three = placeThreads(needs, machine(3, true));
    expect(coresByName(three.threads)).toMatchObject({ 'vm-a/vcpu0': 0, 'vhost-b': 1, 'vm-b/vcpu0': 1, 'vm-b/vmm': 1 });
    expect(three.oversubscribed).toEqual([]);
    expect(coresByName(placeThreads(needs, machine(4, true)).threads)).toMatchObject({
      'vm-a/vcpu0': 2,
      'vm-b/vcpu0': 1,
    });
    const two = placeThreads(needs, machine(2, true));
    expect(two.oversubscribed).toEqual(['the scenario has 2 host CPUs and there are cores for 1']);
  });

  it('has the main thread share a CPU where the scenario uses all, and leaves it out of them otherwise', () => {
    const needs: ThreadNeed[] = [
      { name: 'hardware', kind: 'hardware' },
      { name: 'softirq0', kind: 'softirq' },
      { name: 'vhost0', kind: 'vhost', cpu: 2 },
    ];
    expect(placeThreads(needs, machine(4, true))).toMatchObject({ mainCore: 2, hostCores: [0, 1, 2] });
    expect(placeThreads(needs, machine(5, true))).toMatchObject({ mainCore: 3, hostCores: [0, 1, 2] });
  });

  it('gives each hardware thread a core, and objects when it cannot', () => {
    const needs: ThreadNeed[] = [...TEST_BED, { name: 'hardware1', kind: 'hardware' }];
    const four = placeThreads(needs, machine(4, true));
    expect(four).toMatchObject({ hardwareCores: [3, 2], hostCores: [0, 1], oversubscribed: [] });
    const two = placeThreads(needs, machine(2, true));
    expect(two.oversubscribed).toEqual(['core 1 is shared by hardware, hardware1, and hardware needs its own']);
  });

  it('takes a core the user names, objects to one that is not allowed, and to sharing one with hardware', () => {
    const at = (core: number): ThreadNeed[] => [
      { name: 'hardware', kind: 'hardware', core },
      { name: 'softirq0', kind: 'softirq' },
    ];
    expect(placeThreads(at(0), machine(2, true))).toMatchObject({ hardwareCores: [0], hostCores: [1], mainCore: 1 });
    expect(() => placeThreads(at(7), machine(2, true))).toThrow(
      'thread hardware asks for core 7; this process may use 0-1',
    );
    const shared = placeThreads([...at(0), { name: 'vhost0', kind: 'vhost', core: 0 }], machine(2, true));
    expect(shared.oversubscribed).toEqual(['core 0 is shared by hardware, vhost0, and hardware needs its own']);
  });

  it('refuses to place threads nowhere', () => {
    expect(() => placeThreads(TEST_BED, machine(0, true))).toThrow('no core at all');
  });
});

describe('scheduling classes', () => {
  it.each([1, 2, 4, 8, 64])('uses interrupt class over fair peers where allowed, on %i cores', (coreCount) => {
    const { threads, mainPolicy } = placeThreads(TEST_BED, machine(coreCount, true));
    expect(thread(threads, 'softirq0')).toMatchObject({
      policy: { class: 'fifo', priority: 1 },
      interruptClass: 'switching',
    });
    expect(thread(threads, 'hardware').policy).toEqual({ class: 'other', nice: -20 });
    expect(mainPolicy).toEqual({ class: 'other', nice: -20 });
    for (const name of ['vhost0', 'vhost1', 'vcpu0', 'vcpu1', 'vmm0']) {
      expect(thread(threads, name).policy).toEqual({ class: 'other', nice: 0 });
    }
  });

  it('lowers the peers instead where it may not raise softirq', () => {
    const { threads, lines } = placeThreads(TEST_BED, machine(2, false));
    expect(thread(threads, 'softirq0')).toMatchObject({
      policy: { class: 'other', nice: 0 },
      interruptClass: 'inline-only',
    });
    expect(thread(threads, 'vhost1').policy).toEqual({ class: 'idle' });
    expect(thread(threads, 'hardware').policy).toEqual({ class: 'other', nice: 0 });
    expect(lines.at(-1)).toBe(
      'softirq stays above its peers, for lack of SCHED_FIFO (EPERM): what it would leave to ksoftirqd it goes on with ' +
        'inline, and the guard of a kernel that has one (linux-4.9) changes nothing',
    );
  });

  it('lowers only threads that share a core with softirq', () => {
    const { threads } = placeThreads(TEST_BED, machine(4, false));
    expect(thread(threads, 'vhost0').policy).toEqual({ class: 'idle' });
    expect(thread(threads, 'vcpu0').policy).toEqual({ class: 'other', nice: 0 });
  });

  it('falls back on nice 19 without SCHED_IDLE', () => {
    const means = machine(2, false, { schedIdle: { available: false, how: 'seccomp' } });
    expect(thread(placeThreads(TEST_BED, means).threads, 'vhost0').policy).toEqual({ class: 'other', nice: 19 });
  });

  it('does not use a FIFO class that the thread could not leave quickly', () => {
    const means = machine(2, true, { koffi: { available: false, how: 'not installed' } });
    const { threads, lines } = placeThreads(TEST_BED, means);
    expect(thread(threads, 'softirq0').interruptClass).toBe('inline-only');
    expect(thread(threads, 'vhost0').policy).toEqual({ class: 'idle' });
    expect(lines.at(-1)).toContain('for lack of koffi (not installed)');
  });

  it.each([true, false])('leaves threaded NAPI an ordinary thread among equals, privileged %s', (privileged) => {
    const needs: ThreadNeed[] = TEST_BED.map((need) =>
      need.kind === 'softirq' ? { ...need, policy: { class: 'other', nice: 0 } } : need,
    );
    const { threads } = placeThreads(needs, machine(2, privileged));
    expect(thread(threads, 'softirq0')).toMatchObject({ policy: { class: 'other', nice: 0 }, interruptClass: 'none' });
    expect(thread(threads, 'vhost0').policy).toEqual({ class: 'other', nice: 0 });
  });

  it('takes the class a user insists on', () => {
    const needs: ThreadNeed[] = [...TEST_BED, { name: 'slow', kind: 'vcpu', policy: { class: 'other', nice: 10 } }];
    expect(thread(placeThreads(needs, machine(2, true)).threads, 'slow').policy).toEqual({ class: 'other', nice: 10 });
  });

  it('tells people what runs where', () => {
    expect(placeThreads(TEST_BED, machine(2, true)).lines).toEqual([
      'core 0, host CPU 0: softirq0 (fifo 1), vhost0 (nice 0), vhost1 (nice 0), vcpu0 (nice 0), vcpu1 (nice 0), vmm0 (nice 0), main thread and V8 helpers (nice -20)',
      'core 1, hardware: hardware (nice -20)',
    ]);
  });
});
