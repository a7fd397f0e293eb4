import { expect, it } from 'vitest';
import { unreadKeys } from '../../../../src/experiment/catalogue/unread-keys.ts';
import { shippedScenarios } from '../../../../src/scenario/file.ts';

it.each(shippedScenarios())('%s writes no key that nothing reads', (name) => {
  expect(unreadKeys(name)).toEqual([]);
});

const NIC = 'vms.0.nics.0';

it.each<[string, string, string[], string[]]>([
  [
    'marks in a mode that has none',
    'livelock',
    [`${NIC}.feedback={highMark: 400, lowMark: 100, timeout: 5ms}`],
    [`${NIC}.feedback.highMark`, `${NIC}.feedback.lowMark`, `${NIC}.feedback.timeout`],
  ],
  [
    'limits of a worker that moves no frames',
    'direct',
    [`${NIC}.vhost={byteWeight: 1000, busyLoop: 3us}`],
    [`${NIC}.vhost.byteWeight`, `${NIC}.vhost.busyLoop`],
  ],
  ['a host whose keys each of several has for itself', 'network-appliance', ['host.hz=100'], []],
  [
    'nothing where a mode that the sweep names reads it',
    'livelock',
    ['sweep.modes=[vhost-feedback]', `${NIC}.feedback.highMark=400`],
    [],
  ],
  ['nothing where the value could not be another', 'livelock', [`${NIC}.queues=1`], []],
])('finds %s', (_what, name, overrides, found) => {
  expect(unreadKeys(name, overrides)).toEqual(found);
});
