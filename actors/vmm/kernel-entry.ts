/**
 * In QEMU: the system call that each read, writev or ioctl is.
 * In and out: no frames; tap-file.ts and the devices say when they enter the kernel.
 * Thread: the VMM's main loop.
 */
import type { Memory } from '../../src/memory/arena.ts';

/**
 * System calls of a user-space device. The host of the thread may give a real one, which enters the kernel and comes
 * back; where it does not, the cost that the scenario declares stands for it. Never both.
 */
export class KernelEntry {
  /** Declared cost of the calls that were not real, ns; whoever owns this moves it to its debt. */
  debtNs = 0;
  /** Calls made, real or declared. */
  calls = 0;
  private readonly enterKernel: (() => void) | null;
  private readonly syscallNs: number;

  constructor(memory: Memory, syscallNs: number) {
    this.enterKernel = memory.enterKernel;
    this.syscallNs = syscallNs;
  }

  /** One system call. What it does there (a tap's skb work, say) is not part of it. */
  call(): void {
    this.calls++;
    if (this.enterKernel !== null) this.enterKernel();
    else this.debtNs += this.syscallNs;
  }
}
