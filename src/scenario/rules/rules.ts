/** Rules between the keys of a scenario: names that refer to each other, and values that must fit together. */
import { networkOf, parseCidr } from '../../net/wire/address.ts';
import { VLAN_NONE } from '../../net/wire/vlan.ts';
import { checkFrameLengths } from './frame-lengths.ts';
import { formatRate } from '../text/quantities.ts';
import { checkConnections } from './connections.ts';
import { checkGateways, checkHosts, checkLinks } from './hosts.ts';
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { checkProvisioning } from './provisioning.ts';
import { checkProxies } from './proxies.ts';
import { checkReplay, checkSplit } from './replay.ts';
import { PLACEMENT_KINDS } from '../words.ts';
import type { ParsedNf } from '../keys/functions.ts';
import type { ParsedScenario } from '../keys/schema.ts';
import { checkVlans } from './vlans.ts';
import { MODES } from '../modes.ts';
import type { Scenario, VnicSpec } from '../scenario.ts';
import { portLoads } from '../stream-rates.ts';
import { framesHeldAtOnce } from '../frames-held.ts';
import { didYouMean } from '../text/suggestion.ts';
import { actorNames, isHardwareThread } from '../names.ts';

type ParsedNic = NonNullable<NonNullable<ParsedScenario['vms']>[number]['nics']>[number];

/** A line loaded this much beyond 1 is rounding. */
const LOAD_TOLERANCE = 1e-9;

/** The named parts of a scenario, and where each name stands. */
interface Named {
  readonly name: string;
  readonly path: KeyPath;
}

function portNames({ ports = [] }: ParsedScenario): Named[] {
  return ports.map(({ name }, i) => ({ name, path: ['ports', i, 'name'] }));
}

function tapNames({ vms = [] }: ParsedScenario): Named[] {
  return vms.flatMap(({ nics = [] }, v) =>
    nics.map(({ tap }, n) => ({ name: tap.name ?? '', path: ['vms', v, 'nics', n, 'tap', 'name'] })),
  );
}

function nicNames({ vms = [] }: ParsedScenario): Named[] {
  return vms.flatMap(({ nics = [] }, v) => nics.map(({ name }, n) => ({ name, path: ['vms', v, 'nics', n, 'name'] })));
}

function backendNames({ vms = [] }: ParsedScenario): Named[] {
  return vms.flatMap(({ nf }, v) =>
    !('backends' in nf)
      ? []
      : nf.backends.map(({ endpoint }, b) => ({
          name: endpoint,
          path: ['vms', v, 'nf', 'backends', b, 'endpoint'],
        })),
  );
}

/** Names given twice, and names that refer to nothing. What these leave standing can be completed. */
export function checkReferences(scenario: ParsedScenario): Fault[] {
  const { hosts = [], ports = [], links, bridges, vms = [], traffic, run } = scenario;
  const hostNames = hosts.map(({ name }, i): Named => ({ name, path: ['hosts', i, 'name'] }));
  const bridgeNames = (bridges ?? []).map(({ name }, i): Named => ({ name, path: ['bridges', i, 'name'] }));
  const vmNames = vms.map(({ name }, i): Named => ({ name, path: ['vms', i, 'name'] }));
  const components = [...portNames(scenario), ...bridgeNames, ...vmNames, ...nicNames(scenario), ...tapNames(scenario)];
  return [
    ...checkSplit(traffic.replay),
    ...findRepeated(components, 'component'),
    ...findRepeated(hostNames, 'host'),
    ...findRepeated(
      links.flatMap(({ from, to }, i) => [
        { name: from, path: ['links', i, 'from'] },
        { name: to, path: ['links', i, 'to'] },
      ]),
      'end of a link',
    ),
    ...links.flatMap(({ from, to }, i) => [
      ...unknownName(['links', i, 'from'], from, 'port', portNames(scenario)),
      ...unknownName(['links', i, 'to'], to, 'port', portNames(scenario)),
    ]),
    ...[...ports.entries()].flatMap(([i, { host }]) => unknownHost(['ports', i], host, hostNames)),
    ...[...(bridges ?? []).entries()].flatMap(([i, { host }]) => unknownHost(['bridges', i], host, hostNames)),
    ...[...vms.entries()].flatMap(([i, { host }]) => unknownHost(['vms', i], host, hostNames)),
    ...findRepeated(
      (run.phases ?? []).map(({ name }, i) => ({ name, path: ['run', 'phases', i, 'name'] })),
      'phase',
    ),
    ...(bridges === undefined ? [undecidedBridges(scenario)] : checkBridges(scenario)),
    ...(traffic.streams ?? []).flatMap(({ from, to, via }, i) => [
      ...unknownName(['traffic', 'streams', i, 'from'], from, 'port', portNames(scenario)),
      ...unknownName(['traffic', 'streams', i, 'to'], to, 'port', portNames(scenario)),
      ...(via === undefined ? [] : unknownName(['traffic', 'streams', i, 'via'], via, 'vNIC', nicNames(scenario))),
    ]),
    ...traffic.connections.flatMap(({ port, to }, i) => [
      ...unknownName(['traffic', 'connections', i, 'port'], port, 'port', portNames(scenario)),
      ...unknownName(['traffic', 'connections', i, 'to'], to, 'vNIC', nicNames(scenario)),
    ]),
    ...vms.flatMap((_, v) => checkVm(scenario, v)),
    ...(run.phases ?? []).flatMap(({ drained }, i) =>
      drained.flatMap((name, k) =>
        unknownName(['run', 'phases', i, 'drained', k], name, 'backend', backendNames(scenario)),
      ),
    ),
    ...(run.phases ?? []).flatMap(({ stopped }, i) =>
      stopped.flatMap((name, k) => unknownName(['run', 'phases', i, 'stopped', k], name, 'VM', vmNames)),
    ),
  ];
}

