/**
 * The devices that calibration sends frames through, in a namespace of their own:
 *
 *     port0.w ══ port0 ─┬─ br0 ─┬─ port1 ══ port1.w       softirq of all: the host's core
 *                       │       └─ tap0
 *     port2.w ══ port2  (in no bridge)      tap1 (in no bridge)
 */
import { closeSync, readFileSync } from 'node:fs';
import { setThreadCores } from '../../runtime/os/os-threads.ts';
import { FileCalls } from '../../runtime/os/network-calls.ts';
import { NetworkNamespace } from '../../runtime/kernel/namespace.ts';
import { cpuMask } from '../../runtime/kernel/network.ts';
import { MessageHeaders } from '../../memory/message-headers.ts';
import { currentTid } from '../../runtime/os/os-threads.ts';
import { parseDevices } from '../../runtime/kernel/proc-net.ts';
import { Soaker } from './soaker.ts';

export const PORTS = ['port0', 'port1', 'port2'] as const;
export const TAPS = ['tap0', 'tap1'] as const;
export type Port = (typeof PORTS)[number];
export type Tap = (typeof TAPS)[number];

/** 60 bytes without FCS: the smallest frame. */
const FRAME_BYTES = 60;
const CELL_BYTES = 2048;
const CELLS = 128;
const SINK_CELLS = 64;
/** ETH_P_802_EX1, include/uapi/linux/if_ether.h: for experiments; nobody on the host takes it. */
const ETHERTYPE = 0x88b5;
/** Locally administered addresses of what is behind each device; the last byte is the device's. */
const macOf = (device: Port | Tap): number[] => [2, 0, 0, 0, 0, 1 + [...PORTS, ...TAPS].indexOf(device)];
const STRANGER = [2, 0, 0, 0, 0, 0xfe];
export const TAP_QUEUE_FRAMES = 1000;

export interface Cores {
  readonly host: number;
  readonly wire: number;
}

export class CalibrationBed {
  private readonly calls = new FileCalls();
  readonly soaker: Soaker;
  private readonly namespace: NetworkNamespace;
  private readonly cores: Cores;
  private readonly files = new Map<string, number>();
  private readonly bytes = new Uint8Array(new SharedArrayBuffer(CELLS * CELL_BYTES));
  /** Held as long as the kernel may write to it. */
  private readonly sinkBytes = new Uint8Array(new SharedArrayBuffer(SINK_CELLS * CELL_BYTES));
  private readonly headers: MessageHeaders;
  private readonly sinkHeaders: MessageHeaders;
  private readonly address: number;

  /** @throws KernelHostError where the devices cannot be made. */
  static async open(cores: Cores): Promise<CalibrationBed> {
    const namespace = new NetworkNamespace();
    try {
      const soaker = await Soaker.start(cores.host);
      return new CalibrationBed(namespace, cores, soaker);
    } catch (error) {
      namespace.close();
      throw error;
    }
  }

  private constructor(namespace: NetworkNamespace, cores: Cores, soaker: Soaker) {
    this.namespace = namespace;
    this.cores = cores;
    this.soaker = soaker;
    this.address = this.calls.addressOf(this.bytes);
    const cells = { bytes: this.bytes, cells: CELLS, strideBytes: CELL_BYTES, frameBytesMax: FRAME_BYTES };
    this.headers = new MessageHeaders(this.calls, cells, 0);
    this.sinkHeaders = new MessageHeaders(this.calls, { ...cells, bytes: this.sinkBytes, cells: SINK_CELLS }, 0);
    namespace.within(() => this.build());
    this.standOn('wire');
  }

  private build(): void {
    const { namespace, cores } = this;
    namespace.quieten();
    for (const tap of TAPS) this.files.set(tap, namespace.calls.openTap(tap));
    namespace.configure([
      'link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
      ...PORTS.map((port) => `link add ${port} type veth peer name ${port}.w`),
      ...TAPS.map((tap) => `link set ${tap} txqueuelen ${TAP_QUEUE_FRAMES}`),
      ...['port0', 'port1', 'tap0'].map((device) => `link set ${device} master br0`),
    ]);
    const steer = (device: string, core: number): string =>
      `echo ${cpuMask(core)} | tee /sys/class/net/${device}/queues/rx-0/rps_cpus`;
    const fault = namespace.tryWithSysfs(PORTS.map((port) => steer(port, cores.host)).join('\n'));
    if (fault !== '') throw new Error(`calibrate needs softirq on the host's core, and RPS is refused (${fault})`);
    namespace.configure(
      ['br0', ...TAPS, ...PORTS, ...PORTS.map((port) => `${port}.w`)].map((each) => `link set ${each} up`),
    );
    for (const port of PORTS) this.files.set(port, namespace.calls.openPacketSocket(`${port}.w`));
    // The bridge learns who is behind which device.
    for (const port of ['port0', 'port1'] as const) this.send(port, this.frames(STRANGER, macOf(port), 1));
    this.write('tap0', this.frames(STRANGER, macOf('tap0'), 1));
  }

  /** Puts this thread on one of the two cores. */
  standOn(which: keyof Cores): void {
    setThreadCores(currentTid(), [this.cores[which]]);
  }

  /** Makes the first `count` cells frames to whoever is behind a device, from somebody of no other use. @returns `count`. */
  aim(to: Port | Tap, count: number): number {
    return this.frames(macOf(to), STRANGER, count);
  }

  private frames(to: readonly number[], from: readonly number[], count: number): number {
    for (let cell = 0; cell < count; cell++) {
      this.bytes.set([...to, ...from, ETHERTYPE >> 8, ETHERTYPE & 0xff], cell * CELL_BYTES);
      this.headers.setLength(cell, FRAME_BYTES);
    }
    return count;
  }

  /** Sends the first frames into a port's wire. @returns how many the kernel took. */
  send(port: Port, count: number): number {
    return Math.max(0, this.calls.send(this.files.get(port)!, this.headers.at(0), count));
  }

  /** Writes the first frame to a tap so often. */
  write(tap: Tap, count: number): void {
    const file = this.files.get(tap)!;
    for (let i = 0; i < count; i++) this.calls.write(file, this.address, FRAME_BYTES);
  }

  /** Reads a tap until it is empty, at most so often. @returns frames read. */
  read(tap: Tap, most: number): number {
    const file = this.files.get(tap)!;
    let frames = 0;
    while (frames < most && this.calls.read(file, this.address + (CELLS - 1) * CELL_BYTES, CELL_BYTES) > 0) frames++;
    return frames;
  }

  /** Takes what waits in a tap, or in the packet socket on a port's wire. */
  empty(what: Tap | Port): void {
    if (what === 'tap0' || what === 'tap1') this.read(what, Infinity);
    else while (this.calls.receive(this.files.get(what)!, this.sinkHeaders.at(0), SINK_CELLS) > 0);
  }

  /** Frames that a port has taken in so far. */
  received(port: Port): number {
    return parseDevices(this.namespace.readDevices()).get(port)!.rxPackets;
  }

  /** Times that another CPU has woken the host's for frames (softnet_stat, received_rps). */
  wakes(): number {
    const lines = readFileSync('/proc/net/softnet_stat', 'latin1').trim().split('\n');
    return parseInt(lines[this.cores.host].split(' ')[9], 16);
  }

  async close(): Promise<void> {
    await this.soaker.stop();
    for (const file of this.files.values()) closeSync(file);
    this.namespace.close();
  }
}
