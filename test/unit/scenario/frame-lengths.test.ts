import { expect, test } from 'vitest';
import { FRAME_BYTES_STANDARD, oddStrideBytes } from '../../../src/memory/frame-room.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { frameBytesOfMtu } from '../../../src/net/wire/ethernet.ts';
import { guestFrameRoomBytes, largestFrameBytes } from '../../../src/plan/frame-room.ts';
import { ScenarioError } from '../../../src/scenario/error.ts';
import { parseScenario } from '../../../src/plan/load-scenario.ts';

function problems(text: string): string[] {
  try {
    parseScenario(text, 'x.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(ScenarioError);
    return (error as ScenarioError).message.split('\n');
  }
  return [];
}

const withNic = (nic: string): string => `ports: [{ name: eth0, mtu: 9000 }, { name: eth1, mtu: 9000 }]
bridges:
  - { name: br0, ports: [eth0, tap0] }
  - { name: br1, ports: [eth1, tap1] }
vms:
  - name: vm0
    nics:
      - { name: vnic0, tap: { name: tap0 }, ${nic} }
      - { name: vnic1, tap: { name: tap1 } }
`;

test('a stride is an odd number of cache lines: 2,112 bytes as ever where frames are of the standard size', () => {
  expect([4, 64, 12].map((before) => oddStrideBytes(before + FRAME_BYTES_STANDARD))).toEqual([2112, 2112, 2112]);
  expect([9022, 9082].map((bytes) => oddStrideBytes(bytes) / 64)).toEqual([141, 143]);
});

test('rooms follow the largest MTU and the largest frame sent', () => {
  const plain = parseScenario('name: plain\n', 'x.yaml');
  expect(largestFrameBytes(plain)).toBe(FRAME_BYTES_STANDARD);
  expect(largestFrameBytes(parseScenario('traffic: { frameSize: 9000, rate: 1kpps }\n', 'x.yaml'))).toBe(8996);
  const jumbo = parseScenario(withNic('features: [mrg-rxbuf]'), 'x.yaml');
  expect(frameBytesOfMtu(9000)).toBe(9018);
  expect(largestFrameBytes(jumbo)).toBe(9018);
  const [{ nics }] = jumbo.vms;
  expect(nics.map(({ mtuBytes }) => mtuBytes)).toEqual([9000, 9000]);
  expect(nics.map(guestFrameRoomBytes)).toEqual([9030, 2060]);
  const strides = (text: string) => buildPlan(parseScenario(text, 'x.yaml')).wires.map(({ wire }) => wire.strideBytes);
  expect(new Set(strides('name: plain\n'))).toEqual(new Set([2112]));
  expect(new Set(strides(withNic('features: [mrg-rxbuf]')))).toEqual(new Set([9152]));
});

test('what cannot work is refused with what can', () => {
  expect(problems(withNic('mode: direct, features: [event-idx, mrg-rxbuf]'))).toEqual([
    'x.yaml:8:51: found direct with an MTU of 9000 on its wire, allowed: vhost, vhost-feedback, since its hardware ' +
      'fills one receive buffer with a frame, or an MTU of at most 1500',
    'x.yaml:8:81: found "mrg-rxbuf" with mode direct, allowed: event-idx, indirect-desc, ring-packed; ' +
      'mrg-rxbuf needs mode vhost or vhost-feedback',
  ]);
  expect(problems('ports: [{ name: eth0, mtu: 9001 }]\n')).toEqual([
    'x.yaml:1:28: found 9001, allowed: an integer from 68 to 9000',
  ]);
});
