/**
 * What a scenario file may say, key by key, with its default and where the value comes from in the kernel. Rules
 * between keys are in src/scenario/rules; defaults that depend on other keys are in src/scenario/structure.ts and
 * src/scenario/complete.
 */
import { z } from 'zod';
import { VLAN_MAX, VLAN_MIN } from '../../net/wire/vlan.ts';
import { TX_STOP_DESCRIPTORS } from '../../virtio/net/net-queues.ts';
import { VNIC_MODES, modesExplained, modesForPeople, passesBuffersDown } from '../modes.ts';
import { PLACEMENT_KINDS } from '../words.ts';
import { trafficConnections } from './connections.ts';
import { STREAM_PROTOCOLS } from '../../net/choices.ts';
import { replayOptions } from './replay.ts';
import { expectationSchema } from './expectations.ts';
import { hostName, hostSchema, namedHostSchema } from './host.ts';
import { nfSchema } from './functions.ts';
import { drainTime, presence } from './provisioning.ts';
import { runSchema } from './run.ts';
import { sweepSchema } from './sweep.ts';
import { accelerationSchema, featuresSchema, feedbackSchema, qemuSchema, tapSchema, vhostSchema } from './vnic.ts';
import {
  addressOrAuto,
  bitRate,
  componentName,
  duration,
  endpointOrAuto,
  frameSizes,
  integer,
  integerOr,
  labelName,
  macOrAuto,
  positiveDuration,
  powerOfTwo,
  prefixOr,
  rate,
  sizeOr,
  text,
  SOFTIRQ_CPUS_MAX,
} from './fields.ts';

/** The most of each that a scenario can hold: memory and threads are planned for it. */
export const PORTS_MAX = 16;
export const VMS_MAX = 64;
export const NICS_PER_VM_MAX = 8;
export const VCPUS_MAX = 32;
export const STREAMS_MAX = 256;
export const HOSTS_MAX = 8;
const CORES_MAX = 1024;
/** Receive queues that ixgbe distributes over (IXGBE_MAX_RSS_INDICES). */
const RX_QUEUES_MAX = 16;

/** The least MTU of IPv4 (RFC 791), and that of jumbo frames. */
const MTU_LEAST = 68;
const MTU_MOST = 9000;

/** The least power of two with which a driver can transmit. */
const QUEUE_SIZE_LEAST = 2 ** Math.ceil(Math.log2(TX_STOP_DESCRIPTORS));

const portSchema = z.strictObject({
  name: componentName().describe('Interface name, such as eth0.'),
  host: hostName(),
  cpu: integerOr('auto', 0, SOFTIRQ_CPUS_MAX - 1)
    .prefault('auto')
    .describe('Softirq CPU of its host that takes its interrupt (smp_affinity). Default auto: the ports in turn.'),
  speed: bitRate().prefault('1Gbps').describe('Link speed. Default 1Gbps, as in the talk.'),
  mtu: integer(MTU_LEAST, MTU_MOST)
    .prefault(1500)
    .describe(
      'Longest network-layer packet, bytes; longer frames are dropped where they arrive (rx_length_errors) and where ' +
        'a bridge would send them. Default 1500: ETH_DATA_LEN, include/uapi/linux/if_ether.h.',
    ),
  rxRing: powerOfTwo(16, 32_768)
    .prefault(2048)
    .describe(
      'Receive descriptors (ethtool -G). Default 2048: ICE_DFLT_NUM_RX_DESC, ice.h; ixgbe and i40e begin with 512 of at ' +
        'most 4096. At 300 kpps 2048 last 6.8 ms, longer than a shared machine takes the core of the hardware away; ' +
        '512 last 1.7 ms.',
    ),
  txRing: powerOfTwo(16, 32_768).prefault(512).describe('Transmit descriptors. Default 512.'),
  rxQueues: integer(1, RX_QUEUES_MAX)
    .prefault(1)
    .describe(
      'Receive rings of rxRing descriptors, each with its own interrupt and NAPI instance; flows are distributed over ' +
        'them by Toeplitz hash (RSS; ethtool -L). Default 1.',
    ),
  interruptRate: integerOr('unlimited', 1, 10_000_000)
    .prefault(20_000)
    .describe('Most interrupts a second, or unlimited. Default 20000: low_latency of e1000_set_itr, e1000_main.c.'),
  mac: macOrAuto().prefault('auto').describe('Address of the station on the far end of the wire. Default auto.'),
  network: prefixOr('auto')
    .prefault('auto')
    .describe('IPv4 network on this wire. Default auto: 198.18.N.0/24, from the range of RFC 2544 appendix C.2.2.'),
});

