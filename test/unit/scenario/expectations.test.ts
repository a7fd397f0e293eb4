import { describe, expect, it } from 'vitest';
import { parseScenario } from '../../../src/plan/load-scenario.ts';

const PHASES = 'run: { phases: [{ name: calm, duration: 1s }, { name: flood, duration: 1s }] }\n';
const parse = (...lines: readonly string[]) =>
  parseScenario(`${PHASES}expect:\n${lines.map((line) => `  - ${line}\n`).join('')}`, 'x.yaml').expect;

describe('expectations', () => {
  it('compare two phases', () => {
    const [expectation] = parse(
      '{ metric: delivered, phase: flood, relation: <=, than: { phase: calm, times: 0.2 }, why: w }',
    );
    const delivered = { metric: 'delivered', stream: null, place: null, thread: null, counter: null };
    expect(expectation).toEqual({
      left: { ...delivered, phase: 'flood' },
      relation: '<=',
      right: { kind: 'measurement', measurement: { ...delivered, phase: 'calm' }, times: 0.2 },
      why: 'w',
    });
  });

  it.each([
    ['{ metric: sent, phase: calm, relation: ">=", value: 90kpps }', 90_000],
    ['{ metric: loss, phase: calm, relation: <, value: 0.1% }', 0.001],
    ['{ metric: loss, phase: calm, relation: <, value: 0.5 }', 0.5],
    ['{ metric: latencyP99, phase: calm, relation: <, value: 2ms }', 2e6],
    ['{ metric: counter, phase: calm, counter: "eth0:rx_missed_errors", relation: ==, value: 0 }', 0],
  ])('reads %s in the unit of its metric', (line, value) => {
    expect(parse(line)[0].right).toEqual({ kind: 'value', value });
  });

  it('carry thread and stream over to the other side', () => {
    const [waiting, stream] = parse(
      '{ metric: waiting, thread: vhost-vnic0, phase: flood, relation: ">", than: { phase: calm } }',
      '{ metric: delivered, stream: eth0-to-eth1, phase: flood, relation: ">", than: { metric: sent, phase: flood } }',
    );
    expect(waiting.right).toMatchObject({ measurement: { thread: 'vhost-vnic0', phase: 'calm' } });
    expect(stream.right).toMatchObject({ measurement: { metric: 'sent', stream: 'eth0-to-eth1' } });
  });

  it.each([
    ['{ metric: sent, relation: <, value: 1kpps }', '3:5: missing key "phase", allowed: calm, flood'],
    ['{ metric: sent, phase: clam, relation: <, value: 1kpps }', '3:28: found "clam", allowed: the phases calm, flood'],
    ['{ metric: sent, phase: calm, relation: < }', '3:5: found neither value nor than, allowed: one of them'],
    ['{ metric: sent, phase: calm, relation: <, value: 20% }', '3:54: found "20%", allowed: frames/s such as 100kpps'],
    [
      '{ metric: loss, phase: calm, relation: <, value: 3kpps }',
      '3:54: found "3kpps", allowed: a share such as 0.2 or 20%',
    ],
    ['{ metric: waiting, phase: calm, relation: <, value: 1 }', '3:5: missing key "thread": waiting needs it'],
    ['{ metric: loss, place: tap, phase: calm, relation: <, value: 1 }', '3:28: unknown key "place" for loss'],
    [
      '{ metric: loss, phase: calm, relation: <, than: { metric: sent, phase: flood } }',
      '3:63: found "sent", allowed beside loss: loss, dropShare, running, waiting',
    ],
    [
      '{ metric: sent, phase: calm, relation: =<, value: 1kpps }',
      '3:44: found "=<", allowed: <, <=, ==, >=, >; did you mean',
    ],
    [
      '{ metric: waiting, thread: vhost-x, phase: calm, relation: <, value: 1 }',
      '3:32: found "vhost-x", allowed: a thread of this scenario, such as softirq0',
    ],
    [
      '{ metric: counter, counter: eth9:x, phase: calm, relation: <, value: 1 }',
      '3:33: found "eth9", allowed: a component of this scenario, such as eth0',
    ],
  ])('refuse %s', (line, message) => {
    expect(() => parse(line)).toThrow(`x.yaml:${message}`);
  });

  it.each([
    ['counter: eth0:rx_mised_errors, value: 0', 'eth0', 'rx_mised_errors', 'rx_missed_errors'],
    ['counter: eth0:rx_packets, than: { counter: tap0:tx_droped, phase: calm }', 'tap0', 'tx_droped', 'tx_dropped'],
  ])('refuse a counter that is not kept, and say which was meant: %s', (keys, component, name, meant) => {
    const line = `{ metric: counter, ${keys.replace(', ', ', phase: calm, relation: ==, ')} }`;
    expect(() => parse(line)).toThrow(
      new RegExp(
        `x.yaml:3:${line.indexOf(component) + 5}: ${component} keeps no counter "${name}", allowed: .*; did you mean "${meant}"\\?`,
      ),
    );
  });
});
