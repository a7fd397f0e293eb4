import { describe, expect, it } from 'vitest';
import type { DropCount, PhaseResult } from '../../../src/experiment/run/run-result.ts';
import { verdictText } from '../../../src/experiment/tell/verdict-text.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { phaseOf, resultOf, tapFull } from '../../support/phase-results.ts';
import type { PhaseChanges } from '../../support/phase-results.ts';

const verdict = (...phases: PhaseResult[]): string => verdictText(resultOf(phases));
const lossy = (drop: DropCount, changes: PhaseChanges): string => verdict(phaseOf({ drops: [drop], ...changes }));
const vhostCounters = (dry: number) => ({
  'vhost-vnic0': { rx_passes: 1000, rx_no_buffer_passes: dry, rx_packets: 5000, tx_packets: 9000 },
});

describe('what limited a run, in words', () => {
  it('vhost without CPU: who kept it from running', () => {
    const text = lossy(tapFull('tap0', 1_900_000), {
      threads: { softirq0: [0.64, 0], 'vhost-vnic0': [0.09, 0.81], 'vm0/vcpu0': [0.22, 0.1], hardware0: [1, 0] },
      counters: vhostCounters(0),
    });
    expect(text).toBe(
      'In phase flood 95 % of 2 M frames were lost. All of them (1.9 M) ended at tap0 (tap queue full): vhost-vnic0, ' +
        'which empties tap0, was runnable but not running 81 % of the time (softirq0 ran 64 % of core 0, vm0/vcpu0 22 %).',
    );
  });

  it('vhost ran, but the guest had no buffers', () => {
    const text = lossy(tapFull('tap0', 500_000), {
      threads: { 'vhost-vnic0': [0.3, 0.05], 'vm0/vcpu0': [0.97, 0.02] },
      counters: vhostCounters(900),
    });
    expect(text).toContain(
      'vhost-vnic0, which empties tap0, found no receive buffer from the guest in 90 % of its passes',
    );
    expect(text).toContain('vm0/vcpu0, which posts them, ran 97 % of the time, all it could');
    expect(text).not.toContain('runnable but not running');
  });

  it('vhost starved, and the guest behind it too', () => {
    const text = lossy(tapFull('tap0', 500_000), {
      threads: { softirq0: [0.95, 0.05], 'vhost-vnic0': [0.01, 0.99], 'vm0/vcpu0': [0.01, 0.48] },
      counters: vhostCounters(990),
    });
    expect(text).toContain(
      'was runnable but not running 99 % of the time (softirq0 ran 95 % of core 0), and when it ran it',
    );
    expect(text).toContain('found no receive buffer from the guest in 99 % of its passes');
  });

  it('a worker busy with transmission', () => {
    const text = lossy(tapFull('tap0', 500_000), {
      threads: { 'vhost-vnic0': [0.96, 0.01] },
      counters: vhostCounters(0),
    });
    expect(text).toContain(
      'ran 96 % of the time, all it could, most of it on transmission: 5 k frames to the guest and 9 k',
    );
  });

  it('a busy worker whose every pass fills the ring, before a guest that sleeps', () => {
    const text = lossy(tapFull('tap0', 500_000), {
      threads: { 'vhost-vnic0': [0.99, 0.01], 'vm0/vcpu0': [0.01, 0] },
      counters: { 'vhost-vnic0': { ...vhostCounters(1000)['vhost-vnic0'], tx_requeues: 34 } },
    });
    expect(text).not.toContain('no receive buffer');
    expect(text).toContain("9 k from it, where 34 passes ended by vhost's weight with more to send");
  });

  it('a saturated softirq CPU', () => {
    const drop = {
      place: 'nic',
      actor: 'eth0',
      counter: 'rx_missed_errors',
      reason: 'RX ring full',
      frames: 1e6,
    } as const;
    const text = lossy(drop, { threads: { softirq0: [0.9, 0.08] } });
    expect(text).toContain(
      'softirq0, which must empty receive rings, ran 90 % of the time and waited 8.0 % for its core',
    );
  });

  it('a full wire', () => {
    const drop = {
      place: 'bridge',
      actor: 'br1',
      counter: 'drop_tx_queue_full',
      reason: 'queue full',
      frames: 1e6,
    } as const;
    // 1.488 M frames of 60 bytes without FCS a second fill 1 Gbit/s.
    const counters = { eth1: { tx_packets: 14_880_000, tx_bytes: 14_880_000 * 60 } };
    expect(lossy(drop, { counters })).toContain('eth1 sent at line rate, which is all its wire carries');
  });

  it('a guest that cannot send fast enough', () => {
    const drop = {
      place: 'guest',
      actor: 'vm0/vcpu0',
      counter: 'tx_qdisc_dropped',
      reason: 'qdisc full',
      frames: 1e6,
    } as const;
    const text = lossy(drop, { threads: { 'vhost-vnic0': [0.1, 0.1], 'vhost-vnic1': [0.2, 0.7], softirq0: [0.6, 0] } });
    expect(text).toContain('vhost-vnic1, which takes frames from the guest, was runnable but not running 70 %');
  });

  describe('an empty pool of guest buffers', () => {
    const drop = {
      place: 'pool',
      actor: 'eth0',
      counter: 'rx_pool_depleted',
      reason: 'pool empty',
      frames: 1e6,
    } as const;
    const told = (changes: PhaseChanges, mode = 'accelerated'): string =>
      verdictText(
        resultOf(
          [phaseOf({ drops: [drop], ...changes })],
          loadScenario('kvm-forum-2014', { overrides: [`vms.vm0.nics.vnic0.mode=${mode}`] }),
        ),
      );
    const busyGuest = { 'vm0/vcpu0': [0.9, 0.05], 'vhost-vnic0': [0.2, 0.1] } as const;

    it('whose guest posted none: the vCPU', () => {
      const counters = {
        'vhost-vnic0': { depletion_entries: 10, congestion_calls: 10 },
        eth0: { vnic0_no_buffer: 1e6 },
      };
      const text = told({ threads: busyGuest, counters });
      expect(text).toContain('vm0/vcpu0, which posts the buffers for the hardware, ran 90 % of the time, all it could');
      expect(told({ threads: busyGuest, counters }, 'direct')).toContain('vm0/vcpu0, which posts the buffers');
    });

    it('whose vhost worker had no CPU: that one, however busy the vCPU is', () => {
      const threads = { 'vm0/vcpu0': [0.9, 0.05], 'vhost-vnic0': [0.05, 0.9] } as const;
      expect(told({ threads })).toContain(
        'vhost-vnic0, which gives the hardware the buffers that vm0 posts, was runnable but not running 90 %',
      );
    });

    it('whose vhost worker found posted buffers each time it was told: that one too', () => {
      const counters = { 'vhost-vnic0': { depletion_entries: 10, congestion_calls: 2 } };
      expect(told({ threads: busyGuest, counters })).toContain('vhost-vnic0, which gives the hardware the buffers');
    });

    it('of one among several vNICs of the card: that one’s guest, and not the busier one', () => {
      const threads = { 'noisy/vcpu0': [0.3, 0.1], 'quiet/vcpu0': [0.9, 0.05] } as const;
      const counters = { eth0: { vnic0_no_buffer: 900_000, vnic1_no_buffer: 100_000 }, 'vhost-noisy0': {} };
      const phases = [phaseOf({ drops: [drop], threads, counters })];
      const actors = { 'noisy/vcpu0': ['noisy/vcpu0'], 'quiet/vcpu0': ['quiet/vcpu0'] };
      const text = verdictText(resultOf(phases, loadScenario('noisy-neighbour-accelerated'), actors));
      expect(text).toContain('noisy/vcpu0, which posts the buffers for the hardware, ran 30 %');
    });
  });

  it('a drop whose reason says it all', () => {
    const drop = {
      place: 'guest',
      actor: 'vm0/vcpu0',
      counter: 'nf_no_route',
      reason: 'no route',
      frames: 1e6,
    } as const;
    expect(lossy(drop, {})).toMatch(/ended at vm0\/vcpu0 \(no route\)\.$/);
  });

  it('tells the same cause at two places once', () => {
    const text = verdict(
      phaseOf({
        drops: [tapFull('tap1', 900_000), tapFull('tap0', 800_000)],
        threads: { softirq0: [0.64, 0], 'vhost-vnic0': [0.09, 0.81], 'vhost-vnic1': [0.1, 0.79] },
      }),
    );
    expect(text).toContain('ended at tap0 and tap1 (tap queue full): vhost-vnic1, which empties tap1');
    expect(text).toContain('; likewise at tap0.');
    expect(text).not.toContain('vhost-vnic0, which');
  });

  it('nothing lost, and nothing was the limit', () => {
    const text = verdict(phaseOf({ name: 'comfortable', threads: { hardware0: [1, 0], softirq0: [0.34, 0] } }));
    expect(text).toBe(
      'Nothing was lost and nothing limited this run: 200 k frames/s arrived in phase comfortable. The busiest thread ' +
        'of the host, softirq0, ran 34 % and slept 66 % of the time.',
    );
  });

  it('says that the kernel does not tell who waited, instead of guessing', () => {
    const text = lossy(tapFull('tap0', 500_000), { threads: { 'vhost-vnic0': [0.09, null] } });
    expect(text).toContain('ran 9.0 % of the time (this kernel does not say how long it waited for a core)');
  });

  it('is about the worst phase and names those that lost nothing', () => {
    const text = verdict(phaseOf({ name: 'comfortable' }), phaseOf({ drops: [tapFull('tap0', 10)] }));
    expect(text).toMatch(/^In phase flood .* Phase comfortable lost nothing\.$/);
  });

  it('has nothing to say of a run without traffic', () => {
    expect(verdict(phaseOf({ sentFrames: 0 }))).toBe('No traffic was sent, so nothing limited this run.');
  });

  describe('what is known before any cause', () => {
    const late = phaseOf({ sentFrames: 900_000, offeredFrames: 1_000_000 });

    it('a generator that fell behind comes first, and then it was the limit', () => {
      expect(verdict(late)).toMatch(
        /^The generator fell behind in phase flood: the generator of eth0-to-eth1 sent 100 k frames less .* Nothing was lost and the generator was the limit: /,
      );
      const drops = [tapFull('tap0', 1000)];
      expect(
        verdict({ ...late, drops, total: { ...late.total, droppedFrames: 1000, lostFrames: 1000, lossRatio: 0.01 } }),
      ).toMatch(/^The generator fell behind .* In phase flood /);
    });

    it('a run that is invalid for another reason says so first', () => {
      const cores = [{ core: 0, foreignRatio: 0.3, stealRatio: 0, excusedRatio: 0 }];
      expect(verdict(phaseOf({ cores }))).toMatch(/^This run is invalid, in phase flood: something else took 30 %/);
    });

    it('a virtqueue that broke is the cause of what its tap lost, by the name of the error', () => {
      const broken = 'vring 0: virtqueue broken, chainLoop: the chain loops; head 3';
      const run = resultOf([phaseOf({ drops: [tapFull('tap0', 500_000)], threads: { 'vhost-vnic0': [0.01, 0] } })]);
      const text = verdictText({ ...run, virtqueueFaults: [{ actor: 'vhost-vnic0', text: broken }] });
      expect(text).toMatch(/^vhost-vnic0 stopped serving vring 0: virtqueue broken, chainLoop: /);
      expect(text).toContain('(tap queue full): vhost-vnic0, which empties tap0, stopped serving vring 0');
    });
  });

  it('a queue is not explained by an emptier that slept', () => {
    const [generator] = ['generator-eth0'];
    const away = { generator, p50Ns: 1, p999Ns: 1, meets: '', limitNs: 1e6, lateRatio: 0, caughtUpFrames: 10 };
    const threads = { 'vhost-vnic0': [0.1, 0] } as const;
    expect(lossy(tapFull('tap0', 500), { threads, lateness: [{ ...away, absences: 3 }] })).toContain(
      'ran 10 % and slept 90 % of the time, so there was time enough, and only bursts or pauses of milliseconds can have ' +
        'filled the queue; the generators were away 3 times, and faster after that',
    );
  });

  it('knows hardware by the plan, whatever its threads are called', () => {
    const threads = { 'generator-eth0': [1, 0], softirq0: [0.34, 0] } as const;
    const actors = { 'generator-eth0': ['generator-eth0'], softirq0: ['softirq0'] };
    const run = resultOf([phaseOf({ threads })], loadScenario('kvm-forum-2014'), actors);
    expect(verdictText(run)).toContain('The busiest thread of the host, softirq0,');
  });

  describe('what the scenario asked for', () => {
    const MODES = ['vhost', 'vhost-feedback', 'accelerated', 'direct', 'qemu'];
    const placeOf = (mode: string): DropCount => {
      if (mode === 'accelerated' || mode === 'direct') {
        return { place: 'pool', actor: 'eth0', counter: 'rx_pool_depleted', reason: 'no buffer', frames: 1e6 };
      }
      return tapFull('tap0', 1e6);
    };
    const scenarioOf = (mode: string, ...more: string[]) => {
      const modes = [`vms.vm0.nics.vnic0.mode=${mode}`, `vms.vm0.nics.vnic1.mode=${mode}`];
      return loadScenario('kvm-forum-2014', { overrides: ['expect=[]', ...modes, ...more] });
    };

    it.each(MODES)('a VM that it stopped: %s', (mode) => {
      const scenario = scenarioOf(mode, 'run.phases=[{name: flood, duration: 10s, stopped: [vm0]}]');
      const text = verdictText(resultOf([phaseOf({ drops: [placeOf(mode)] })], scenario));
      expect(text).toContain(': vm0 was stopped by the scenario.');
    });

    it.each(MODES.slice(0, 4))('a VM that was not there: %s', (mode) => {
      const orders = 'run.timeline=[{at: 300ms, remove: vm0}]';
      const run = resultOf([phaseOf({ drops: [placeOf(mode)], beganAtNs: 5e9 })], scenarioOf(mode, orders));
      const removal = { vm: 'vm0', order: 'remove', cause: 'timeline', orderedNs: 1e9, tookNs: 1e6 } as const;
      const gone = { ...removal, doneAtNs: 5.3e9, vnics: [], drain: null, droppedFrames: 0 };
      expect(verdictText({ ...run, provisioning: [gone] })).toContain(': vm0 was not there from 0.3 s.');
      const back = { ...gone, order: 'add', doneAtNs: 7e9 } as const;
      expect(verdictText({ ...run, provisioning: [gone, back] })).toContain('vm0 was not there from 0.3 s to 2.0 s.');
    });

    it('and behind a bridge with no other port: the VM that was not there', () => {
      const drop = { place: 'bridge', actor: 'br0', counter: 'drop_no_port', reason: 'no port', frames: 1e6 } as const;
      const scenario = scenarioOf('direct', 'vms.vm0.present=false', 'run.timeline=[{at: 9s, add: vm0}]');
      expect(verdictText(resultOf([phaseOf({ drops: [drop] })], scenario))).toContain('(no port): vm0 was not there.');
    });
  });
});
