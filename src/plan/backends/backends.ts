/** How each mode is planned: a row a mode, beside its facts in src/scenario/modes.ts. */
import type { ModeBy } from '../../scenario/modes.ts';
import type { NicBackend, TapBackend } from './backend.ts';
import { CONTROLLED_RINGS, WORKER_QUEUES } from './acceleration.ts';
import { VHOST_WORKERS } from './vhost.ts';
import { E1000_DEVICE, QEMU_DEVICE } from './vmm-device.ts';

export const TAP_BACKENDS: Readonly<Record<ModeBy<'tap'>, TapBackend>> = {
  vhost: VHOST_WORKERS,
  'vhost-feedback': VHOST_WORKERS,
  qemu: QEMU_DEVICE,
  emulated: E1000_DEVICE,
};

export const NIC_BACKENDS: Readonly<Record<ModeBy<'nic'>, NicBackend>> = {
  accelerated: WORKER_QUEUES,
  direct: CONTROLLED_RINGS,
};
