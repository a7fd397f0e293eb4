/**
 * The vhost ioctls (include/uapi/linux/vhost.h, type 0xAF) as typed commands, with their answers as text for people.
 * Addresses that vhost calls user addresses are guest-physical here: the VMM maps a VM's memory at its offset zero.
 */
import { featureNames } from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import type { MemoryRegion } from '../guest/guest-memory.ts';

// Encoded as _IO, _IOR, _IOW and _IOWR do on x86: direction << 30 | argument bytes << 16 | 0xAF << 8 | number.
export const VHOST_GET_FEATURES = 0x8008af00;
export const VHOST_SET_FEATURES = 0x4008af00;
export const VHOST_SET_OWNER = 0x0000af01;
export const VHOST_RESET_OWNER = 0x0000af02;
export const VHOST_SET_MEM_TABLE = 0x4008af03;
export const VHOST_SET_VRING_NUM = 0x4008af10;
export const VHOST_SET_VRING_ADDR = 0x4028af11;
export const VHOST_SET_VRING_BASE = 0x4008af12;
export const VHOST_GET_VRING_BASE = 0xc008af12;
export const VHOST_SET_VRING_KICK = 0x4008af20;
export const VHOST_SET_VRING_CALL = 0x4008af21;
export const VHOST_NET_SET_BACKEND = 0x4008af30;

/** Where a vring lies: struct vhost_vring_addr without the dirty log, which this vhost does not offer. */
export interface VringAddr {
  readonly descAddr: number;
  readonly availAddr: number;
  readonly usedAddr: number;
}

/** One ioctl with its argument. `fd` is a doorbell word for KICK and CALL, a tap for the backend; -1 takes it away. */
export type VhostCommand =
  | { readonly ioctl: typeof VHOST_SET_OWNER | typeof VHOST_RESET_OWNER | typeof VHOST_GET_FEATURES }
  | { readonly ioctl: typeof VHOST_SET_FEATURES; readonly features: FeatureSet }
  | { readonly ioctl: typeof VHOST_SET_MEM_TABLE; readonly regions: readonly MemoryRegion[] }
  | { readonly ioctl: typeof VHOST_SET_VRING_NUM; readonly index: number; readonly num: number }
  | { readonly ioctl: typeof VHOST_SET_VRING_BASE; readonly index: number; readonly num: number }
  | { readonly ioctl: typeof VHOST_GET_VRING_BASE; readonly index: number }
  | ({ readonly ioctl: typeof VHOST_SET_VRING_ADDR; readonly index: number } & VringAddr)
  | {
      readonly ioctl: typeof VHOST_SET_VRING_KICK | typeof VHOST_SET_VRING_CALL | typeof VHOST_NET_SET_BACKEND;
      readonly index: number;
      readonly fd: number;
    };

const IOCTL_NAMES: ReadonlyMap<number, string> = new Map([
  [VHOST_GET_FEATURES, 'VHOST_GET_FEATURES'],
  [VHOST_SET_FEATURES, 'VHOST_SET_FEATURES'],
  [VHOST_SET_OWNER, 'VHOST_SET_OWNER'],
  [VHOST_RESET_OWNER, 'VHOST_RESET_OWNER'],
  [VHOST_SET_MEM_TABLE, 'VHOST_SET_MEM_TABLE'],
  [VHOST_SET_VRING_NUM, 'VHOST_SET_VRING_NUM'],
  [VHOST_SET_VRING_ADDR, 'VHOST_SET_VRING_ADDR'],
  [VHOST_SET_VRING_BASE, 'VHOST_SET_VRING_BASE'],
  [VHOST_GET_VRING_BASE, 'VHOST_GET_VRING_BASE'],
  [VHOST_SET_VRING_KICK, 'VHOST_SET_VRING_KICK'],
  [VHOST_SET_VRING_CALL, 'VHOST_SET_VRING_CALL'],
  [VHOST_NET_SET_BACKEND, 'VHOST_NET_SET_BACKEND'],
]);

export const EPERM = 1;
export const E2BIG = 7;
export const EFAULT = 14;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENOTTY = 25;
export const EOPNOTSUPP = 95;
export const ENOBUFS = 105;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  [EPERM, 'EPERM'],
  [E2BIG, 'E2BIG'],
  [EFAULT, 'EFAULT'],
  [EBUSY, 'EBUSY'],
  [EINVAL, 'EINVAL'],
  [ENOTTY, 'ENOTTY'],
  [EOPNOTSUPP, 'EOPNOTSUPP'],
  [ENOBUFS, 'ENOBUFS'],
]);

/** Why an ioctl was refused: an index into the table of texts, so that it crosses a mailbox as one word. */
export const REASON_NONE = 0;
export const REASON_NOT_OWNER = 1;
export const REASON_OWNED = 2;
export const REASON_UNKNOWN_IOCTL = 3;
export const REASON_VRING_INDEX = 4;
export const REASON_FEATURES_UNKNOWN = 5;
export const REASON_BACKEND_SET = 6;
export const REASON_TOO_MANY_REGIONS = 7;
export const REASON_BAD_REGION = 8;
export const REASON_NUM = 9;
export const REASON_BASE = 10;
export const REASON_ADDR_WITHOUT_TABLE = 11;
export const REASON_ADDR_WITHOUT_NUM = 12;
export const REASON_ADDR_ALIGNMENT = 13;
export const REASON_ADDR_OUTSIDE = 14;
export const REASON_INCOMPLETE = 15;
export const REASON_FD = 16;