const linkSchema = z.strictObject({
  from: componentName().describe('A port.'),
  to: componentName().describe('The port at the other end of the wire, of the same speed.'),
});

const bridgeSchema = z.strictObject({
  name: componentName().describe('Interface name, such as br0.'),
  host: hostName(),
  ports: z.array(componentName()).min(1).describe('Names of NIC ports and taps.'),
  ageing: duration()
    .prefault('300s')
    .describe('Time a learnt address lives. Default 300s: BR_DEFAULT_AGEING_TIME, br_dev_setup in br_device.c.'),
});

const vnicSchema = z.strictObject({
  name: componentName().describe('Name, unique in the scenario, such as vnic0.'),
  mode: z
    .enum(VNIC_MODES)
    .prefault('vhost')
    .describe(`How frames reach the guest: ${modesExplained()}. Default vhost.`),
  mac: macOrAuto().prefault('auto').describe('Address of the vNIC. Default auto: 52:54:00:…, as QEMU.'),
  vlan: integerOr('none', VLAN_MIN, VLAN_MAX)
    .prefault('none')
    .describe(
      `VLAN of the vNIC in its port, ${modesForPeople(({ classifiesVlans }) => classifiesVlans)}: the NIC gives it the frames with its address and this ` +
        'IEEE 802.1Q tag, takes the tag off, and puts it on what the vNIC sends, as `ip link set eth0 vf 0 vlan 10`. ' +
        'Default none: its frames bear no tag.',
    ),
  ip: addressOrAuto().prefault('auto').describe('Address and prefix length. Default auto: in the network of its port.'),
  vcpu: integerOr('auto', 0, VCPUS_MAX - 1)
    .prefault('auto')
    .describe(
      'vCPU that serves it, or its first queue pair. Default auto: the vNICs of a VM in turn, or 0 with several pairs.',
    ),
  mtu: integerOr('auto', MTU_LEAST, MTU_MOST)
    .prefault('auto')
    .describe('MTU of the vNIC and its tap. Default auto: the largest of the ports on its bridge.'),
  queueSize: powerOfTwo(QUEUE_SIZE_LEAST, 32_768)
    .prefault(256)
    .describe(
      'Entries of each virtqueue. Default 256; VIRTIO 2.7: at most 32768. With fewer than 2 + MAX_SKB_FRAGS, 19, the ' +
        'driver transmits nothing (start_xmit, drivers/net/virtio_net.c): at least 32.',
    ),
  queues: integer(1, VCPUS_MAX)
    .prefault(1)
    .describe(
      'Queue pairs (VIRTIO_NET_F_MQ), at most as many as vCPUs, each with a vhost worker and a queue of the tap or of ' +
        'the NIC; vCPU i serves pair i and sends by it. Default 1.',
    ),
  txQueueLen: integer(1, 1_000_000)
    .prefault(1000)
    .describe(
      'Frames that wait in the guest for each transmit queue (dev->tx_queue_len). Default 1000: ether_setup(), ' +
        'net/ethernet/eth.c.',
    ),
  tap: tapSchema
    .prefault({})
    .describe(`The tap behind it, which a bridge names; unused in ${modesForPeople(({ way }) => way === 'nic')}.`),
  vhost: vhostSchema.prefault({}).describe('Limits of its vhost worker.'),
  qemu: qemuSchema
    .prefault({})
    .describe(`Limits of the VMM main loop, ${modesForPeople(({ servedBy }) => servedBy === 'vmm')}.`),
  feedback: feedbackSchema.prefault({}).describe(`Marks of ${modesForPeople(({ feedback }) => feedback)}.`),
  acceleration: accelerationSchema.prefault({}).describe(`Hardware queues of ${modesForPeople(passesBuffersDown)}.`),
  features: featuresSchema,
});

