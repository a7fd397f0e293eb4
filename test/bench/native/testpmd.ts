/**
 * The native peer of a virtqueue and of a forwarding VM: two of DPDK's testpmd, joined by vhost-user. One is the host
 * (net_vhost), one the guest (virtio-user, the driver that a guest's testpmd has, in a process), each polling on a core
 * of its own. https://doc.dpdk.org/guides/howto/virtio_user_for_container_networking.html
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withoutPeers } from '../native.ts';

const PROGRAM = 'dpdk-testpmd';
const MEMORY_MIB = 128;
const MBUFS = 16_384;
export const TESTPMD_QUEUE_SIZE = 1024;
const BURST = 64;
/** Bursts that go round between host and guest: half of what a queue holds. */
const LOOP_BURSTS = TESTPMD_QUEUE_SIZE / BURST / 2;
const ANSWER_MS_MAX = 15_000;
const RUN_IN_MS = 150;
export const TESTPMD_MEASURE_MS = 500;

const PAGES_FOLDER = '/sys/kernel/mm/hugepages/hugepages-2048kB';
const PAGES_EACH = MEMORY_MIB / 2 + 16;

export const TESTPMD_RINGS = ['split', 'packed'] as const;
export type TestpmdRing = (typeof TESTPMD_RINGS)[number];
/** `hop`: host to guest, where frames end. `forward`: the guest swaps addresses and sends them back, for ever. */
export type TestpmdWork = 'hop' | 'forward';

/** Both virtqueue layouts at the same work, ready to run in turn. */
export interface TestpmdPeer {
  /** Frames/s that the guest received. */
  readonly measure: (ring: TestpmdRing) => Promise<number>;
  /** Ends the processes, and gives sockets and hugepages back. */
  readonly close: () => Promise<void>;
}

/**
 * Starts one pair for each layout; they sleep until measured.
 * @returns the reason, in a line, where this machine cannot.
 */