const REASON_TEXTS: readonly string[] = [
  '',
  'before VHOST_SET_OWNER: the caller must own the device first',
  'the device has an owner already',
  'this vhost has no such ioctl',
  'there is no such vring',
  'a feature is not among those of VHOST_GET_FEATURES',
  'a backend is set: take it away with VHOST_NET_SET_BACKEND fd -1 first',
  'more than 64 memory regions',
  'a memory region is empty, overlaps another or lies outside guest memory',
  'the size must be a power of two up to 32768',
  'the base must be an index of 16 bits, in a packed ring two with their wrap counters',
  'before VHOST_SET_MEM_TABLE: the addresses cannot be checked without a memory table',
  'before VHOST_SET_VRING_NUM: the size of the rings is not known',
  'the parts of a ring must be aligned to 16, 2 and 4 bytes, those of a packed ring to 16, 4 and 4',
  'a part of the vring lies outside the memory table',
  'the device is not set up',
  'a file descriptor is -1 or a number of zero or more',
];

/** What a device needs before it takes a backend, as bits of the detail that goes with REASON_INCOMPLETE. */
export const MISSING_CALLS: readonly string[] = [
  'VHOST_SET_FEATURES',
  'VHOST_SET_MEM_TABLE',
  'VHOST_SET_VRING_NUM',
  'VHOST_SET_VRING_BASE',
  'VHOST_SET_VRING_ADDR',
  'VHOST_SET_VRING_KICK',
  'VHOST_SET_VRING_CALL',
];

/** The commands that concern one vring. */
export type VringCommand = Extract<VhostCommand, { readonly index: number }>;

/** What an ioctl returns: zero or -errno, why, and the words it hands back. */
export interface VhostAnswer {
  readonly result: number;
  readonly reason: number;
  /** Goes with the reason: MISSING_CALLS bits. */
  readonly detail: number;
  /** VHOST_GET_FEATURES: feature words. VHOST_GET_VRING_BASE: the base in `lo`. Unsigned. */
  readonly lo: number;
  readonly hi: number;
}

export function ioctlName(ioctl: number): string {
  return IOCTL_NAMES.get(ioctl) ?? `ioctl 0x${(ioctl >>> 0).toString(16)}`;
}

/** Why a command was refused, in one sentence; the empty string when it was not. */
export function vhostErrorText(command: VhostCommand, answer: VhostAnswer): string {
  if (answer.result === 0) return '';
  const where = 'index' in command ? ` on vring ${command.index}` : '';
  const missing = MISSING_CALLS.filter((_, bit) => ((answer.detail >> bit) & 1) === 1);
  const lacking = missing.length === 0 ? '' : `: ${missing.join(', ')} missing`;
  const text = REASON_TEXTS[answer.reason] ?? `reason ${answer.reason}`;
  const joint = text.startsWith('before ') ? ' ' : ': ';
  return `${ioctlName(command.ioctl)}${where}${joint}${text}${lacking}`;
}

/** A line in the manner of strace: `ioctl(vhost0, VHOST_SET_VRING_NUM {index 0, num 256}) = 0`. */
export function vhostCallText(device: string, command: VhostCommand, answer: VhostAnswer): string {
  const call = `ioctl(${device}, ${ioctlName(command.ioctl)}${argumentText(command, answer)})`;
  if (answer.result === 0) return `${call} = 0`;
  const errno = ERRNO_NAMES.get(-answer.result) ?? String(-answer.result);
  return `${call} = -${errno} (${vhostErrorText(command, answer)})`;
}

function argumentText(command: VhostCommand, answer: VhostAnswer): string {
  switch (command.ioctl) {
    case VHOST_SET_OWNER:
    case VHOST_RESET_OWNER:
      return '';
    case VHOST_GET_FEATURES:
      return answer.result === 0 ? ` [${featureNames(answer)}]` : '';
    case VHOST_SET_FEATURES:
      return ` ${featureNames(command.features)}`;
    case VHOST_SET_MEM_TABLE:
      return ` {${command.regions.map(({ addr, sizeBytes }) => `${hex(addr)}+${hex(sizeBytes)}`).join(', ')}}`;
    case VHOST_SET_VRING_NUM:
    case VHOST_SET_VRING_BASE:
      return ` {index ${command.index}, num ${command.num}}`;
    case VHOST_GET_VRING_BASE:
      return ` {index ${command.index}${answer.result === 0 ? `, num [${answer.lo}]` : ''}}`;
    case VHOST_SET_VRING_ADDR:
      return (
        ` {index ${command.index}, desc ${hex(command.descAddr)},` +
        ` avail ${hex(command.availAddr)}, used ${hex(command.usedAddr)}}`
      );
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_NET_SET_BACKEND:
      return ` {index ${command.index}, fd ${command.fd}}`;
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
