import { describe, expect, it } from 'vitest';
import { topologySvg } from '../../../src/experiment/graph/topology-graph.ts';
import { layOut } from '../../../src/experiment/graph/topology-layout.ts';
import type { Box } from '../../../src/experiment/graph/topology-layout.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { planGraph } from '../../../src/plan/graph/graph.ts';
import type { PlanGraph } from '../../../src/plan/graph/graph.ts';
import { planMermaid } from '../../../src/plan/graph/mermaid.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { shippedScenarios } from '../../../src/scenario/file.ts';
import { describeScenario } from '../../../src/experiment/catalogue/scenario-index.ts';
import { allNodes, parseSvg, placedTexts } from '../../support/svg-structure.ts';

function graphOf(name: string, ...overrides: readonly string[]): PlanGraph {
  return planGraph(buildPlan(loadScenario(name, { overrides })), 2);
}

function successors(graph: PlanGraph, actor: string): string[] {
  const next = graph.edges.filter(({ from, carries }) => from === actor && carries === 'frames').map(({ to }) => to);
  return [...new Set(next)].sort();
}

describe('the graph of a plan', () => {
  it('follows a frame from the wire into the guest and back', () => {
    const graph = graphOf('kvm-forum-2014');
    expect(successors(graph, 'generator-eth0')).toEqual(['eth0']);
    expect(successors(graph, 'eth0')).toEqual(['sink-eth0', 'softirq0']);
    expect(successors(graph, 'softirq0')).toEqual(['br0', 'br1']);
    expect(successors(graph, 'br0')).toEqual(['eth0', 'tap0']);
    expect(successors(graph, 'tap0')).toEqual(['vhost-vnic0']);
    expect(successors(graph, 'vhost-vnic0')).toEqual(['softirq0', 'vm0/vcpu0']);
    // Any vCPU may transmit on any vNIC; only one takes its receive interrupts.
    expect(successors(graph, 'vm0/vcpu0')).toEqual(['vhost-vnic0', 'vhost-vnic1']);
    expect(graph.edges).toContainEqual({ from: 'tap0', to: 'vhost-vnic0', label: 'queue 500', carries: 'frames' });
  });

  it('shows whom the control path connects', () => {
    const edges = graphOf('kvm-forum-2014').edges.filter(({ carries }) => carries === 'control');
    expect(edges.map(({ from, to, label }) => `${from} > ${to}: ${label}`)).toEqual(
      expect.arrayContaining([
        'vm0/vmm > vhost-vnic0: vhost ioctls',
        'vm0/vcpu0 > vm0/vmm: virtio-pci registers',
        'vm0/vcpu1 > vm0/vmm: virtio-pci registers',
      ]),
    );
  });

  it('goes by what the plan says: an accelerated vNIC is fed by its NIC, a direct one without vhost', () => {
    const accelerated = graphOf('accelerated');
    expect(successors(accelerated, 'eth0')).toContain('vhost-vnic0');
    expect(successors(accelerated, 'br0')).toEqual(['eth0']);
    const direct = graphOf('direct');
    expect(successors(direct, 'eth0')).toContain('vm0/vcpu0');
    expect(successors(direct, 'vhost-vnic0')).toEqual([]);
    expect(direct.edges).toContainEqual({
      from: 'vhost-vnic0',
      to: 'eth0',
      label: 'vring addresses',
      carries: 'control',
    });
  });

  it('groups actors by thread and threads by core, as they would be placed', () => {
    const { cores } = graphOf('kvm-forum-2014', 'placement.threads.br0=own');
    const threads = cores.flatMap((core) => core.threads);
    expect(threads.find(({ name }) => name === 'br0')!.actors).toEqual([{ name: 'br0', place: 'bridge' }]);
    expect(cores.find(({ core }) => core === 1)!.threads.map(({ name }) => name)).toEqual(['hardware0']);
    expect(graphOf('noisy-neighbour-accelerated').cores.map(({ core }) => core)).toEqual([0, 1, 2, 3]);
  });

  it('groups cores by host where there are several, and tells the link between two ports from other wires', () => {
    const graph = graphOf('network-appliance');
    const threads = graph.cores.map(({ host, threads }) => [host, threads.map(({ name }) => name)]);
    expect(Object.fromEntries(threads)).toEqual({
      null: ['hardware0'],
      appliance: ['appliance/softirq0', 'vhost-fw0', 'vhost-fw1', 'fw/vmm', 'fw/vcpu0', 'fw/vcpu1'],
      server: ['server/softirq0', 'vhost-web0', 'web/vmm', 'web/vcpu0'],
    });
    const links = graph.edges.filter(({ label }) => label.startsWith('link'));
    expect(links.map(({ from, to }) => `${from} > ${to}`).sort()).toEqual(['eth1 > srv0', 'srv0 > eth1']);
    expect(graphOf('kvm-forum-2014').cores.map(({ host }) => host)).toEqual([null, null]);
  });

  it('draws a host that runs on several cores, and a core that two hosts share, in frames of their own', () => {
    const overrides = ['hosts.appliance.softirqCpus=2', 'placement.threads.server/softirq0.core=1'];
    const graph = graphOf('network-appliance', ...overrides);
    const placed = graph.cores.map(({ host, core }) => `${host}:${core}`);
    expect(placed.filter((each) => each.startsWith('appliance')).length).toBe(2);
    expect(placed).toContain('server:1');
    expect(placed).toContain('appliance:1');
    const { hosts, cores } = layOut(graph);
    const inside = (a: Box, b: Box): boolean =>
      a.x > b.x && a.y > b.y && a.x + a.width < b.x + b.width && a.y + a.height < b.y + b.height;
    expect(hosts.map(({ host }) => host)).toEqual(['appliance', 'server']);
    for (const { host, box } of hosts) {
      expect(cores.filter((core) => inside(core.box, box)).map(({ core }) => core.host)).toEqual(
        graph.cores.flatMap((core) => (core.host === host ? [host] : [])),
      );
    }
    const text = planMermaid('two hosts', graph);
    expect(text).toContain('  subgraph host_appliance["host appliance"]\n    subgraph core0_appliance["core 0"]\n');
    const ids = [...text.matchAll(/subgraph (\w+)\[/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(text.match(/^ *end$/gm)!.length).toBe(ids.length);
  });
});

describe.each(shippedScenarios())('%s', (name) => {
  const graph = graphOf(name);
  const actors = graph.cores.flatMap(({ threads }) => threads.flatMap((thread) => thread.actors));

  it('has every frame path closed: whoever is handed frames hands them on, but for sinks', () => {
    const handed = graph.edges.filter(({ carries }) => carries === 'frames').map(({ to }) => to);
    const stuck = actors.filter((actor) => handed.includes(actor.name) && successors(graph, actor.name).length === 0);
    expect(stuck.map(({ place }) => place).filter((place) => place !== 'sink')).toEqual([]);
  });

  it('is Mermaid in which every arrow joins two boxes that were declared', () => {
    const text = planMermaid(name, graph);
    const declared = [...text.matchAll(/^ +(actor_\w+)\[/gm)].map(([, id]) => id);
    expect(new Set(declared).size).toBe(actors.length);
    const arrows = [...text.matchAll(/^ {2}(\w+) -\.?->\|"[^"|]+"\| (\w+)$/gm)];
    expect(arrows).toHaveLength(graph.edges.length);
    expect(arrows.flatMap(([, from, to]) => [from, to]).filter((id) => !declared.includes(id))).toEqual([]);
  });

  it('is drawn without two boxes on each other', () => {
    const layout = layOut(graph);
    const apart = (boxes: readonly Box[]): boolean =>
      boxes.every((a, i) =>
        boxes
          .slice(i + 1)
          .every((b) => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y),
      );
    expect(apart([...layout.actors.values()])).toBe(true);
    expect(apart(layout.threads.map(({ box }) => box))).toBe(true);
    expect(apart(layout.cores.map(({ box }) => box))).toBe(true);
    const free = layout.cores.filter(({ core }) => core.host === null);
    expect(apart([...free, ...layout.hosts].map(({ box }) => box))).toBe(true);
  });

  it('is a well-formed drawing with every actor, thread and core named', () => {
    const document = parseSvg(topologySvg(name, graph));
    const texts = placedTexts(document).map(({ text }) => text);
    const threads = graph.cores.flatMap((core) => core.threads);
    const hosts = graph.cores.flatMap(({ host }) => (host === null ? [] : [`host ${host}`]));
    const names = [...hosts, ...[...actors, ...threads].map((each) => each.name)];
    expect(
      [...names, ...graph.cores.map(({ core }) => `core ${core}`)].filter((each) => !texts.includes(each)),
    ).toEqual([]);
    const { width, height } = document.attributes;
    for (const { attributes } of allNodes(document).filter((node) => node.attributes.height !== '100%')) {
      if (attributes.x === undefined) continue;
      expect(Number(attributes.x)).toBeLessThan(Number(width));
      expect(Number(attributes.y)).toBeLessThan(Number(height));
    }
  });
});

describe('the index of scenarios', () => {
  it('says what each needs and how it is run', () => {
    expect(describeScenario(loadScenario('ksoftirqd-guard'), 2)).toMatchObject({
      summary: expect.stringMatching(/^Linux 4\.9 to 6\.4 skip .*\.$/) as string,
      coresNeeded: 2,
      command: 'npm run vhostlab -- run ksoftirqd-guard',
    });
    expect(describeScenario(loadScenario('own-cores'), 2).coresNeeded).toBe(7);
    expect(describeScenario(loadScenario('slow-guest'), 2)).toMatchObject({ coresNeeded: 5, durationNs: 16e9 });
  });

  it('runs on the virtual host what this machine has too few cores for', () => {
    const commandOn = (cores: number) => describeScenario(loadScenario('slow-guest'), cores).command;
    expect(commandOn(4)).toBe('npm run vhostlab -- run slow-guest --host virtual');
    expect(commandOn(5)).toBe('npm run vhostlab -- run slow-guest');
  });

  it('tells scenarios apart by what they show', () => {
    const summaries = shippedScenarios().map((name) => describeScenario(loadScenario(name), 2).summary);
    expect(new Set(summaries).size).toBe(summaries.length);
    expect(summaries.filter((summary) => summary.length < 70)).toEqual([]);
    expect(describeScenario(loadScenario('tls-terminate'), 2).summary).toContain('TLS');
  });
});
