/** What a scenario may say of the parts behind one vNIC: its tap, its vhost worker, feedback and acceleration. */
import { z } from 'zod';
import { modesForPeople, passesBuffersDown } from '../modes.ts';
import { ACCELERATION_PROVIDERS, VNIC_FEATURES } from '../words.ts';
import { SOFTIRQ_CPUS_MAX, componentName, duration, durationOr, integer, integerOr } from './fields.ts';

/** What every driver of the talk's era has. */
const DEFAULT_FEATURES = ['event-idx', 'indirect-desc'] as const satisfies (typeof VNIC_FEATURES)[number][];

export const tapSchema = z.strictObject({
  name: componentName().describe('Interface name. Default tapN, counted over all vNICs.').optional(),
  queue: integerOr('auto', 1, 65_536)
    .prefault('auto')
    .describe(
      'Frames it can hold: each of its queues, or in linux-3.13 all of them together. Default auto: by kernel, 500 ' +
        '(TUN_READQ_SIZE) or 1000 (ether_setup).',
    ),
});

export const vhostSchema = z.strictObject({
  cpu: integerOr('auto', 0, SOFTIRQ_CPUS_MAX - 1)
    .prefault('auto')
    .describe(
      'Softirq CPU it runs on; what it sends enters the backlog of that CPU. Default auto: that of its bridge.',
    ),
  byteWeight: integer(1, 2 ** 30)
    .prefault(524_288)
    .describe('Bytes per pass. Default 524288: VHOST_NET_WEIGHT 0x80000, drivers/vhost/net.c.'),
  packetWeight: z
    .union([z.literal(['auto', 'none']), integer(1, 1_000_000)], { error: () => 'auto, none, or an integer from 1' })
    .prefault('auto')
    .describe('Packets per pass. Default auto: by kernel, none or 256 (VHOST_NET_PKT_WEIGHT, drivers/vhost/net.c).'),
  batch: integerOr('auto', 1, 1024)
    .prefault('auto')
    .describe('Packets taken and signalled at a time. Default auto: by kernel, 1 or 64 (VHOST_NET_BATCH).'),
  busyLoop: duration()
    .prefault('0us')
    .describe('Time to poll before sleeping. Default 0us, off: vhost_net_busy_poll, drivers/vhost/net.c.'),
});

export const qemuSchema = z.strictObject({
  rxBurst: z
    .union([z.literal(['auto', 'none']), integer(1, 65_536)], { error: () => 'auto, none, or an integer from 1' })
    .prefault('auto')
    .describe(
      'Frames one callback reads from the tap. Default auto: by the time of the kernel, none (until it is dry) or 50 ' +
        '(tap_send, net/tap.c).',
    ),
  txBurst: integer(1, 65_536)
    .prefault(256)
    .describe('Frames one bottom half sends, mode qemu. Default 256: TX_BURST, hw/net/virtio-net.c.'),
});

export const feedbackSchema = z.strictObject({
  highMark: integerOr('auto', 1, 65_536)
    .prefault('auto')
    .describe('Tap depth that masks the NIC interrupt. Default auto: nine tenths of the tap queue.'),
  lowMark: integerOr('auto', 0, 65_535)
    .prefault('auto')
    .describe('Tap depth at which vhost unmasks it. Default auto: a quarter of the tap queue.'),
  timeout: durationOr('none')
    .prefault('none')
    .describe('Unmask after this time in any case, so that a stopped guest cannot mask a port for ever. Default none.'),
});

export const accelerationSchema = z.strictObject({
  provider: z
    .enum(ACCELERATION_PROVIDERS)
    .prefault('dpaa')
    .describe(
      `Hardware behind ${modesForPeople(passesBuffersDown)}: dpaa, frame queues and buffer pools, or sriov, a queue pair. Default dpaa.`,
    ),
  depletionEntry: integerOr('auto', 0, 32_767)
    .prefault('auto')
    .describe('Buffers left at which depletion begins. Default auto: an eighth of the virtqueue.'),
  depletionExit: integerOr('auto', 1, 32_768)
    .prefault('auto')
    .describe('Buffers at which depletion ends. Default auto: a quarter of the virtqueue.'),
});

export const featuresSchema = z
  .array(z.enum(VNIC_FEATURES))
  .prefault([...DEFAULT_FEATURES])
  .describe(
    'Features offered besides VIRTIO_F_VERSION_1: event-idx (VIRTIO_F_EVENT_IDX, bit 29), indirect-desc ' +
      '(VIRTIO_F_INDIRECT_DESC, 28), ring-packed (VIRTIO_F_RING_PACKED, 34; VIRTIO 2.8), mrg-rxbuf ' +
      `(VIRTIO_NET_F_MRG_RXBUF, 15: a frame in several receive buffers; ${modesForPeople(({ mergesBuffers }) => mergesBuffers)}). ` +
      `Default ${DEFAULT_FEATURES.join(', ')}.`,
  );
