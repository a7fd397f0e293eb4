/**
 * Declared costs: kernel and hypervisor work that this program does not do, as ns of CPU time on the thread that would
 * pay, per frame or per event. They are burnt in addition to the program's own work on the frame, so each line of the
 * `linux` profile is what a Linux host spends, less about what the actor spends itself.
 *
 * Anchors of the calibration:
 * - NIC to bridge to NIC on one core of Linux 6.18, 64-byte frames: 0.45 Mpps, 2,200 ns a frame, and 0.90 Mpps when
 *   threaded NAPI halves the work over two cores (measured). Routed instead of bridged: 0.40 Mpps, 2,500 ns.
 * - Forwarding softirq and a receiving program on one core: all is delivered up to about 250 kpps, 4,000 ns (measured).
 * - A vhost worker alone carries about 0.9 to 1.1 Mpps in one direction, about 1,000 ns a frame.
 * - A VM exit and entry takes about 2,000 cycles of direct cost (SplitX, WIOV 2011, Xeon X5570 at 2.93 GHz): 0.7 us
 *   there, 0.8 to 1 us at the 2 to 2.5 GHz of servers of that time; the indirect cost is larger and not charged.
 * Where only a sum was measured, the split between its lines is an estimate; the sum is what holds.
 */

interface CostLine {
  /** Charged once per this. */
  readonly per: 'frame' | 'event';
  /** The work the line stands for, and which thread pays. */
  readonly what: string;
  readonly linuxNs: number;
}

