/** Runs with real programs at the ends of their wires, for tests. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openHost, scenarioFor } from '../../src/cli/open-host.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import type { EndPlace } from '../../src/runtime/host.ts';
import { attachPrograms } from '../../src/scenario/attach.ts';
import { kernelObstacle } from './kernel-run.ts';

const run = promisify(execFile);

/** Why no program can be attached here; empty where they can. */
export function attachObstacle(): string {
  const missing = ['ip', 'ping', 'iperf3', 'tcpdump'].filter((tool) => spawnSync(tool, ['-V']).error !== undefined);
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  // A name is a mount, which may be forbidden where namespaces are not.
  const name = `probe-${process.pid}`;
  const { status, stderr } = spawnSync('ip', ['netns', 'add', name]);
  if (status !== 0) return stderr.toString().trim();
  spawnSync('ip', ['netns', 'delete', name]);
  return kernelObstacle();
}

/** Runs the scenario until `act` is done with its ends. */
export async function runAttached(
  kind: 'threads' | 'kernel',
  name: string,
  overrides: readonly string[],
  act: (ends: readonly EndPlace[]) => Promise<void>,
): Promise<RunResult> {
  const { scenario, ends } = attachPrograms(loadScenario(name, { overrides }), Infinity);
  const prepared = scenarioFor(kind, scenario);
  const host = await openHost(kind, prepared, ends);
  const end = new AbortController();
  let acted: Promise<void> = Promise.resolve();
  const result = await runScenario(prepared, host, {
    signal: end.signal,
    endsWhenAborted: true,
    watch: ({ heading }) => {
      acted = act(heading.ends).finally(() => end.abort());
      acted.catch(() => undefined);
    },
  });
  await acted;
  return result;
}

/** What a program at an end writes to stdout; an exit code that is not 0 is an error. */
export async function atEnd({ namespace }: EndPlace, command: string): Promise<string> {
  const { stdout } = await run('ip', ['netns', 'exec', namespace, ...command.split(' ')]);
  return stdout;
}

/** What iperf3 says of itself on both sides (its JSON, https://software.es.net/iperf), and how the client ended. */
export interface Iperf {
  readonly client: IperfSide;
  readonly server: IperfSide;
}

export interface IperfSide {
  readonly error?: string;
  readonly start: { readonly accepted_connection?: { readonly host: string; readonly port: number } };
  readonly end: {
    readonly sum: { readonly packets: number; readonly lost_packets: number };
    readonly sum_sent: { readonly bytes: number; readonly packets: number; readonly retransmits: number };
    readonly sum_received: { readonly bytes: number; readonly packets: number; readonly lost_packets: number };
  };
}

/** One test of `iperf3 -c` from one end to a server at another. */
export async function iperf3(
  { from, to, port = 5201 }: { readonly from: EndPlace; readonly to: EndPlace; readonly port?: number },
  flags: string,
): Promise<Iperf> {
  const serving = spawn('ip', ['netns', 'exec', to.namespace, 'iperf3', '-s', '-1', '-J', '-p', `${port}`]);
  const chunks: Buffer[] = [];
  serving.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const served = once(serving, 'exit');
  await untilListening(to, port);
  const [address] = to.address.split('/');
  const command = `iperf3 -c ${address} -p ${port} -J --connect-timeout 1000 ${flags}`;
  const client = await atEnd(from, command).catch((error: { stdout: string }) => error.stdout);
  const answer = JSON.parse(client) as IperfSide;
  if (answer.error !== undefined) serving.kill();
  await served;
  const told = Buffer.concat(chunks).toString();
  return { client: answer, server: (told === '' ? answer : JSON.parse(told)) as IperfSide };
}

async function untilListening(end: EndPlace, port: number): Promise<void> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  for (let i = 0; i < 200; i++) {
    const sockets = await atEnd(end, 'cat /proc/net/tcp /proc/net/tcp6');
    if (sockets.split('\n').some((line) => line.includes(wanted) && line.includes(' 0A '))) return;
  }
  throw new Error(`nobody listens on port ${port}`);
}

/** `Udp.OutDatagrams` and the like: what the kernel has counted in the namespace of an end (RFC 1213). */
export type ProtocolCounts = Readonly<Record<string, number>>;

/** The counts of several ends, once they have stood still for a while: TCP closes when its program has gone. */
export async function protocolsAtRest(ends: readonly EndPlace[]): Promise<ProtocolCounts[]> {
  const read = (): Promise<ProtocolCounts[]> => Promise.all(ends.map(protocolCounts));
  let latest = await read();
  for (let i = 0; i < 20; i++) {
    await delay(300);
    const now = await read();
    if (JSON.stringify(now) === JSON.stringify(latest)) return now;
    latest = now;
  }
  throw new Error('programs went on sending');
}

async function protocolCounts(end: EndPlace): Promise<ProtocolCounts> {
  const lines = (await atEnd(end, 'cat /proc/net/snmp')).trim().split('\n');
  const counts: Record<string, number> = {};
  for (let i = 0; i < lines.length; i += 2) {
    const [protocol, ...names] = lines[i].split(' ');
    const [, ...values] = lines[i + 1].split(' ');
    names.forEach((name, j) => (counts[`${protocol.replace(':', '')}.${name}`] = Number(values[j])));
  }
  return counts;
}