function findRepeated(named: readonly Named[], what: string): Fault[] {
  const seen = new Set<string>();
  return named.flatMap(({ name, path }) => {
    if (seen.has(name)) return [valueFault(path, `found "${name}" a second time, allowed: one ${what} of that name`)];
    seen.add(name);
    return [];
  });
}

function unknownName(path: KeyPath, name: string, what: string, known: readonly Named[]): Fault[] {
  const names = known.map((each) => each.name);
  if (names.includes(name)) return [];
  const sentence = `no ${what} "${name}", allowed: ${names.join(', ')}${didYouMean(name, names)}`;
  return [valueFault(path, sentence)];
}

function unknownHost(path: KeyPath, host: string | undefined, known: readonly Named[]): Fault[] {
  return host === undefined ? [] : unknownName([...path, 'host'], host, 'host', known);
}

function undecidedBridges(scenario: ParsedScenario): Fault {
  const ports = portNames(scenario).map(({ name }) => name);
  const taps = tapNames(scenario).map(({ name }) => name);
  const found = `${ports.length} ports (${ports.join(', ')}) and ${taps.length} taps (${taps.join(', ')})`;
  return valueFault([], `missing key "bridges": with ${found} it must say which belong together`);
}

function checkBridges(scenario: ParsedScenario): Fault[] {
  const known = [...portNames(scenario), ...tapNames(scenario)];
  const members = (scenario.bridges ?? []).flatMap(({ ports }, b) =>
    ports.map((name, p): Named => ({ name, path: ['bridges', b, 'ports', p] })),
  );
  const unbridged = known.filter(({ name }) => !members.some((member) => member.name === name));
  return [
    ...members.flatMap(({ name, path }) => unknownName(path, name, 'port or tap', known)),
    ...findRepeated(members, 'bridge member'),
    ...unbridged.map(({ name, path }) =>
      valueFault(path, `"${name}" is in no bridge, allowed: in one of bridges[].ports`),
    ),
  ];
}

function checkVm({ vms = [] }: ParsedScenario, v: number): Fault[] {
  const { vcpus, nics = [], nf } = vms[v];
  const own = nics.map(({ name }, n): Named => ({ name, path: ['vms', v, 'nics', n, 'name'] }));
  return [
    ...nics.flatMap(({ vcpu }, n) =>
      vcpu === 'auto' || vcpu < vcpus
        ? []
        : [
            valueFault(
              ['vms', v, 'nics', n, 'vcpu'],
              `found ${vcpu}, allowed: auto, or 0 to ${vcpus - 1} (vcpus: ${vcpus})`,
            ),
          ],
    ),
    ...nics.flatMap(({ queues }, n) =>
      queues <= vcpus
        ? []
        : [
            valueFault(
              ['vms', v, 'nics', n, 'queues'],
              `found ${queues}, allowed: 1 to ${vcpus} (vcpus: ${vcpus}), since a driver uses no more (virtnet_probe)`,
            ),
          ],
    ),
    ...nics.flatMap((nic, n) => checkQueues(nic, ['vms', v, 'nics', n])),
    ...checkFunction(nf, ['vms', v, 'nf'], own),
  ];
}

