import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { atEnd, attachObstacle, iperf3, protocolsAtRest, runAttached } from '../support/attached-run.ts';
import type { Iperf, ProtocolCounts } from '../support/attached-run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'src/cli/main.ts')];
const obstacle = attachObstacle();

beforeEach(({ skip }) => {
  if (obstacle !== '') skip(`no programs at the ends of a run: ${obstacle}`);
});

/** What is left of runs: names of namespaces, and devices of this one. */
const left = (): string[] => [
  ...readdirSync('/sys/class/net'),
  ...(existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith('vhostlab-')) : []),
];

/** Frames that each guest's vNIC sends of its own when it comes up: one ARP announcement, which no program counts. */
const ANNOUNCED = 1;
const FAST = ['host.costs=none'];
/** V8 compiles what frames pass while it lasts. */
const WARM_UP = 'ping -c 300 -i 0.002 198.18.1.10';
const OPEN_PORT = 5201;
const SHUT_PORT = 5202;
const FIREWALL = [
  'vms.0.nf={ kind: firewall, default: deny, rules: [' +
    '{ name: ping, action: allow, protocol: icmp }, ' +
    `{ name: shut, action: deny, protocol: tcp, destinationPorts: ${SHUT_PORT} }, ` +
    `{ name: to, action: allow, protocol: tcp, destinationPorts: ${OPEN_PORT}-${SHUT_PORT} }, ` +
    `{ name: from, action: allow, protocol: tcp, sourcePorts: ${OPEN_PORT} }, ` +
    `{ name: datagrams, action: allow, protocol: udp, destinationPorts: ${OPEN_PORT} }, ` +
    `{ name: answers, action: allow, protocol: udp, sourcePorts: ${OPEN_PORT} }] }`,
  ...FAST,
];

describe.each(['threads', 'kernel'] as const)('programs at the ends of a run on host %s', (host) => {
  test('get through the guest what they say they get, to the last frame', async () => {
    let [ping, dump] = ['', ''];
    let [tcp, udp]: Iperf[] = [];
    let sides: ProtocolCounts[] = [];
    const { ledger, counters, drops, exitCode } = await runAttached(host, 'livelock', FAST, async (ends) => {
      const [from, to] = ends;
      const watching = atEnd(to, 'timeout 20 tcpdump -c 1 -neti eth1 icmp');
      await delay(500);
      ping = await atEnd(from, WARM_UP);
      dump = await watching;
      tcp = await iperf3({ from, to }, '-t 1');
      udp = await iperf3({ from, to }, '-t 1 -u -b 2M');
      sides = await protocolsAtRest(ends);
    });
    // One hop took one off a TTL of 64, and sent it with its own address.
    expect(ping).toContain('ttl=63');
    expect(dump).toContain('52:54:00:00:00:02 > 02:00:00:00:00:02');
    const [near, far] = ['end-eth0', 'end-eth1'].map((end) => counters[end]);
    expect(near.tx_packets).toBe(sentBy(sides[0]));
    expect(far.tx_packets).toBe(sentBy(sides[1]));
    expect(near.rx_to_programs).toBe(sides[0]['Ip.InReceives'] + ANNOUNCED);
    expect(far.rx_to_programs).toBe(sides[1]['Ip.InReceives'] + ANNOUNCED);
    expect(tcp.client.end.sum_received.bytes).toBeGreaterThan(100_000);
    expect(far.rx_bytes).toBeGreaterThan(tcp.client.end.sum_received.bytes);
    expect(near.tx_packets).toBeGreaterThan(udp.client.end.sum_sent.packets);
    const lost = drops.reduce((sum, { frames }) => sum + frames, 0);
    expect(lost).toBe(near.tx_packets + far.tx_packets + 2 * ANNOUNCED - near.rx_to_programs - far.rx_to_programs);
    expect(udp.client.end.sum.lost_packets).toBeLessThanOrEqual(lost + sides[1]['Udp.RcvbufErrors']);
    expect(ledger).toMatchObject({ balanced: true, faults: [], unexplainedFrames: 0 });
    expect(exitCode).toBe(0);
  });

  test('lose what iperf3 says they lost, where a tap has room for 50', async () => {
    const overrides = [...FAST, 'vms.0.nics.0.tap.queue=50'];
    const { told, sides, result } = await measure(host, 'livelock', overrides, '-t 1 -u -b 0 -l 200');
    const { packets } = told.client.end.sum_sent;
    // One datagram each way goes before the test (iperf_udp.c), and the control connection beside it.
    expect(sides[0]['Udp.OutDatagrams']).toBe(packets + 1);
    expect(result.counters['end-eth0'].tx_packets).toBe(sentBy(sides[0]));
    const { packets: seen, lost_packets: lost } = told.client.end.sum_received;
    expect(sides[1]['Udp.InDatagrams']).toBe(seen - lost + 1);
    expect(result.counters['end-eth1'].rx_to_programs).toBe(sides[1]['Ip.InReceives'] + ANNOUNCED);
    expect(result.drops[0].frames).toBeGreaterThan(packets / 100);
    expect(result.ledger).toMatchObject({ balanced: true, faults: [], unexplainedFrames: 0 });
  });

  test('reach through a firewall the port that it allows, and not the one that it denies', async () => {
    let [open, shut]: Iperf[] = [];
    const { ledger, counters } = await runAttached(host, 'livelock', FIREWALL, async ([from, to]) => {
      await atEnd(from, WARM_UP);
      open = await iperf3({ from, to, port: OPEN_PORT }, '-t 1');
      shut = await iperf3({ from, to, port: SHUT_PORT }, '-t 1');
    });
    expect(open.client.end.sum_received.bytes).toBeGreaterThan(100_000);
    expect(shut.client.error).toContain('unable to connect to server');
    expect(counters['vm0/vcpu0'].nf_denied_shut).toBeGreaterThanOrEqual(1);
    expect(counters['vm0/vcpu0'].nf_denied_default).toBe(0);
    expect(ledger).toMatchObject({ balanced: true, faults: [], unexplainedFrames: 0 });
  });

  test('are seen behind a NAT under its address', async () => {
    const { told, result } = await measure(host, 'nat44', FAST, '-t 1');
    const seen = told.server.start.accepted_connection!;
    expect(seen.host).toBe('198.18.1.1');
    expect(seen.port).toBeGreaterThanOrEqual(1024);
    expect(seen.port).toBeLessThanOrEqual(1279);
    expect(told.client.end.sum_received.bytes).toBeGreaterThan(100_000);
    expect(result.ledger).toMatchObject({ balanced: true, faults: [], unexplainedFrames: 0 });
  });

  test('may still be sending when it ends', async () => {
    let sender: Promise<string> = Promise.resolve('');
    const { ledger } = await runAttached(host, 'livelock', FAST, async ([near]) => {
      sender = atEnd(near, 'ping -f -w 3 198.18.1.10').catch(() => '');
      await delay(1000);
    });
    await sender;
    expect(ledger.sentFrames).toBeGreaterThan(100);
    expect(ledger).toMatchObject({ balanced: true, faults: [], unexplainedFrames: 0 });
  });
});

