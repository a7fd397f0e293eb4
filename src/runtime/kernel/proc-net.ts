/** What the kernel counts of network devices and of its softirqs, as text files tell it. */

/** One device of /proc/net/dev: frames and bytes it has received and sent, and frames that it dropped each way. */
export interface DeviceCount {
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly rxDropped: number;
  readonly txPackets: number;
  readonly txDropped: number;
}

/** A device before it has done anything. */
export const NO_FRAMES: DeviceCount = {
  rxBytes: 0,
  rxPackets: 0,
  rxDropped: 0,
  txBytes: 0,
  txPackets: 0,
  txDropped: 0,
};

/** Numbers in a line of /proc/net/dev: eight of reception, eight of transmission (dev_seq_printf_stats). */
const DEVICE_NUMBERS = 16;

/** By device. @throws where a line is not of the form that net/core/net-procfs.c writes. */
export function parseDevices(text: string): Map<string, DeviceCount> {
  const devices = new Map<string, DeviceCount>();
  for (const line of text.split('\n').slice(2)) {
    if (line.trim() === '') continue;
    const colon = line.lastIndexOf(':');
    const numbers = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    if (colon < 0 || numbers.length !== DEVICE_NUMBERS || numbers.some((number) => !Number.isFinite(number))) {
      throw new Error(`/proc/net/dev: found "${line.trim()}", allowed: a device and ${DEVICE_NUMBERS} numbers`);
    }
    const [rxBytes, rxPackets, , rxDropped] = numbers;
    const [txBytes, txPackets, , txDropped] = numbers.slice(DEVICE_NUMBERS / 2);
    devices.set(line.slice(0, colon).trim(), { rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped });
  }
  return devices;
}

/** One CPU of /proc/net/softnet_stat, which is of the whole machine and of all network namespaces. */
export interface SoftnetCount {
  readonly cpu: number;
  readonly processed: number;
  /** Frames that met a full backlog. */
  readonly dropped: number;
  /** Passes that ended with work left. */
  readonly timeSqueeze: number;
}

/** Hexadecimal columns; the CPU's number is the 13th since Linux 5.10, and the place of the line before. */
const SOFTNET_COLUMNS_MIN = 10;
const CPU_COLUMN = 12;

/** By CPU. @throws where a line is not of the form that softnet_seq_show (net/core/net-procfs.c) writes. */
export function parseSoftnet(text: string): SoftnetCount[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, place) => {
    const columns = line.trim().split(/\s+/);
    if (columns.length < SOFTNET_COLUMNS_MIN || columns.some((column) => !/^[0-9a-f]{8,}$/.test(column))) {
      throw new Error(`/proc/net/softnet_stat: found "${line.trim()}", allowed: hexadecimal columns`);
    }
    const [processed, dropped, timeSqueeze] = columns.map((column) => parseInt(column, 16));
    const cpu = columns.length > CPU_COLUMN ? parseInt(columns[CPU_COLUMN], 16) : place;
    return { cpu, processed, dropped, timeSqueeze };
  });
}
