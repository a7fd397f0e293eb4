/** A VM that came or went, in words. */
import type { ProvisioningEvent } from '../derive/live-run.ts';
import { formatAmount, formatTime } from '../../text/number-format.ts';
import { vnicLines } from './vnic-text.ts';

/** What its time was taken until. */
export function timedUntil(order: ProvisioningEvent['order']): string {
  return order === 'add' ? 'to its first frame' : 'to its end';
}

/** What the order was given for, what an added VM's vNICs settled on, how a removed one was drained. */
export function provisioningStory({ cause, vnics, drain }: ProvisioningEvent): string {
  if (drain === null) return [cause, ...vnicLines(vnics)].join('; ');
  return `${cause}; drained in ${formatTime(drain.tookNs)}, ${formatAmount(drain.connectionsLeft)} connections left`;
}
