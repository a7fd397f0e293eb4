/** What differs between the Linux releases a scenario can choose, as far as the receive path is concerned. */

export const KERNEL_NAMES = ['linux-3.13', 'linux-4.9', 'linux-6.5'] as const;
export type KernelName = (typeof KERNEL_NAMES)[number];

/** HZ values Linux can be built with (kernel/Kconfig.hz); 250 is its default. */
export const HZ_VALUES = [100, 250, 300, 1000] as const;

export interface KernelProfile {
  /**
   * net_rx_action() polls from a list of its own and puts what has more to do on a repoll list: d75b1ade567f, v3.19.
   */
  readonly repollList: boolean;
  /**
   * Inline softirq is skipped while ksoftirqd is runnable: ksoftirqd_running() in kernel/softirq.c, brought by commit
   * 4cd13c21b207 (2016) and taken out again by d15121be7485 (2023).
   */
  readonly ksoftirqdGuard: boolean;
  /**
   * How a frame the guest sent enters the host's stack, at the end of tun_get_user() in drivers/net/tun.c: `backlog` is
   * netif_rx_ni(), which queues it for the CPU's backlog poll and then runs what softirq is pending; `direct` is
   * netif_receive_skb() with bottom halves off.
   */
  readonly tunReceive: 'backlog' | 'direct';
  /** dev->tx_queue_len of a tap: TUN_READQ_SIZE by tun_net_init() first, 1000 by ether_setup() later. */
  readonly tapQueueFrames: number;
  /**
   * Whether the queues of a multi-queue tap share that length between them, as where tun_net_xmit() compares a queue
   * with `tx_queue_len / numqueues` (drivers/net/tun.c, v3.13); later each has a ring of that length.
   */
  readonly tapQueueShared: boolean;
  /** VHOST_NET_PKT_WEIGHT in drivers/vhost/net.c, commit db688c24eada; before it only bytes were counted. */
  readonly vhostPacketWeight: number | 'none';
  /** Packets taken from the tap and completed at a time: VHOST_NET_BATCH in drivers/vhost/net.c; 1 before it. */
  readonly vhostBatch: number;
  /**
   * Frames that QEMU of the kernel's time reads from a tap before it turns to something else: all there are in 1.7
   * (2013), 50 later, so that the global lock is not hogged (tap_send, net/tap.c).
   */
  readonly qemuRxBurst: number | 'none';
}

export const KERNEL_PROFILES: Readonly<Record<KernelName, KernelProfile>> = {
  'linux-3.13': {
    repollList: false,
    ksoftirqdGuard: false,
    tunReceive: 'backlog',
    tapQueueFrames: 500,
    tapQueueShared: true,
    vhostPacketWeight: 'none',
    vhostBatch: 1,
    qemuRxBurst: 'none',
  },
  'linux-4.9': {
    repollList: true,
    ksoftirqdGuard: true,
    tunReceive: 'backlog',
    tapQueueFrames: 1000,
    tapQueueShared: false,
    vhostPacketWeight: 'none',
    vhostBatch: 1,
    qemuRxBurst: 50,
  },
  'linux-6.5': {
    repollList: true,
    ksoftirqdGuard: false,
    tunReceive: 'direct',
    tapQueueFrames: 1000,
    tapQueueShared: false,
    vhostPacketWeight: 256,
    vhostBatch: 64,
    qemuRxBurst: 50,
  },
};

const SOFTIRQ_TIME_MS = 2;
const NET_RX_JIFFIES = 2;

/**
 * MAX_SOFTIRQ_TIME, msecs_to_jiffies(2) in kernel/softirq.c, in ns: 2 ms rounded up to whole ticks. The kernel compares
 * jiffies, so a limit of one tick lasts from nothing to one tick there.
 */
export function softirqTimeNs(hz: number): number {
  return Math.round((Math.ceil((SOFTIRQ_TIME_MS * hz) / 1000) * 1e9) / hz);
}

/** Time limit of one net_rx_action() in net/core/dev.c, 2 jiffies (netdev_budget_usecs has the same default), in ns. */
export function netRxTimeNs(hz: number): number {
  return Math.round((NET_RX_JIFFIES * 1e9) / hz);
}
