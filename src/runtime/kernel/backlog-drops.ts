/**
 * Which of the frames that veth devices dropped met a full backlog. A veth counts every frame that its peer did not
 * take as one dropped in transmission (veth_xmit, drivers/net/veth.c): that the backlog was full only the CPU's own
 * account tells (enqueue_to_backlog, net/core/dev.c), which is of all devices and namespaces of the machine.
 */
import { parseSoftnet } from './proc-net.ts';

interface DeviceDrops {
  readonly dropped: number;
  readonly backlog: number;
}

export class BacklogDrops {
  private readonly cores: ReadonlySet<number>;
  private readonly devices = new Map<string, DeviceDrops>();
  private counted: number;
  /** Frames of the CPUs' account that no device's drops have been laid to yet. */
  private unlaid = 0;

  /** @param softnet /proc/net/softnet_stat as it is at the beginning. */
  constructor(cores: Iterable<number>, softnet: string) {
    this.cores = new Set(cores);
    this.counted = this.total(softnet);
  }

  /**
   * Lays what devices have dropped since the last look to the backlog, as far as the CPUs' account goes. Both only
   * grow, and the CPU counts before the device does: so no frame that met a full backlog is ever laid to the device.
   * @param softnet /proc/net/softnet_stat, read after the counts of the devices.
   * @param dropped frames that each device has dropped in transmission since the beginning.
   */
  refresh(softnet: string, dropped: ReadonlyMap<string, number>): void {
    const counted = this.total(softnet);
    this.unlaid += counted - this.counted;
    this.counted = counted;
    for (const [device, now] of dropped) {
      const known = this.devices.get(device) ?? { dropped: 0, backlog: 0 };
      const laid = Math.min(this.unlaid, now - known.dropped);
      this.unlaid -= laid;
      this.devices.set(device, { dropped: now, backlog: known.backlog + laid });
    }
  }

  /** Of what a device has dropped, what met a full backlog. */
  of(device: string): number {
    return this.devices.get(device)?.backlog ?? 0;
  }

  private total(softnet: string): number {
    return parseSoftnet(softnet).reduce((sum, { cpu, dropped }) => (this.cores.has(cpu) ? sum + dropped : sum), 0);
  }
}