export async function openTestpmd(cores: readonly [number, number], work: TestpmdWork): Promise<TestpmdPeer | string> {
  const missing = whatIsMissing(cores);
  if (missing !== null) return missing;
  const pages = HugePages.reserve(4 * PAGES_EACH);
  if (typeof pages === 'string') return pages;
  const pairs = new Map<TestpmdRing, TestpmdPair>();
  const close = async (): Promise<void> => {
    for (const pair of pairs.values()) await pair.end();
    pages.release();
  };
  try {
    for (const ring of TESTPMD_RINGS) pairs.set(ring, await TestpmdPair.start(cores, ring, work));
  } catch (error) {
    await close();
    return `testpmd did not start: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { measure: (ring) => pairs.get(ring)!.measure(), close };
}

function whatIsMissing(cores: readonly [number, number]): string | null {
  if (withoutPeers()) return 'measured once, on the other Node';
  if (cores[0] === cores[1]) return 'testpmd needs two cores';
  const found = (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, PROGRAM), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ? null : `no ${PROGRAM} on this machine (Debian: apt-get install dpdk dpdk-dev)`;
}

/** Pages of 2 MiB beyond those there are, for as long as this process needs them. */
class HugePages {
  private readonly before: number;
  private readonly giveBack = (): void => this.release();
  private released = false;

  static reserve(count: number): HugePages | string {
    const advice = `as root: echo ${count} > ${PAGES_FOLDER}/nr_hugepages`;
    let pages: HugePages;
    try {
      const total = readPages('nr_hugepages');
      pages = new HugePages(total);
      const short = count - readPages('free_hugepages');
      if (short > 0) writePages(total + short);
    } catch {
      return `testpmd needs ${count} hugepages of 2 MiB (${advice})`;
    }
    if (readPages('free_hugepages') >= count) return pages;
    pages.release();
    return `testpmd needs ${count} hugepages of 2 MiB, and memory has no room for them (${advice})`;
  }

  private constructor(before: number) {
    this.before = before;
    process.once('exit', this.giveBack);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    process.off('exit', this.giveBack);
    if (readPages('nr_hugepages') !== this.before) writePages(this.before);
  }
}

function readPages(file: string): number {
  return Number(readFileSync(join(PAGES_FOLDER, file), 'latin1'));
}

function writePages(count: number): void {
  writeFileSync(join(PAGES_FOLDER, 'nr_hugepages'), String(count));
}

/** Host and guest on one socket. */
class TestpmdPair {
  private readonly host: Testpmd;
  private readonly guest: Testpmd;
  private readonly work: TestpmdWork;

  static async start([a, b]: readonly [number, number], ring: TestpmdRing, work: TestpmdWork): Promise<TestpmdPair> {
    const folder = mkdtempSync(join(tmpdir(), 'vhostlab-testpmd-'));
    const socket = join(folder, 'vhost.sock');
    const [hostMode, guestMode] = work === 'hop' ? ['txonly', 'rxonly'] : ['io', 'macswap'];
    const layout = ring === 'packed' ? ',packed_vq=1,mrg_rxbuf=1,in_order=1' : '';
    const host = new Testpmd(folder, a, hostMode, ['--vdev', `net_vhost0,iface=${socket},queues=1`]);
    let guest: Testpmd | null = null;
    try {
      await host.started();
      // vhost-user hands the guest's memory over by file descriptors: one of each segment, and it has room for eight.
      const device = `net_virtio_user0,path=${socket},queues=1,queue_size=${TESTPMD_QUEUE_SIZE}${layout}`;
      guest = new Testpmd(folder, b, guestMode, ['--single-file-segments', '--vdev', device]);
      await guest.started();
    } catch (error) {
      await guest?.end();
      await host.end();
      throw error;
    }
    return new TestpmdPair(host, guest, work);
  }

  private constructor(host: Testpmd, guest: Testpmd, work: TestpmdWork) {
    this.host = host;
    this.guest = guest;
    this.work = work;
  }

  /** Runs both for a moment. Between two measurements neither uses a core. */
  async measure(): Promise<number> {
    await this.guest.command('start', /packets\/burst/);
    await this.host.command(this.work === 'hop' ? 'start' : `start tx_first ${LOOP_BURSTS}`, /packets\/burst/);
    await delay(RUN_IN_MS);
    await this.guest.command('show port stats 0', RATE);
    await delay(TESTPMD_MEASURE_MS);
    const stats = await this.guest.command('show port stats 0', RATE);
    await this.host.command('stop', /Done\./);
    await this.guest.command('stop', /Done\./);
    const framesPerSecond = Number(RATE.exec(stats)![1]);
    if (framesPerSecond === 0) throw new Error('testpmd moved no frame');
    return framesPerSecond;
  }

  async end(): Promise<void> {
    await this.guest.end();
    await this.host.end();
  }
}

/** Since the last time that it was shown. */
const RATE = /Rx-pps:\s+(\d+)[^]*?Tx-pps:\s+\d+\s+Tx-bps:\s+\d+/;

/** One testpmd, spoken to as at its prompt. */
class Testpmd {
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private readonly folder: string;
  /** At the exit of this process. */
  private readonly kill = (): void => {
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  };
  private output = '';
  private heard: () => void = () => undefined;

  constructor(folder: string, core: number, forwardMode: string, device: readonly string[]) {
    this.folder = folder;
    const eal = ['--lcores', `0@${core},1@${core}`, '--in-memory', '--no-pci', '--no-telemetry', '-m', `${MEMORY_MIB}`];
    const ports = [
      `--total-num-mbufs=${MBUFS}`,
      `--txd=${TESTPMD_QUEUE_SIZE}`,
      `--rxd=${TESTPMD_QUEUE_SIZE}`,
      `--burst=${BURST}`,
    ];
    const args = [...eal, ...device, '--', '--interactive', ...ports, `--forward-mode=${forwardMode}`];
    // Into a pipe it would print by the block, and not when it is asked.
    this.child = spawn('stdbuf', ['-oL', PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin!.on('error', () => undefined); // It has ended: whoever waits for an answer is told so.
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.heard();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.once('error', () => resolve());
    });
    process.once('exit', this.kill);
  }

  /** Waits until it takes commands. */
  async started(): Promise<void> {
    await this.waitFor(/testpmd> /);
  }

  /** @returns what it said, up to and with what `answer` matches. */
  async command(text: string, answer: RegExp): Promise<string> {
    this.output = '';
    this.child.stdin!.write(`${text}\n`);
    return this.waitFor(answer);
  }

  private async waitFor(answer: RegExp): Promise<string> {
    const silence = new AbortController();
    const over = delay(ANSWER_MS_MAX, undefined, { signal: silence.signal }).catch(() => undefined);
    const ended = Promise.race([over, this.ended]).then(() => true);
    try {
      for (;;) {
        if (answer.test(this.output)) return this.output;
        const more = new Promise<boolean>((resolve) => (this.heard = () => resolve(false)));
        if (await Promise.race([more, ended])) throw new Error(`no answer: ${lastLine(this.output)}`);
      }
    } finally {
      silence.abort();
    }
  }

  /** Ends it, kindly first, and removes what it left. */
  async end(): Promise<void> {
    this.child.stdin!.end('stop\nquit\n');
    await Promise.race([this.ended, delay(3000, undefined, { ref: false })]);
    this.child.kill('SIGKILL');
    await this.ended;
    process.off('exit', this.kill);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? 'it said nothing';
}