const vmSchema = z.strictObject({
  name: componentName().describe('Name, such as vm0.'),
  host: hostName(),
  present: presence(),
  drainTime: drainTime(),
  vcpus: integer(1, VCPUS_MAX).prefault(2).describe('Virtual CPUs, a thread each. Default 2.'),
  memory: sizeOr('auto').prefault('auto').describe('Guest memory. Default auto: what its queues and buffers need.'),
  nics: z
    .array(vnicSchema)
    .min(1)
    .max(NICS_PER_VM_MAX)
    .describe('virtio-net devices. Default: one for each port.')
    .optional(),
  nf: nfSchema
    .prefault({})
    .describe(
      'Network function the guest runs: a mapping by kind, or the path, from the folder of this file, of a TypeScript or ' +
        'JavaScript module whose default export builds one. Default ip-forward.',
    ),
});

const streamSchema = z.strictObject({
  name: labelName().describe('Name. Default FROM-to-TO.').optional(),
  from: componentName().describe('Port whose generator sends.'),
  to: componentName().describe('Port whose sink receives.'),
  via: componentName()
    .describe('vNIC the frames are addressed to. Needed where several VMs could forward them.')
    .optional(),
  destination: endpointOrAuto()
    .prefault('auto')
    .describe('Address and port of its frames. Default auto: the discard port of the station on the wire of `to`.'),
  rate: rate()
    .describe('Rate of this stream alone, the same in every phase. Default: its part of traffic.rate.')
    .optional(),
  frameSize: frameSizes().describe('Frame sizes of this stream. Default traffic.frameSize.').optional(),
  protocol: z.enum(STREAM_PROTOCOLS).describe('What its frames are. Default traffic.protocol.').optional(),
  flows: integer(1, 1_000_000).describe('Flows of this stream. Default traffic.flows.').optional(),
  ttl: integer(1, 255).prefault(64).describe('Time to live of its frames. Default 64.'),
});

const trafficSchema = z.strictObject({
  rate: rate()
    .prefault('100kpps')
    .describe(
      'Offered by all streams without a rate of their own together: pps and bps are shared evenly, a percentage is ' +
        'of the line rate of each sending port. Default 100kpps.',
    ),
  frameSize: frameSizes().prefault(64).describe('Bytes with FCS: a size, a list sent in turn, or IMIX. Default 64.'),
  protocol: z
    .enum(STREAM_PROTOCOLS)
    .prefault('udp')
    .describe('What generated frames are: UDP datagrams, TCP segments without a connection, ICMP echo. Default udp.'),
  flows: integer(1, 1_000_000).prefault(1024).describe('Flows of each stream. Default 1024.'),
  pattern: z
    .enum(['constant', 'poisson'])
    .prefault('constant')
    .describe('Spacing of bursts: equal, or random with exponential gaps. Default constant.'),
  burst: integer(1, 1024).prefault(1).describe('Frames sent back to back. Default 1.'),
  pcap: text('none, or the path of a pcap or pcapng file')
    .prefault('none')
    .describe(
      'Capture to replay in a loop: a pcap or pcapng file, packed with gzip or zstd or not, or a pipe; - is standard ' +
        'input. The path is taken from the folder of this file. Default none.',
    ),
  replay: replayOptions(),
  streams: z
    .array(streamSchema)
    .max(STREAMS_MAX)
    .describe('Who sends to whom. Default: both ways between the first two ports; none beside connections.')
    .optional(),
  connections: trafficConnections(),
});

const coreList = () =>
  z.array(integer(0, CORES_MAX - 1), { error: () => 'a list of core numbers such as [0, 2]' }).min(1);

const threadSchema = z.strictObject({
  own: z.boolean().prefault(false).describe('Give it a thread of its own. Default false.'),
  core: integer(0, CORES_MAX - 1)
    .describe('Core to pin it to. Default: as placed.')
    .optional(),
  policy: z
    .enum(['other', 'batch', 'idle', 'fifo'])
    .describe('Scheduling class, sched(7). Default: what the thread stands for.')
    .optional(),
  nice: integer(-20, 19).describe('Nice value. Default 0.').optional(),
});

