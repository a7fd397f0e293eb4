import type { Memory } from '../memory/arena.ts';
import { fillDepot } from '../memory/magazine.ts';
import type { Plan } from './plan.ts';

/**
 * Makes a VM's memory, and its VMM's, as new: nobody holds it any more. A machine that is started in it finds what the
 * first one found, and nothing of its predecessor's.
 */
export function recycleVm({ buffers, guests }: Plan, memory: Memory, vm: string): void {
  for (const { name } of buffers) {
    if (name === `guest:${vm}` || name === `vmm:${vm}`) new Uint8Array(memory.buffer(name)).fill(0);
  }
  const guest = guests.find((each) => each.vm === vm);
  if (guest !== undefined) fillDepot(memory, guest.depot, guest.addresses);
}
