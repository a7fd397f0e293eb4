/**
 * The parts a scenario leaves out, filled in while it is still plain data: an override such as
 * `vms.vm0.nics.vnic0.mode=direct` must find the default vNIC, and a file may name what it does not define. Anything of
 * the wrong shape is passed through for the schema to refuse.
 */

type Mapping = Readonly<Record<string, unknown>>;

/** Name of the host of a scenario that names none. */
const DEFAULT_HOST = 'host';
/** Mappings within a host of which each key is inherited by itself. */
const HOST_SECTIONS = ['softirq', 'scheduler'] as const;

/** A scenario with its hosts, ports, VMs, vNICs, tap names, bridges, streams and phases in place. Returns new objects. */
export function defaultStructure(scenario: unknown): unknown {
  if (!isMapping(scenario)) return scenario;
  const { ports = [{ name: 'eth0' }, { name: 'eth1' }], traffic = {}, run = {} } = scenario;
  const portNames = namesOf(ports);
  const vms = fillVms(scenario.vms === undefined ? [{ name: 'vm0' }] : scenario.vms, portNames.length);
  const bridges = scenario.bridges === undefined ? pairUp(portNames, tapNamesOf(vms)) : scenario.bridges;
  const structure = {
    ...scenario,
    hosts: scenario.hosts ?? [{ name: DEFAULT_HOST }],
    ports,
    vms,
    traffic: fillKey(
      traffic,
      'streams',
      hasConnections(traffic) ? [] : defaultStreams(withStations(portNames, scenario.links)),
    ),
    run: fillKey(run, 'phases', [{ name: 'steady', duration: '10s' }]),
  };
  return bridges === undefined ? structure : { ...structure, bridges };
}

/** Each of the hosts with what it leaves out taken from `host`. Comes after overrides, which may still change that. */
export function inheritHost(scenario: unknown): unknown {
  if (!isMapping(scenario) || !Array.isArray(scenario.hosts)) return scenario;
  const common = isMapping(scenario.host) ? scenario.host : {};
  const hosts = scenario.hosts.map((host: unknown) => {
    if (!isMapping(host)) return host;
    const sections = HOST_SECTIONS.map((key) => [key, mergeSection(common[key], host[key])] as const);
    return { ...common, ...host, ...Object.fromEntries(sections) };
  });
  return { ...scenario, hosts };
}

/** A section that a host has in part: what is missing of it is as in `host`. */
function mergeSection(common: unknown, own: unknown): unknown {
  if (own === undefined) return common ?? {};
  return isMapping(common) && isMapping(own) ? { ...common, ...own } : own;
}

function fillVms(vms: unknown, portCount: number): unknown {
  if (!Array.isArray(vms)) return vms;
  let nicCount = 0;
  return vms.map((vm: unknown) => {
    if (!isMapping(vm)) return vm;
    const first = nicCount;
    const { nics = Array.from({ length: portCount }, (_, i) => ({ name: `vnic${first + i}` })) } = vm;
    if (!Array.isArray(nics)) return vm;
    return { ...vm, nics: nics.map((nic: unknown) => nameTap(nic, nicCount++)) };
  });
}

function nameTap(nic: unknown, index: number): unknown {
  if (!isMapping(nic)) return nic;
  const { tap = {} } = nic;
  return { ...nic, tap: fillKey(tap, 'name', `tap${index}`) };
}

/** Bridges where it is plain what belongs together: port and tap one to one, or everything behind a single port. */
function pairUp(ports: readonly string[], taps: readonly string[]): unknown {
  if (ports.length === taps.length) return ports.map((port, i) => ({ name: `br${i}`, ports: [port, taps[i]] }));
  return ports.length === 1 ? [{ name: 'br0', ports: [ports[0], ...taps] }] : undefined;
}

/** Ports that no link takes the generator and the sink from. */
function withStations(ports: readonly string[], links: unknown): string[] {
  const ends = Array.isArray(links)
    ? links.flatMap((link: unknown) => (isMapping(link) ? [link.from, link.to] : []))
    : [];
  return ports.filter((port) => !ends.includes(port));
}

function defaultStreams(ports: readonly string[]): unknown {
  if (ports.length < 2) return ports.map((port) => ({ from: port, to: port }));
  const [a, b] = ports;
  return [
    { from: a, to: b },
    { from: b, to: a },
  ];
}

/** Frames for their own sake beside connections are there only when they are asked for. */
function hasConnections(traffic: unknown): boolean {
  return isMapping(traffic) && Array.isArray(traffic.connections) && traffic.connections.length > 0;
}

function tapNamesOf(vms: unknown): string[] {
  if (!Array.isArray(vms)) return [];
  return vms.flatMap((vm: unknown) => {
    const nics = isMapping(vm) && Array.isArray(vm.nics) ? (vm.nics as unknown[]) : [];
    return namesOf(nics.map((nic) => (isMapping(nic) ? nic.tap : undefined)));
  });
}

function namesOf(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => (isMapping(item) && typeof item.name === 'string' ? [item.name] : []));
}

function fillKey(mapping: unknown, key: string, value: unknown): unknown {
  return isMapping(mapping) && mapping[key] === undefined ? { ...mapping, [key]: value } : mapping;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