/** The queues that its mode has. */
function checkQueues({ mode, queues, queueSize }: ParsedNic, path: KeyPath): Fault[] {
  const { queuesMax, queueSizes } = MODES[mode];
  const faults: Fault[] = [];
  if (queuesMax !== null && queues > queuesMax) {
    const allowed = queuesMax === 1 ? '1' : `1 to ${queuesMax}`;
    faults.push(valueFault([...path, 'queues'], `found ${queues}, allowed in mode ${mode}: ${allowed}`));
  }
  if (queueSizes !== null && (queueSize < queueSizes.least || queueSize > queueSizes.most)) {
    const sentence = `found ${queueSize}, allowed in mode ${mode}: ${queueSizes.least} to ${queueSizes.most}`;
    faults.push(valueFault([...path, 'queueSize'], sentence));
  }
  return faults;
}

function checkFunction(nf: ParsedNf, path: KeyPath, nics: readonly Named[]): Fault[] {
  const routes = 'routes' in nf && nf.routes !== 'connected' ? nf.routes : [];
  const rules = 'rules' in nf ? nf.rules : [];
  return [
    ...routes.flatMap(({ nic }, r) => unknownName([...path, 'routes', r, 'nic'], nic, 'vNIC of this VM', nics)),
    ...('outside' in nf && nf.outside !== undefined
      ? unknownName([...path, 'outside'], nf.outside, 'vNIC of this VM', nics)
      : []),
    ...findRepeated(
      'backends' in nf
        ? nf.backends.map(({ endpoint }, b) => ({ name: endpoint, path: [...path, 'backends', b, 'endpoint'] }))
        : [],
      'backend',
    ),
    ...findRepeated(
      rules.map(({ name }, r) => ({ name, path: [...path, 'rules', r, 'name'] })),
      'rule',
    ),
  ];
}

/** Values that must fit together, once all of them are known. `parsed` tells what was written from what was derived. */
export function checkValues(scenario: Scenario, parsed: ParsedScenario): Fault[] {
  const { traffic, placement } = scenario;
  return [
    ...findRepeated(
      traffic.streams.map(({ name }, i) => ({ name, path: ['traffic', 'streams', i, 'name'] })),
      'stream',
    ),
    ...checkHosts(scenario),
    ...checkLinks(scenario, parsed),
    ...checkGateways(scenario),
    ...checkAddresses(scenario),
    ...checkVlans(scenario),
    ...checkMarks(scenario),
    ...checkFrameLengths(scenario),
    ...checkPool(scenario, parsed),
    ...checkRates(scenario, parsed),
    ...checkPaths(scenario),
    ...checkReplay(scenario),
    ...checkConnections(scenario),
    ...checkProxies(scenario),
    ...checkCores(scenario),
    ...checkProvisioning(scenario, parsed, (name) => actorNames(scenario).includes(name) || isHardwareThread(name)),
    ...placement.threads.flatMap(({ match }) => checkThread(scenario, match)),
  ];
}

function checkAddresses({ ports, vms }: Scenario): Fault[] {
  const nics = vms.flatMap((vm, v) => vm.nics.map((nic, n) => ({ nic, path: ['vms', v, 'nics', n] as KeyPath })));
  const macs = [
    ...ports.map(({ mac }, i): Named => ({ name: mac, path: ['ports', i, 'mac'] })),
    ...nics.map(({ nic, path }): Named => ({ name: inVlan(nic.mac, nic), path: [...path, 'mac'] })),
  ];
  const ips = nics.map(({ nic, path }): Named => ({ name: inVlan(nic.ip.split('/')[0], nic), path: [...path, 'ip'] }));
  const overlaps = ports.flatMap(({ name, network }, i) => {
    const other = ports.slice(0, i).find((port) => port.peer !== name && overlap(port.network, network));
    if (other === undefined) return [];
    return [valueFault(['ports', i, 'network'], `found ${network}, which overlaps ${other.network} of ${other.name}`)];
  });
  return [...findRepeated(macs, 'MAC address'), ...findRepeated(ips, 'IP address'), ...overlaps];
}

/** Addresses mean something within a VLAN: two of them may have the same. */
function inVlan(address: string, { vlan }: VnicSpec): string {
  return vlan === VLAN_NONE ? address : `${address} in VLAN ${vlan}`;
}

function overlap(a: string, b: string): boolean {
  const [first, second] = [parseCidr(a), parseCidr(b)];
  const prefixLength = Math.min(first.prefixLength, second.prefixLength);
  return networkOf({ ...first, prefixLength }) === networkOf({ ...second, prefixLength });
}

