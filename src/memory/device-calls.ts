/**
 * System calls that an actor makes on descriptors which the host opened for it: what lies between shared memory and a
 * device of this machine's own kernel. Every call is given addresses, so that none makes an object. A negative result
 * is a negative errno.
 */
export interface DeviceCalls {
  /** The descriptor that was opened under this name. @throws when there is none. */
  descriptor(name: string): number;
  /** Where `bytes` begin in this process. Shared memory never moves, so the address holds as long as the buffer is held. */
  addressOf(bytes: Uint8Array): number;
  /** read(2). @returns bytes read. */
  read(descriptor: number, address: number, bytes: number): number;
  /** write(2). @returns bytes written. */
  write(descriptor: number, address: number, bytes: number): number;
  /** sendmmsg(2) with MSG_DONTWAIT, of `count` struct mmsghdr at `headers`. @returns how many went. */
  send(descriptor: number, headers: number, count: number): number;
  /** recvmmsg(2) with MSG_DONTWAIT, into `count` struct mmsghdr at `headers`. @returns how many came. */
  receive(descriptor: number, headers: number, count: number): number;
  /** Whether the thread's sleep is to end when the descriptor can be read from. */
  watch(descriptor: number, readable: boolean): void;
}

/** include/uapi/asm-generic/errno-base.h, errno.h. */
export const EAGAIN = 11;
export const ENOBUFS = 105;
