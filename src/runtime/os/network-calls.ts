/**
 * The system calls of the kernel host: network namespaces, taps, packet sockets, poll. Opened once a thread; a negative
 * result is a negative errno. Numbers are those of the generic ABI (include/uapi), which x86-64 and arm64 share.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { loadLibrary } from './libc.ts';

const CLONE_NEWNET = 0x40000000; // include/uapi/linux/sched.h
const TUNSETIFF = 0x400454ca; // include/uapi/linux/if_tun.h
const IFF_TAP_NO_PI = 0x0002 | 0x1000;
const IFREQ_BYTES = 40;
const IFNAME_BYTES = 16;
const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_BUFFERS = { send: { force: 32, plain: 7 }, receive: { force: 33, plain: 8 } } as const;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_QDISC_BYPASS = 20;
const PACKET_IGNORE_OUTGOING = 23;
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCETHTOOL = 0x8946; // include/uapi/linux/sockios.h
/** ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO (include/uapi/linux/ethtool.h). */
const OFFLOADS = { tx: 0x17, tso: 0x1f, gso: 0x24, gro: 0x2c } as const;
type Offload = keyof typeof OFFLOADS;
const MSG_DONTWAIT = 0x40;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
/** Room for what a sink that is late by tens of milliseconds has not taken: each small frame is charged 768 bytes. */
const SOCKET_BUFFER_BYTES = 32 << 20;

/** The calls that open and account, made by the main thread only. */
export class NetworkCalls {
  private readonly functions: ReturnType<typeof bindCalls>;
  private readonly errno: () => number;
  private readonly address: (bytes: Uint8Array) => bigint;

  /** @throws where koffi cannot be loaded. */
  constructor() {
    const { koffi, library } = loadLibrary();
    this.functions = bindCalls(library);
    this.errno = () => koffi.errno();
    this.address = (bytes) => koffi.address(bytes);
  }

  /** Puts the calling thread, and what it starts from now on, into a new network namespace. @throws when refused. */
  unshareNetwork(): void {
    this.demand('unshare(CLONE_NEWNET)', this.functions.unshare(CLONE_NEWNET));
  }

  /** Puts the calling thread into the namespace of an open /proc/PID/ns/net. */
  enterNetwork(namespace: number): void {
    this.demand('setns', this.functions.setns(namespace, CLONE_NEWNET));
  }

  /** A descriptor of a new or persistent tap device in the calling thread's namespace. */
  openTap(name: string): number {
    const file = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    const request = Buffer.alloc(IFREQ_BYTES);
    request.write(name, 'latin1');
    request.writeInt16LE(IFF_TAP_NO_PI, IFNAME_BYTES);
    try {
      this.demand(`TUNSETIFF of ${name}`, this.functions.ioctl(file, TUNSETIFF, request));
    } catch (error) {
      closeSync(file);
      throw error;
    }
    return file;
  }

  /** A packet socket bound to a device of the calling thread's namespace, that sends past its qdisc. */
  openPacketSocket(device: string): number {
    const { socket, bind, ifNameToIndex } = this.functions;
    const file = this.demand('socket(AF_PACKET)', socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0));
    this.setOption(file, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    this.setOption(file, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    for (const { force, plain } of Object.values(SO_BUFFERS)) {
      if (!this.setOption(file, SOL_SOCKET, force, SOCKET_BUFFER_BYTES))
        this.setOption(file, SOL_SOCKET, plain, SOCKET_BUFFER_BYTES);
    }
    const address = Buffer.alloc(20); // struct sockaddr_ll, include/uapi/linux/if_packet.h
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(ifNameToIndex(device), 4);
    this.demand(`bind to ${device}`, bind(file, address, address.length));
    return file;
  }

  /**
   * Has the stack finish what it gives to a device of the calling thread's namespace: every checksum written, no
   * segment left to be cut, as `ethtool -K DEV tx off tso off gso off gro off`. @throws when the device refuses.
   */
  disableOffloads(device: string): void {
    for (const offload of Object.keys(OFFLOADS) as Offload[]) this.setOffload(device, offload, false);
  }

  /** `ethtool -K DEV OFFLOAD on|off`. @throws when the device refuses. */
  setOffload(device: string, offload: Offload, on: boolean): void {
    const { socket, ioctl } = this.functions;
    const file = this.demand('socket(AF_INET)', socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0));
    try {
      // struct ethtool_value
      const value = new Uint8Array(Uint32Array.of(OFFLOADS[offload], on ? 1 : 0).buffer);
      const request = Buffer.alloc(IFREQ_BYTES);
      request.write(device, 'latin1');
      request.writeBigUInt64LE(this.address(value), IFNAME_BYTES);
      this.demand(`ethtool -K ${device} ${offload} ${on ? 'on' : 'off'}`, ioctl(file, SIOCETHTOOL, request));
    } finally {
      closeSync(file);
    }
  }

