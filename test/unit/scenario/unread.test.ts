import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../../src/plan/load-scenario.ts';

const load = (name: string, ...overrides: string[]) => loadScenario(name, { overrides: ['expect=[]', ...overrides] });

describe('a key that nothing reads is refused', () => {
  it('the rate that every phase has for itself', () => {
    expect(() => load('livelock', 'traffic.rate=2Mpps')).toThrow(
      'traffic.rate: found rate, which nothing reads, since every phase (run.phases.carried.rate) has its own',
    );
    const oneWithout = 'run.phases=[{name: a, duration: 1s}, {name: b, rate: 1kpps, duration: 1s}]';
    expect(load('livelock', oneWithout, 'traffic.rate=50kpps').run.phases[0].rate).toEqual({
      kind: 'frames',
      perSecond: 50_000,
    });
  });

  it('frame sizes and flows that every stream has for itself', () => {
    const streams = 'traffic.streams=[{from: eth0, to: eth1, frameSize: 128, flows: 2}]';
    expect(() => load('livelock', streams, 'traffic.frameSize=256')).toThrow(/frameSize, which nothing reads/);
    expect(() => load('livelock', streams, 'traffic.flows=3')).toThrow(/flows, which nothing reads/);
  });

  it('the core of a component that runs on the thread of another', () => {
    const place = (threads: string) => load('livelock', `placement.threads=${threads}`);
    expect(() => place('{generator: {core: 1}}')).toThrow(
      "found core for generator, which runs on another's thread, allowed: own: true beside it",
    );
    expect(() => place('{tap0: {nice: 5}}')).toThrow(/found nice for tap0/);
    expect(() => place('{generator: {core: 1, own: true}}')).not.toThrow();
    expect(() => place('{generator: own, generator-eth0: {core: 1}}')).not.toThrow();
    expect(() => place('{vhost: {core: 0}, softirq0: {core: 0}}')).not.toThrow();
  });

  it('packed rings of a card that is no virtio device', () => {
    const features = 'vms.vm0.nics.vnic0.features=[ring-packed]';
    expect(() => load('livelock', 'vms.vm0.nics.vnic0.mode=emulated', features)).toThrow(
      'found ring-packed, which mode emulated does not have',
    );
    expect(() => load('livelock', features)).not.toThrow();
  });
});