const COST_LINES = {
  // nicRx + bridge + nicTx = 2,000 ns, and about 200 ns of work of our own: the 2,200 ns of the bridge anchor.
  nicRx: {
    per: 'frame',
    linuxNs: 900,
    what: 'NIC driver receive: descriptor, skb allocation, napi_gro_receive; softirq',
  },
  bridge: { per: 'frame', linuxNs: 400, what: 'br_handle_frame to br_forward with its netfilter hooks; softirq' },
  nicTx: {
    per: 'frame',
    linuxNs: 700,
    what: 'dev_queue_xmit, qdisc, driver transmit, completion and skb free; softirq',
  },
  // The locked enqueue and skb_orphan only; the wake-up that follows is a line of its own.
  tapEnqueue: { per: 'frame', linuxNs: 150, what: 'tun_net_xmit up to the queue; softirq' },
  // netif_rx to the second half of the receive path: enqueue_to_backlog with its lock, process_backlog, skb core.
  backlog: { per: 'frame', linuxNs: 150, what: 'process_backlog and __netif_receive_skb_core; softirq' },
  // Each a little below the 1,000 ns of a worker running alone, since copying and ring work are done for real here.
  vhostRx: { per: 'frame', linuxNs: 850, what: 'tun_recvmsg, translation, copy set-up, skb free; vhost or VMM' },
  vhostTx: { per: 'frame', linuxNs: 850, what: 'tun_get_user with its skb allocation, netif_rx; vhost or VMM' },
  // guestRx + guestForward + guestTx = 1,700 ns: the 2,500 ns of the router anchor with a virtio driver, which has no
  // register access and leaves the copy to the host, in place of the NIC driver on both sides.
  guestRx: { per: 'frame', linuxNs: 500, what: 'virtio_net receive: skb, page handling, napi_gro_receive; vCPU' },
  guestForward: { per: 'frame', linuxNs: 700, what: 'ip_rcv, route lookup, ip_forward, neighbour output; vCPU' },
  // One core of a server that nothing else limits takes 34,344 new connections a second, with a request and an empty
  // response each: 29,100 ns for one ("Testing the Performance of NGINX and NGINX Plus Web Servers", nginx.com, HTTP
  // connections per second). Here a connection has four frames in and three out: less guestRx, guestTx and about 1,000
  // ns a received frame of work of our own.
  guestTcp: {
    per: 'frame',
    linuxNs: 5400,
    what: 'in place of guestForward where TCP ends: tcp_v4_rcv, accept, read, write and close of a server; vCPU',
  },
  guestTx: { per: 'frame', linuxNs: 500, what: 'dev_queue_xmit, start_xmit, free_old_xmit_skbs; vCPU' },
  // No skb, no copy, no stack: a frame queue or ring entry, the used ring, and the cache misses of both. An estimate,
  // from the 100 to 300 ns that user-space vhost implementations need a packet.
  accelRx: { per: 'frame', linuxNs: 200, what: 'acceleration interface: dequeue, complete into the virtqueue; vhost' },
  accelTx: {
    per: 'frame',
    linuxNs: 200,
    what: 'acceleration interface: enqueue, confirm, return the descriptor; vhost',
  },
  // Only the call chain of the waker: where a thread does sleep, the operating system below wakes it for real.
  wakeup: { per: 'event', linuxNs: 150, what: 'wait-queue callback, vhost_work_queue, wake_up_process; the waker' },
  // One exit, plus decoding and eventfd_signal of the ioeventfd.
  kickExit: { per: 'event', linuxNs: 1000, what: 'VM exit and entry for a kick, ioeventfd; vCPU' },
  // A register access completed by the VMM takes three times one completed in the kernel: 46,747 against 15,218 cycles,
  // inl_from_qemu and inl_from_kernel of kvm-unit-tests' vmexit on nested VMX (P. Bonzini, "VMX optimizations", KVM list,
  // 2019). So three times the 1,000 ns of kickExit; SplitX puts what an exit costs in all at up to ten times the direct
  // 2,000 cycles. The VMM's own work and the hand-over to its thread are done here, and are not part of it.
  userExit: {
    per: 'event',
    linuxNs: 3000,
    what: 'VM exit to user space, KVM_RUN and entry, for a register access or a kick of mode qemu; vCPU',
  },
  // write() of a byte to /dev/null in C, on a virtual machine of 2026 with its mitigations (measured; lmbench's null I/O
  // was 0.1 to 0.2 us on processors of the talk's time). Charged where no real call is made in its place.
  qemuSyscall: {
    per: 'event',
    linuxNs: 260,
    what: 'a system call of the VMM: tap read and writev, ppoll, interrupt ioctl, each without its work; VMM',
  },
  // A VM behind tap alone took 196 kpps where tap and vhost took 577 (S. Schippers and T. Gebauer, tun flow control series,
  // netdev list, 2026): 2.9 times the time a frame. Of 2.9 times the 1,000 ns of a vhost worker, 850 are vhostRx, 260 the
  // system call, and about 200 are done here. Only reception was measured; transmission is taken to cost the same.
  qemuNet: {
    per: 'frame',
    linuxNs: 1600,
    what: 'own work of QEMU on a frame beyond the copy and ring work done here: memory API, net queues, lock; VMM',
  },
  // eventfd_signal, irqfd, routing and the request to the vCPU, which pays for taking the interrupt as `irq`.
  callInject: {
    per: 'event',
    linuxNs: 500,
    what: 'interrupt injection, by eventfd_signal and irqfd or by ioctl; vhost or VMM',
  },
  // Entry, one acknowledge register access, napi_schedule, exit.
  irq: { per: 'event', linuxNs: 600, what: "hard interrupt entry, handler and exit on the host; softirq's CPU" },
  // The same in a guest, whose CPU takes it without the host's (virtual interrupt delivery).
  guestIrq: { per: 'event', linuxNs: 600, what: 'interrupt entry, handler and exit in the guest; vCPU' },
  // One exit; the sleep and the wake-up are real.
  hlt: { per: 'event', linuxNs: 1000, what: 'VM exit and entry for an idle vCPU; vCPU' },
} as const satisfies Readonly<Record<string, CostLine>>;

export type CostKey = keyof typeof COST_LINES;
/** ns per frame or per event, by line. */
export type CostTableNs = Readonly<Record<CostKey, number>>;

export const COST_KEYS = Object.keys(COST_LINES) as readonly CostKey[];
/** What each line stands for, and how it is charged; for headers, reports and the schema. */
export const COST_MEANINGS: Readonly<Record<CostKey, CostLine>> = COST_LINES;

export const COST_PROFILE_NAMES = ['none', 'linux'] as const;
export type CostProfileName = (typeof COST_PROFILE_NAMES)[number];

export const COST_PROFILES: Readonly<Record<CostProfileName, CostTableNs>> = {
  none: tableOf(() => 0),
  linux: tableOf((key) => COST_LINES[key].linuxNs),
};

function tableOf(costNs: (key: CostKey) => number): CostTableNs {
  return Object.freeze(Object.fromEntries(COST_KEYS.map((key) => [key, costNs(key)])) as Record<CostKey, number>);
}
