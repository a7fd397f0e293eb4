/** Keys that were written and that nothing would read: refused, so that nobody believes that they changed something. */
import { clientName, generatorName, sinkName } from '../names.ts';
import { MODES } from '../modes.ts';
import type { Scenario, ThreadSpec } from '../scenario.ts';
import type { Fault, KeyPath } from '../fault.ts';

/** @param written whether the file, or an override, has the key. */
export function checkUnread(scenario: Scenario, written: (path: KeyPath) => boolean): Fault[] {
  return [...unreadTraffic(scenario, written), ...unreadPlacement(scenario, written), ...unreadFeatures(scenario)];
}

/** What streams or phases have of their own is not read from where they would have it in common. */
function unreadTraffic({ traffic, run }: Scenario, written: (path: KeyPath) => boolean): Fault[] {
  const everyPhase = run.phases.every((_, i) => written(['run', 'phases', i, 'rate']));
  const everyStream = (key: string): boolean =>
    traffic.streams.length > 0 && traffic.streams.every((_, i) => written(['traffic', 'streams', i, key]));
  const unread = (key: string, by: string): Fault[] => {
    const path = ['traffic', key];
    if (!written(path)) return [];
    return [{ path, at: 'key', sentence: `found ${key}, which nothing reads, since ${by} has its own` }];
  };
  return [
    ...(everyPhase ? unread('rate', `every phase (run.phases.${run.phases[0].name}.rate)`) : []),
    ...(!everyPhase && everyStream('rate') ? unread('rate', 'every stream') : []),
    ...(everyStream('frameSize') ? unread('frameSize', 'every stream') : []),
    ...(everyStream('protocol') ? unread('protocol', 'every stream') : []),
    ...(everyStream('flows') ? unread('flows', 'every stream') : []),
  ];
}

/** A component that runs on another one's thread has no core and no class. */
function unreadPlacement(scenario: Scenario, written: (path: KeyPath) => boolean): Fault[] {
  const { threads } = scenario.placement;
  const kinds = kindsWithoutThread(scenario);
  const isOwned = ({ match }: ThreadSpec): boolean =>
    threads.some((each) => each.own && [match, kinds.get(match)].includes(each.match)) ||
    threads.some((each) => each.own && kinds.get(each.match) === match);
  return threads.flatMap((thread): Fault[] => {
    const { match } = thread;
    if (![...kinds.keys(), ...kinds.values()].includes(match) || isOwned(thread)) return [];
    return ['core', 'policy', 'nice'].flatMap((key): Fault[] => {
      const path = ['placement', 'threads', match, key];
      const sentence = `found ${key} for ${match}, which runs on another's thread, allowed: own: true beside it`;
      return written(path) ? [{ path, at: 'key', sentence }] : [];
    });
  });
}

/** The kind of each component that has no thread unless it is given one. */
function kindsWithoutThread({ ports, bridges, vms, traffic }: Scenario): Map<string, string> {
  return new Map([
    ...ports.flatMap(({ name }): [string, string][] => [
      [generatorName(name), 'generator'],
      [name, 'nic'],
      [sinkName(name), 'sink'],
    ]),
    ...traffic.connections.map(({ port }): [string, string] => [clientName(port), 'client']),
    ...bridges.map(({ name }): [string, string] => [name, 'bridge']),
    ...vms.flatMap(({ nics }) => nics.map(({ tap }): [string, string] => [tap.name, 'tap'])),
  ]);
}

/** Features are of virtio: an emulated card has none to negotiate. */
function unreadFeatures({ vms }: Scenario): Fault[] {
  return vms.flatMap(({ nics }, v) =>
    nics.flatMap(({ mode, features }, n): Fault[] => {
      if (MODES[mode].device === 'virtio' || !features.includes('ring-packed')) return [];
      const path = ['vms', v, 'nics', n, 'features'];
      const sentence = `found ring-packed, which mode ${mode} does not have, allowed: virtio features in a virtio mode`;
      return [{ path, at: 'value', sentence }];
    }),
  );
}
