/**
 * Legacy descriptors, 16 bytes each, little-endian (8254x manual, sections 3.2.3 and 3.3.3; struct e1000_rx_desc and
 * e1000_tx_desc of e1000_hw.h):
 *
 *   receive   +0 buffer address, 64 bits | +8 length 16, checksum 16 | +12 status 8, errors 8, special 16
 *   transmit  +0 buffer address, 64 bits | +8 length 16, CSO 8, command 8 | +12 status 8, CSS 8, special 16
 *
 * So both are four words: address low, address high, a word with the length in its low half, and one with the status in
 * its low byte, which the device writes last and the driver reads first, each atomically.
 */

export const DESCRIPTOR_BYTES = 16;
export const DESCRIPTOR_WORDS = 4;

export const ADDRESS_LOW_WORD = 0;
export const ADDRESS_HIGH_WORD = 1;
export const LENGTH_WORD = 2;
export const STATUS_WORD = 3;

export const LENGTH_MASK = 0xffff;
/** Descriptor done, in the status of either kind. */
export const STATUS_DD = 1;
/** The frame ends in this receive descriptor. */
export const STATUS_EOP = 2;

/** Commands of a transmit descriptor, where they stand in LENGTH_WORD. */
export const COMMAND_EOP = 1 << 24;
/** Insert the FCS. */
export const COMMAND_IFCS = 1 << 25;
/** Report status: write DD back. */
export const COMMAND_RS = 1 << 27;
/** Its interrupt may be delayed by TIDV and TADV. */
export const COMMAND_IDE = 0x8000_0000 | 0;
/** An extended descriptor, which this device does not know. */
export const COMMAND_DEXT = 1 << 29;

/** The hardware counts descriptors in units of 8 (RDLEN and TDLEN are multiples of 128 bytes), and at most this many. */
export const RING_UNIT = 8;
export const RING_DESCRIPTORS_MAX = 4096;
