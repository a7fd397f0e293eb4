/**
 * Registers of an 82540EM (Intel, PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual, chapter
 * 13; Linux drivers/net/ethernet/intel/e1000/e1000_hw.h), as byte offsets into its memory BAR. All are 32 bits wide.
 * Left out is what neither QEMU's device nor Linux's driver needs to move plain frames: PHY, EEPROM, offloads, VLANs.
 */

export const REGISTER_BYTES = 4;

export const CTRL = 0x0000;
export const STATUS = 0x0008;
/** Interrupt cause: reading clears it. */
export const ICR = 0x00c0;
/** Least time between two interrupts, in units of 256 ns (section 13.4.18); zero for none. */
export const ITR = 0x00c4;
/** Sets causes by software. */
export const ICS = 0x00c8;
/** Interrupt mask: writing ones to IMS enables causes, writing ones to IMC disables them. */
export const IMS = 0x00d0;
export const IMC = 0x00d8;
export const RCTL = 0x0100;
export const TCTL = 0x0400;
export const RDBAL = 0x2800;
export const RDBAH = 0x2804;
export const RDLEN = 0x2808;
export const RDH = 0x2810;
export const RDT = 0x2818;
/** Receive delay after the last frame, and the longest, in units of 1,024 ns. */
export const RDTR = 0x2820;
export const RADV = 0x282c;
export const TDBAL = 0x3800;
export const TDBAH = 0x3804;
export const TDLEN = 0x3808;
export const TDH = 0x3810;
export const TDT = 0x3818;
/** Transmit delay after the last descriptor that asked for it (IDE), and the longest, in units of 1,024 ns. */
export const TIDV = 0x3820;
export const TADV = 0x382c;
/** Receive address 0: octets 0 to 3, then octets 4 and 5 with the valid bit. */
export const RAL = 0x5400;
export const RAH = 0x5404;

export const CTRL_SLU = 1 << 6;
export const CTRL_RST = 1 << 26;
export const STATUS_FD = 1;
export const STATUS_LU = 1 << 1;

export const RCTL_EN = 1 << 1;
/** Receive every unicast frame. */
export const RCTL_UPE = 1 << 3;
/** Receive every multicast frame. */
export const RCTL_MPE = 1 << 4;
/** Accept broadcasts. */
export const RCTL_BAM = 1 << 15;
/** Bits 16 and 17 zero: buffers of 2,048 bytes, the only size this device knows. */
export const RCTL_BSIZE_MASK = 3 << 16;
export const RX_BUFFER_BYTES = 2048;

export const TCTL_EN = 1 << 1;
/** Pad short frames. */
export const TCTL_PSP = 1 << 3;

export const RAH_VALID = 0x8000_0000 | 0;

/** Causes of interrupts, as bits of ICR, ICS, IMS and IMC. */
export const CAUSE_TXDW = 1 << 0;
export const CAUSE_TXQE = 1 << 1;
export const CAUSE_LSC = 1 << 2;
export const CAUSE_RXSEQ = 1 << 3;
/** Receive descriptors are running short: half of the ring or less is left. */
export const CAUSE_RXDMT0 = 1 << 4;
/** A frame came and found no descriptor. */
export const CAUSE_RXO = 1 << 6;
export const CAUSE_RXT0 = 1 << 7;
/** IMS_ENABLE_MASK of the Linux driver. */
export const CAUSES_ENABLED: number = CAUSE_RXT0 | CAUSE_TXDW | CAUSE_RXDMT0 | CAUSE_RXSEQ | CAUSE_LSC;

const NAMES: readonly (readonly [number, string])[] = [
  [CTRL, 'CTRL'],
  [STATUS, 'STATUS'],
  [ICR, 'ICR'],
  [ITR, 'ITR'],
  [ICS, 'ICS'],
  [IMS, 'IMS'],
  [IMC, 'IMC'],
  [RCTL, 'RCTL'],
  [TCTL, 'TCTL'],
  [RDBAL, 'RDBAL'],
  [RDBAH, 'RDBAH'],
  [RDLEN, 'RDLEN'],
  [RDH, 'RDH'],
  [RDT, 'RDT'],
  [RDTR, 'RDTR'],
  [RADV, 'RADV'],
  [TDBAL, 'TDBAL'],
  [TDBAH, 'TDBAH'],
  [TDLEN, 'TDLEN'],
  [TDH, 'TDH'],
  [TDT, 'TDT'],
  [TIDV, 'TIDV'],
  [TADV, 'TADV'],
  [RAL, 'RAL0'],
  [RAH, 'RAH0'],
];

/** A register's name in the manual; its offset where there is none. */
export function registerName(offset: number): string {
  return NAMES.find(([at]) => at === offset)?.[1] ?? `0x${(offset >>> 0).toString(16)}`;
}
