/**
 * Registers of a virtio-pci network device (VIRTIO 1.x section 4.1.4.3, struct virtio_pci_common_cfg, and section
 * 5.1.4, struct virtio_net_config). Both structures lie in one memory BAR, where QEMU puts them
 * (hw/virtio/virtio-pci.c): common configuration at 0x0000, device configuration at 0x2000. Offsets are from the start
 * of the BAR.
 */

export const PCI_DEVICE_CONFIG_BYTE = 0x2000;

export const DEVICE_FEATURE_SELECT_BYTE = 0;
export const DEVICE_FEATURE_BYTE = 4;
export const DRIVER_FEATURE_SELECT_BYTE = 8;
export const DRIVER_FEATURE_BYTE = 12;
export const NUM_QUEUES_BYTE = 18;
export const DEVICE_STATUS_BYTE = 20;
export const CONFIG_GENERATION_BYTE = 21;
export const QUEUE_SELECT_BYTE = 22;
export const QUEUE_SIZE_BYTE = 24;
export const QUEUE_ENABLE_BYTE = 28;
export const QUEUE_NOTIFY_OFF_BYTE = 30;
export const QUEUE_DESC_BYTE = 32;
export const QUEUE_DRIVER_BYTE = 40;
export const QUEUE_DEVICE_BYTE = 48;

export const NET_MAC_BYTE = PCI_DEVICE_CONFIG_BYTE + 0;
export const NET_STATUS_BYTE = PCI_DEVICE_CONFIG_BYTE + 6;
export const NET_MAX_VIRTQUEUE_PAIRS_BYTE = PCI_DEVICE_CONFIG_BYTE + 8;
export const NET_MTU_BYTE = PCI_DEVICE_CONFIG_BYTE + 10;

/** virtio_net_config.status, meaningful with VIRTIO_NET_F_STATUS. */
export const NET_S_LINK_UP = 1;

/** One register: its name in the specification and its width in bytes; drivers access it whole (section 4.1.3.1). */
export interface PciRegister {
  readonly name: string;
  readonly width: number;
}

/**
 * Registers by offset. A 64-bit field is two registers, since a driver writes it as two 32-bit halves (section
 * 4.1.3.1). The MSI-X vectors are absent: a call goes to the guest by doorbell.
 */
export const PCI_REGISTERS: ReadonlyMap<number, PciRegister> = new Map([
  [DEVICE_FEATURE_SELECT_BYTE, { name: 'device_feature_select', width: 4 }],
  [DEVICE_FEATURE_BYTE, { name: 'device_feature', width: 4 }],
  [DRIVER_FEATURE_SELECT_BYTE, { name: 'driver_feature_select', width: 4 }],
  [DRIVER_FEATURE_BYTE, { name: 'driver_feature', width: 4 }],
  [NUM_QUEUES_BYTE, { name: 'num_queues', width: 2 }],
  [DEVICE_STATUS_BYTE, { name: 'device_status', width: 1 }],
  [CONFIG_GENERATION_BYTE, { name: 'config_generation', width: 1 }],
  [QUEUE_SELECT_BYTE, { name: 'queue_select', width: 2 }],
  [QUEUE_SIZE_BYTE, { name: 'queue_size', width: 2 }],
  [QUEUE_ENABLE_BYTE, { name: 'queue_enable', width: 2 }],
  [QUEUE_NOTIFY_OFF_BYTE, { name: 'queue_notify_off', width: 2 }],
  [QUEUE_DESC_BYTE, { name: 'queue_desc.lo', width: 4 }],
  [QUEUE_DESC_BYTE + 4, { name: 'queue_desc.hi', width: 4 }],
  [QUEUE_DRIVER_BYTE, { name: 'queue_driver.lo', width: 4 }],
  [QUEUE_DRIVER_BYTE + 4, { name: 'queue_driver.hi', width: 4 }],
  [QUEUE_DEVICE_BYTE, { name: 'queue_device.lo', width: 4 }],
  [QUEUE_DEVICE_BYTE + 4, { name: 'queue_device.hi', width: 4 }],
  [NET_MAC_BYTE, { name: 'mac[0]', width: 1 }],
  [NET_MAC_BYTE + 1, { name: 'mac[1]', width: 1 }],
  [NET_MAC_BYTE + 2, { name: 'mac[2]', width: 1 }],
  [NET_MAC_BYTE + 3, { name: 'mac[3]', width: 1 }],
  [NET_MAC_BYTE + 4, { name: 'mac[4]', width: 1 }],
  [NET_MAC_BYTE + 5, { name: 'mac[5]', width: 1 }],
  [NET_STATUS_BYTE, { name: 'net_status', width: 2 }],
  [NET_MAX_VIRTQUEUE_PAIRS_BYTE, { name: 'max_virtqueue_pairs', width: 2 }],
  [NET_MTU_BYTE, { name: 'mtu', width: 2 }],
]);

/** Device status bits (section 2.1). */
export const STATUS_ACKNOWLEDGE = 1;
export const STATUS_DRIVER = 2;
export const STATUS_DRIVER_OK = 4;
export const STATUS_FEATURES_OK = 8;
export const STATUS_NEEDS_RESET = 64;
export const STATUS_FAILED = 128;

const STATUS_NAMES: readonly (readonly [number, string])[] = [
  [STATUS_ACKNOWLEDGE, 'ACKNOWLEDGE'],
  [STATUS_DRIVER, 'DRIVER'],
  [STATUS_FEATURES_OK, 'FEATURES_OK'],
  [STATUS_DRIVER_OK, 'DRIVER_OK'],
  [STATUS_NEEDS_RESET, 'NEEDS_RESET'],
  [STATUS_FAILED, 'FAILED'],
];

/** Names of the set bits in the order a driver sets them; `0 (reset)` for none. */
export function statusNames(status: number): string {
  const names = STATUS_NAMES.filter(([bit]) => (status & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? '0 (reset)' : names.join('|');
}
