import { HANDOVER_FRAMES } from './handover.ts';
import type { PortSpec, VmSpec } from './scenario.ts';

/**
 * Frame slots that the receive rings, tap queues and transmit rings of a host hold when all are full, and what is
 * between them.
 */
export function framesHeldAtOnce(host: string, ports: readonly PortSpec[], vms: readonly VmSpec[]): number {
  const here = (each: PortSpec | VmSpec): boolean => each.host === host;
  const queues = vms.filter(here).flatMap(({ nics }) => nics.map(({ tap, queues }) => queues * tap.queueFrames));
  const rings = ports
    .filter(here)
    .map(({ rxRing, txRing, rxQueues }) => rxQueues * (rxRing + HANDOVER_FRAMES) + 2 * txRing);
  return [...queues, ...rings].reduce((sum, frames) => sum + frames, 0);
}
