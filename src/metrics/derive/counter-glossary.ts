/** What counters mean, for people: drops say it themselves, by their reason; the others are explained here. */
import type { CounterRole } from '../../../actors/actor.ts';
import type { Place } from './lanes.ts';

const BY_ROLE: Readonly<Record<CounterRole, string>> = {
  in: 'frames that came to this component',
  out: 'frames that this component handed on',
  drop: 'frames that ended here',
  consume: 'frames that ended here as they should: the guest was their receiver',
  clone: 'frames that began here: copies made by flooding, and what a guest sends of its own',
  event: 'how often something happened here; no frame ends or begins by it',
};

/** By component, by counter. The names are those of ethtool -S, /proc/net/softnet_stat and the kernel's functions. */
const MEANINGS: Readonly<Partial<Record<Place, Readonly<Record<string, string>>>>> = {
  generator: {
    absences: 'times the generator was not polled for over 200 us, for want of its core',
    caught_up: 'frames sent late after an absence, at no more than 5/4 of their pace until all had caught up',
    wire_full: 'polls that found the wire full of frames the NIC had not taken: the generator falls behind',
  },
  nic: {
    interrupts: 'interrupts raised towards the host, no more than interruptRate allows',
    vnic_notifications: 'times vhost or a guest was told of frames in the queues of a vNIC',
    feedback_timeouts: 'masks of a tap that the timer ended because nobody else did (feedback.timeout)',
    feedback_masked: 'times the port was masked by one tap or several',
    feedback_masked_ns: 'time for which it was masked, ns',
  },
  sink: {
    rx_arp: 'ARP frames, such as guests announce themselves with',
    rx_foreign: 'frames for somebody else, by their MAC address or their stream, and frames that no generator sent',
    rx_corrupt: 'frames whose checksum or content is wrong',
    rx_duplicate: 'frames that had arrived before',
    rx_reordered: 'frames that arrived after a later one of their flow',
  },
  softirq: {
    tx_cleaned: 'sent frames whose descriptors the driver took back',
    interrupts: 'hardware interrupts taken: each masks its device and schedules its NAPI instance',
    napi_polls: 'polls of a NAPI instance, NIC or backlog',
    napi_completions: 'polls that found less than the weight and left the poll list (napi_complete_done)',
    rx_no_buffer: 'receive descriptors that could not be refilled for want of a host buffer',
    masked_completions: 'polls that ended with the interrupt left masked, because a tap holds the port (feedback)',
    time_squeeze: 'net_rx_action passes that ended with work left, by budget or time (third column of softnet_stat)',
    ksoftirqd_wakeups: 'inline visits that handed what was left to ksoftirqd',
    ksoftirqd_guard_refusals: 'inline visits skipped while ksoftirqd was runnable (Linux 4.9 to 6.4)',
  },
  bridge: {
    flooded: 'frames for a group or an unknown address, sent to every other port',
    flood_no_buffer: 'copies that flooding could not make for want of a buffer',
  },
  tap: {
    wakeups: 'times the reader slept and had to be woken',
    feedback_masks: 'times the queue reached its high mark and the port was masked',
  },
  vhost: {
    rx_passes: 'passes of handle_rx: tap queue to receive virtqueue',
    rx_no_buffer_passes: 'passes that found no receive buffer posted by the guest: the guest is slow or starved',
    rx_requeues: 'receive passes that spent their weight and went to the tail of the work list',
    tx_passes: 'passes of handle_tx: transmit virtqueue to the host',
    tx_requeues: 'transmit passes that spent their weight and went to the tail of the work list',
    calls: 'interrupts injected into the guest',
    calls_suppressed: 'completions that the guest had asked not to be interrupted for',
    virtqueue_errors: 'virtqueues stopped because the guest put something impossible into them',
    feedback_unmasks: 'times the queue fell to its low mark and the port was unmasked',
    buffers_seeded: 'guest buffers handed to the hardware',
    depletion_entries: 'times the hardware reported its pool of guest buffers nearly empty',
    depletion_exits: 'times it reported the pool refilled',
    congestion_calls: 'interrupts injected so that the guest refills',
  },
  guest: {
    announcements: 'gratuitous ARP frames, by which bridges learn where the guest is',
    rx_kicks: 'notifications that receive buffers were posted; each is a VM exit',
    tx_kicks: 'notifications that frames wait to be sent; each is a VM exit',
    tx_lock_contended: 'transmissions that met another vCPU at the queue lock',
    nf_connections_created: 'connections that a load balancer chose a backend for and remembered',
    nf_connections_expired: 'connections that a load balancer forgot, idle for longer than idleTimeout',
    nf_connections_untracked: 'packets that found no room in its table, and went by consistent hashing alone',
    nf_connections_moved: 'connections whose backend was taken out of rotation, so that another was chosen',
    tcp_accepted: 'connections of clients that were established',
    tcp_served: 'requests that were right, and answered here',
    tcp_no_backend: 'requests reset because every backend is drained or its VM is not there',
    tcp_proxied: 'responses of backends that were sent on to the clients who wait for them',
    tcp_bad_requests: 'requests with a wrong byte, or TLS records that did not open: the client is reset',
    tcp_abandoned: 'clients that went while a backend had their request; its connection is reset as well',
    tcp_closed: 'connections of clients that both sides closed',
    tcp_resets: 'connections of clients that either side reset',
    tcp_expired: 'connections of clients that were idle too long, or did not acknowledge what was sent again',
    tcp_retransmissions: 'times a timer had TCP segments sent again',
    tcp_no_buffer: 'TCP segments that found no free guest buffer; their timer tries again',
    tcp_backend_full: 'requests for which the proxy had no connection left: the client is reset',
    tcp_backend_refused: 'requests whose backend answered the SYN with RST: the client is reset',
    tcp_backend_reset: 'requests whose backend reset or closed before it had answered: the client is reset',
    tcp_backend_expired: 'requests whose backend had not answered when backendTimeout was over: the client is reset',
    tcp_backend_bad_responses: 'requests whose backend answered more than was agreed: the client is reset',
  },
};