/** A program that has told its user what to type. */
async function startProgram(host: string): Promise<{ child: ChildProcess; said: () => string; pid: number }> {
  const child = spawn(process.execPath, [...PROGRAM, 'attach', 'livelock', '--host', host]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  while (!text.includes('tcpdump') && child.exitCode === null) await delay(50);
  // tsx runs the program in a child of its own.
  return { child, said: () => text, pid: Number(/vhostlab-(\d+)-/.exec(text)?.[1]) };
}

test('the user is told what to type, and nothing is left after Ctrl-C', async () => {
  const before = left();
  const { child, said } = await startProgram('kernel');
  const ping = /ip (netns exec \S+ ping \S+)/.exec(said())![1];
  expect(spawnSync('ip', [...ping.split(' '), '-c', '1', '-W', '5']).status).toBe(0);
  child.kill('SIGINT');
  const [status] = (await once(child, 'exit')) as [number];
  expect(status).toBe(0);
  expect(said()).toContain('What programs sent and received');
  expect(left()).toEqual(before);
});

test('a program that is killed leaves nothing, and with it what tidies up after it no more than names', async () => {
  const before = left();
  for (const remover of [false, true]) {
    const { child, pid } = await startProgram('threads');
    if (remover) process.kill(removerOf(pid), 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await once(child, 'exit');
    await delay(500);
    if (!remover) expect(left()).toEqual(before);
  }
  // The next run takes them away.
  expect(left()).not.toEqual(before);
  await runAttached('threads', 'livelock', FAST, () => Promise.resolve());
  expect(left()).toEqual(before);
});

/** Frames that protocols have sent by their own counts. */
function sentBy(counts: ProtocolCounts): number {
  return ['Tcp.OutSegs', 'Tcp.RetransSegs', 'Udp.OutDatagrams', 'Icmp.OutMsgs'].reduce(
    (sum, name) => sum + counts[name],
    0,
  );
}

/** One test of iperf3 from eth0 to eth1, with what the kernel has counted of protocols at both ends. */
async function measure(host: 'threads' | 'kernel', scenario: string, overrides: readonly string[], flags: string) {
  let [told]: Iperf[] = [];
  let sides: ProtocolCounts[] = [];
  const result = await runAttached(host, scenario, overrides, async (ends) => {
    const [from, to] = ends;
    await atEnd(from, WARM_UP);
    told = await iperf3({ from, to }, flags);
    sides = await protocolsAtRest(ends);
  });
  return { told, sides, result };
}

/** The shell that waits for process `pid` to end. */
function removerOf(pid: number): number {
  const found = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .find((entry) => isChild(entry, pid) && isShell(entry));
  return Number(found);
}

function isChild(entry: string, pid: number): boolean {
  return spawnSync('ps', ['-o', 'ppid=', '-p', entry]).stdout.toString().trim() === `${pid}`;
}

function isShell(entry: string): boolean {
  try {
    return /\/(da|ba)?sh$/.test(readlinkSync(`/proc/${entry}/exe`));
  } catch {
    return false;
  }
}
