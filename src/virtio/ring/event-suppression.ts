/**
 * Whether moving an index from `oldIdx` to `newIdx` passes `eventIdx`, the entry at which the other side asked to be
 * notified. All three are free-running modulo 2^16 (include/uapi/linux/virtio_ring.h, vring_need_event; VIRTIO 1.x
 * sections 2.7.7 and 2.7.10).
 */
export function needEvent(eventIdx: number, newIdx: number, oldIdx: number): boolean {
  return ((newIdx - eventIdx - 1) & 0xffff) < ((newIdx - oldIdx) & 0xffff);
}