/** With fewer slots than rings and queues hold, a receive ring can run dry for good while vhost waits for softirq. */
function checkPool({ hosts, ports, vms }: Scenario, parsed: ParsedScenario): Fault[] {
  return hosts.flatMap(({ name, poolFrames }, i) => {
    const least = framesHeldAtOnce(name, ports, vms);
    if (poolFrames >= least) return [];
    const sentence = `found ${poolFrames}, allowed: at least ${least}, what the rings and queues hold at once`;
    const inherited = parsed.host.poolFrames === poolFrames;
    return [valueFault(inherited ? ['host', 'poolFrames'] : ['hosts', i, 'poolFrames'], sentence)];
  });
}

function checkMarks({ vms }: Scenario): Fault[] {
  return vms.flatMap(({ nics }, v) =>
    nics.flatMap(({ tap, feedback: { highMark, lowMark } }, n) => {
      const path = ['vms', v, 'nics', n, 'feedback'];
      if (highMark > tap.queueFrames) {
        return [
          valueFault([...path, 'highMark'], `found ${highMark}, allowed: at most the tap queue, ${tap.queueFrames}`),
        ];
      }
      if (lowMark < highMark) return [];
      return [valueFault([...path, 'lowMark'], `found ${lowMark}, allowed: below the high mark, ${highMark}`)];
    }),
  );
}

function checkRates(scenario: Scenario, parsed: ParsedScenario): Fault[] {
  const traffic = { ports: scenario.ports, streams: scenario.traffic.streams };
  const faults = new Map<string, Fault>();
  scenario.run.phases.forEach(({ rate }, i) => {
    const ofPhase = parsed.run.phases?.[i].rate !== undefined;
    const path = ofPhase ? ['run', 'phases', i, 'rate'] : ['traffic', 'rate'];
    for (const [port, load] of portLoads(traffic, rate)) {
      if (load <= 1 + LOAD_TOLERANCE || faults.has(path.join('.'))) continue;
      const found = `${formatRate(rate)} makes ${port} send at ${(load * 100).toFixed(1)}% of its line rate`;
      faults.set(path.join('.'), valueFault(path, `${found}, allowed: at most 100%`));
    }
  });
  return [...faults.values()];
}

/** Each stream must be able to enter its VM by the vNIC it is addressed to, and to leave it towards its sink. */
function checkPaths({ bridges, vms, traffic }: Scenario): Fault[] {
  return traffic.streams.flatMap(({ from, to, via }, i) => {
    const path = ['traffic', 'streams', i];
    const bridgeOf = (port: string) => bridges.find(({ ports }) => ports.includes(port))?.name;
    const able = vms.filter(
      ({ nics }) =>
        nics.some((nic) => nic.bridge === bridgeOf(from)) && nics.some((nic) => nic.bridge === bridgeOf(to)),
    );
    const entries = able.flatMap(({ nics }) =>
      nics.filter((nic) => nic.bridge === bridgeOf(from)).map(({ name }) => name),
    );
    if (entries.includes(via)) return [];
    const allowed = entries.length === 0 ? 'none, since no VM has a vNIC on both bridges' : entries.join(', ');
    if (via === '') return [valueFault(path, `missing key "via" for ${from} to ${to}, allowed: ${allowed}`)];
    return [valueFault([...path, 'via'], `"${via}" does not lead from ${from} to ${to}, allowed: ${allowed}`)];
  });
}

function checkCores({ placement: { cores } }: Scenario): Fault[] {
  if (cores === 'auto') return [];
  return cores.host.flatMap((core, i) =>
    cores.hardware.includes(core)
      ? [valueFault(['placement', 'cores', 'host', i], `found ${core}, allowed: a core that is not among hardware`)]
      : [],
  );
}

function checkThread(scenario: Scenario, match: string): Fault[] {
  const vms = scenario.vms.map(({ name }) => name);
  const threads = actorNames(scenario);
  const known = [...PLACEMENT_KINDS, ...vms, ...threads];
  if (known.includes(match) || isHardwareThread(match)) return [];
  const allowed =
    `a kind (${PLACEMENT_KINDS.join(', ')}), a VM (${vms.join(', ')}), ` +
    `or a thread in these modes (${[...threads, 'hardware0…'].join(', ')})`;
  const sentence = `no thread "${match}", allowed: ${allowed}${didYouMean(match, known)}`;
  return [{ path: ['placement', 'threads', match], at: 'key', sentence }];
}