/** A sentence for one counter at one kind of component. `reason` is what a drop says of itself. */
export function explainCounter(place: Place, name: string, role: CounterRole, reason?: string): string {
  const context = /^(interrupt|bh_enable|ksoftirqd)_(visits|packets|ns)$/.exec(name);
  if (place === 'softirq' && context !== null) return explainContext(context[1], context[2]);
  if (name.endsWith('_bytes')) return 'bytes of the frames counted beside it, without FCS';
  if (place === 'generator' && name.startsWith('offered_')) return 'frames of this stream that were due by now';
  if (place === 'generator' && name.startsWith('tx_') && role === 'event')
    return 'frames of this stream that were sent';
  if (place === 'guest' && name.startsWith('tcp_to_backend')) return 'requests that were sent on to this backend';
  if (place === 'nic' && name.endsWith('_no_buffer') && role === 'event')
    return 'frames for this one of its vNICs, numbered from 0, that found no buffer of its guest';
  const meaning = reason ?? MEANINGS[place]?.[name];
  if (role === 'drop') return `${BY_ROLE.drop}: ${meaning ?? 'no reason is given'}`;
  if (place === 'sink' && role === 'event' && meaning === undefined) {
    return 'frames of this stream that arrived, intact and for the first time';
  }
  return meaning ?? BY_ROLE[role];
}

function explainContext(context: string, what: string): string {
  const where = {
    interrupt: 'on the exit of an interrupt or a tick, above every thread of the CPU',
    bh_enable: 'when vhost enabled bottom halves again, on its time',
    ksoftirqd: 'in ksoftirqd, one fair thread among others',
  }[context as 'interrupt' | 'bh_enable' | 'ksoftirqd'];
  const counted = { visits: 'visits', packets: 'frames that NAPI polls moved', ns: 'time' }[
    what as 'visits' | 'packets' | 'ns'
  ];
  return `${counted} of softirq work that ran ${where}`;
}
