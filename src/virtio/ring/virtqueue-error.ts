/**
 * What a device-side virtqueue answers instead of a chain's head or handle (which are zero or more). Anything below
 * VQ_EMPTY is the guest's fault, breaks that one virtqueue for good, and touches nothing else.
 */
export const VQ_EMPTY = -1;
export const VQ_ERR_AVAIL_IDX_JUMP = -2;
export const VQ_ERR_HEAD_RANGE = -3;
export const VQ_ERR_NEXT_RANGE = -4;
export const VQ_ERR_CHAIN_LOOP = -5;
export const VQ_ERR_ADDRESS_HIGH = -6;
export const VQ_ERR_ADDRESS_RANGE = -7;
export const VQ_ERR_ZERO_LENGTH = -8;
export const VQ_ERR_READABLE_AFTER_WRITABLE = -9;
export const VQ_ERR_DIRECTION = -10;
export const VQ_ERR_INDIRECT_NOT_NEGOTIATED = -11;
export const VQ_ERR_INDIRECT_WITH_NEXT = -12;
export const VQ_ERR_INDIRECT_NESTED = -13;
export const VQ_ERR_INDIRECT_LENGTH = -14;
export const VQ_ERR_CHAIN_TORN = -15;
export const VQ_ERR_AVAIL_OVERRUN = -16;

interface VirtqueueErrorInfo {
  readonly name: string;
  /** What the number kept beside the code means. */
  readonly detail: string;
  readonly text: string;
}

const ERRORS: Readonly<Record<number, VirtqueueErrorInfo>> = {
  [VQ_ERR_AVAIL_IDX_JUMP]: {
    name: 'availIdxJump',
    detail: 'avail.idx',
    text: 'the available index moved further than the queue is long (VIRTIO 2.7.13.3)',
  },
  [VQ_ERR_HEAD_RANGE]: { name: 'headRange', detail: 'head', text: 'the available ring names no descriptor' },
  [VQ_ERR_NEXT_RANGE]: { name: 'nextRange', detail: 'next', text: 'a next field names no descriptor' },
  [VQ_ERR_CHAIN_LOOP]: {
    name: 'chainLoop',
    detail: 'head',
    text: 'the chain loops, or is longer than the queue (VIRTIO 2.7.5.1, 2.8.17)',
  },
  [VQ_ERR_ADDRESS_HIGH]: { name: 'addressHigh', detail: 'head', text: 'a buffer address uses more than 32 bits' },
  [VQ_ERR_ADDRESS_RANGE]: { name: 'addressRange', detail: 'head', text: 'a buffer lies outside guest memory' },
  [VQ_ERR_ZERO_LENGTH]: { name: 'zeroLength', detail: 'head', text: 'a buffer is empty' },
  [VQ_ERR_READABLE_AFTER_WRITABLE]: {
    name: 'readableAfterWritable',
    detail: 'head',
    text: 'a device-readable buffer follows a device-writable one (VIRTIO 2.7.4.2)',
  },
  [VQ_ERR_DIRECTION]: {
    name: 'direction',
    detail: 'head',
    text: 'a buffer faces the wrong way: receive buffers are device-writable, transmit buffers are not',
  },
  [VQ_ERR_INDIRECT_NOT_NEGOTIATED]: {
    name: 'indirectNotNegotiated',
    detail: 'head',
    text: 'an indirect table without VIRTIO_F_INDIRECT_DESC (VIRTIO 2.7.5.3.1, 2.8.19)',
  },
  [VQ_ERR_INDIRECT_WITH_NEXT]: {
    name: 'indirectWithNext',
    detail: 'head',
    text: 'an indirect table is followed by more of the chain, or in a packed ring preceded (VIRTIO 2.7.5.3.1, 2.8.19)',
  },
  [VQ_ERR_INDIRECT_NESTED]: {
    name: 'indirectNested',
    detail: 'head',
    text: 'an indirect table refers to another one (VIRTIO 2.7.5.3.1)',
  },
  [VQ_ERR_INDIRECT_LENGTH]: {
    name: 'indirectLength',
    detail: 'table bytes',
    text: 'an indirect table is empty or no multiple of 16 bytes',
  },
  [VQ_ERR_CHAIN_TORN]: {
    name: 'chainTorn',
    detail: 'slot',
    text: 'the first descriptor of a list is available before the rest (VIRTIO 2.8.17)',
  },
  [VQ_ERR_AVAIL_OVERRUN]: {
    name: 'availOverrun',
    detail: 'slot',
    text: 'a descriptor was made available before the device had used the one in its place (VIRTIO 2.8.16)',
  },
};

/** The codes that break a virtqueue, for counters by reason. */
export const VIRTQUEUE_ERROR_CODES: readonly number[] = Object.keys(ERRORS).map(Number);

/** What every such sentence has in it. */
export const VIRTQUEUE_BROKEN = 'virtqueue broken, ';

/** A sentence for people; `detail` is the queue's `brokenDetail`. */
export function virtqueueErrorText(code: number, detail: number): string {
  const info = ERRORS[code];
  return info === undefined
    ? `virtqueue code ${code}`
    : `${VIRTQUEUE_BROKEN}${info.name}: ${info.text}; ${info.detail} ${detail}`;
}