  private setOption(file: number, level: number, option: number, value: number): boolean {
    return this.functions.setsockopt(file, level, option, Int32Array.of(value), 4) === 0;
  }

  /** PACKET_STATISTICS: frames that came to a packet socket since the last look, and those of them that it dropped. */
  packetStatistics(file: number): { readonly packets: number; readonly drops: number } {
    const values = new Uint32Array(2);
    this.demand(
      'PACKET_STATISTICS',
      this.functions.getsockopt(file, SOL_PACKET, PACKET_STATISTICS, values, Int32Array.of(8)),
    );
    return { packets: values[0], drops: values[1] };
  }

  /** A bell that a thread can sleep on together with other descriptors. */
  openEvent(): number {
    return this.demand('eventfd', this.functions.eventfd(0, EFD_NONBLOCK_CLOEXEC));
  }

  private demand(call: string, result: number): number {
    if (result >= 0) return result;
    const errno = this.errno();
    const [name] = Object.entries(osConstants.errno).find(([, value]) => value === errno) ?? [`errno ${errno}`];
    throw new Error(`${call}: ${name}`);
  }
}

/** The calls on open descriptors, by any thread. */
export class FileCalls {
  private readonly functions: ReturnType<typeof bindFileCalls>;
  private readonly errno: () => number;
  private readonly address: (bytes: Uint8Array) => bigint;

  /** @throws where koffi cannot be loaded. */
  constructor() {
    const { koffi, library } = loadLibrary();
    this.functions = bindFileCalls(library);
    this.errno = () => koffi.errno();
    this.address = (bytes) => koffi.address(bytes);
  }

  addressOf(bytes: Uint8Array): number {
    return Number(this.address(bytes));
  }

  read(file: number, address: number, bytes: number): number {
    const result = this.functions.read(file, address, bytes);
    return result < 0 ? -this.errno() : result;
  }

  write(file: number, address: number, bytes: number): number {
    const result = this.functions.write(file, address, bytes);
    return result < 0 ? -this.errno() : result;
  }

  send(file: number, headers: number, count: number): number {
    const result = this.functions.sendmmsg(file, headers, count, MSG_DONTWAIT);
    return result < 0 ? -this.errno() : result;
  }

  receive(file: number, headers: number, count: number): number {
    const result = this.functions.recvmmsg(file, headers, count, MSG_DONTWAIT, 0);
    return result < 0 ? -this.errno() : result;
  }

  /** poll(2) on `count` struct pollfd at `address`, for `ms` at most. */
  poll(address: number, count: number, ms: number): void {
    this.functions.poll(address, count, ms);
  }
}

type Library = ReturnType<typeof loadLibrary>['library'];

function bindCalls(library: Library) {
  return {
    unshare: library.func('int unshare(int flags)'),
    setns: library.func('int setns(int fd, int type)'),
    ioctl: library.func('int ioctl(int fd, unsigned long request, void *argument)'),
    socket: library.func('int socket(int domain, int type, int protocol)'),
    bind: library.func('int bind(int fd, const void *address, uint32_t length)'),
    ifNameToIndex: library.func('uint32_t if_nametoindex(const char *name)'),
    setsockopt: library.func('int setsockopt(int fd, int level, int option, const void *value, uint32_t length)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int option, void *value, void *length)'),
    eventfd: library.func('int eventfd(uint32_t initial, int flags)'),
  };
}

function bindFileCalls(library: Library) {
  return {
    read: library.func('long read(int fd, uintptr_t buffer, size_t bytes)'),
    write: library.func('long write(int fd, uintptr_t buffer, size_t bytes)'),
    sendmmsg: library.func('int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)'),
    recvmmsg: library.func('int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)'),
    poll: library.func('int poll(uintptr_t fds, unsigned long count, int timeout)'),
  };
}