const placementSchema = z.strictObject({
  cores: z
    .union(
      [
        z.literal('auto'),
        z.strictObject({
          hardware: coreList().describe('Cores of generators, NICs and sinks.'),
          host: coreList().describe('Cores that the modelled host owns.'),
        }),
      ],
      { error: () => 'auto, or {hardware: [1], host: [0]}' },
    )
    .prefault('auto')
    .describe('Which cores stand for what. Default auto: by the cores there are.'),
  threads: z
    .record(
      z.string(),
      z.union([z.literal('own'), threadSchema], { error: () => 'own, or {own: true, core: 0, policy: fifo, nice: 0}' }),
    )
    .prefault({})
    .describe(
      `Changes by kind (${PLACEMENT_KINDS.join(', ')}), over them by VM (vm0: its vCPUs, its VMM, and what moves the ` +
        'frames of its vNICs, whatever their mode), and over these by name (br0, tap0, eth0, generator-eth0, ' +
        'sink-eth0, vhost-vnic0, vm0/vcpu0, vm0/vmm, softirq0, hardware0); `own` gives a component a thread of its own.',
    ),
});

const virtualSchema = z.strictObject({
  hardwarePoll: positiveDuration()
    .prefault('2us')
    .describe(
      'Mean time until hardware is polled again after it moved frames, or what the poll took if that is longer. Default ' +
        '2us: some thirty frames at the best rates measured.',
    ),
  hardwareIdlePoll: positiveDuration()
    .prefault('4us')
    .describe('The same after it moved none: how late it may notice work. Default 4us, an estimate.'),
});

export const scenarioSchema = z
  .strictObject({
    name: labelName().describe('Name of the scenario. Default: that of the file.').optional(),
    description: z.string().prefault('').describe('What it shows, in a paragraph.'),
    seed: integer(0, 0xffff_ffff).prefault(1).describe('Seed of everything random. Default 1.'),
    virtual: virtualSchema.prefault({}).describe('What only the virtual host reads.'),
    host: hostSchema
      .prefault({})
      .describe('The modelled host, or what all of several have in common: CPUs, kernel rules and costs.'),
    hosts: z
      .array(namedHostSchema)
      .min(1)
      .max(HOSTS_MAX)
      .describe('Modelled hosts; what one leaves out is as in `host`. Default: one.')
      .optional(),
    ports: z
      .array(portSchema)
      .min(1)
      .max(PORTS_MAX)
      .describe('NIC ports, each with a generator and a sink on its wire. Default eth0 and eth1.')
      .optional(),
    links: z
      .array(linkSchema)
      .prefault([])
      .describe('Wires from port to port, which then have neither generator nor sink. Default none.'),
    bridges: z
      .array(bridgeSchema)
      .min(1)
      .describe('Learning bridges. Default: one for each pair of port and tap, or one for all behind a single port.')
      .optional(),
    vms: z
      .array(vmSchema)
      .min(1)
      .max(VMS_MAX)
      .describe('Virtual machines. Default: vm0, a vNIC for each port.')
      .optional(),
    traffic: trafficSchema.prefault({}).describe('What the generators send.'),
    placement: placementSchema.prefault({}).describe('Threads and cores.'),
    run: runSchema.prefault({}).describe('The course of a run.'),
    expect: z.array(expectationSchema).prefault([]).describe('Relations that must hold after a run. Default none.'),
    sweep: sweepSchema.prefault({}).describe('What a sweep compares, and what must come of it.'),
  })
  .describe('A vhostlab scenario. Every key has a default.');

/** A scenario after its keys were checked one by one; still without what depends on other keys. */
export type ParsedScenario = z.output<typeof scenarioSchema>;

/** The JSON Schema of scenario files, for editors; rules between keys are not part of it. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return { title: 'vhostlab scenario', ...z.toJSONSchema(scenarioSchema, { io: 'input', target: 'draft-7' }) };
}
