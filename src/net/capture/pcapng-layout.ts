// Block types, options and field offsets of pcapng (draft-ietf-opsawg-pcapng). Offsets count from the block's first
// byte:
//
//   0           4               8                                     length - 4
//   | type      | total length  | body, padded to 32 bits, options    | total length again |

export const PCAPNG_SECTION_HEADER = 0x0a0d0d0a;
export const PCAPNG_INTERFACE_DESCRIPTION = 1;
export const PCAPNG_OBSOLETE_PACKET = 2;
export const PCAPNG_SIMPLE_PACKET = 3;
export const PCAPNG_INTERFACE_STATISTICS = 5;
export const PCAPNG_ENHANCED_PACKET = 6;

export const PCAPNG_BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const PCAPNG_VERSION_MAJOR = 1;

export const PCAPNG_BODY_BYTE = 8;
/** Type and both lengths: the smallest block. */
export const PCAPNG_BLOCK_MIN_BYTES = 12;

/** Start of options in a section header, after magic, version and section length. */
export const PCAPNG_SHB_OPTIONS_BYTE = 24;
/** Start of options in an interface description, after link type, reserved, snap length. */
export const PCAPNG_IDB_OPTIONS_BYTE = 16;
/** Start of frame data in an enhanced packet, after interface, time high, time low, captured and original length. */
export const PCAPNG_EPB_DATA_BYTE = 28;
/** Start of frame data in a simple packet, after the original length. */
export const PCAPNG_SPB_DATA_BYTE = 12;
/** Start of options in interface statistics, after interface, time high, time low. */
export const PCAPNG_ISB_OPTIONS_BYTE = 20;

export const PCAPNG_OPT_END = 0;
export const PCAPNG_OPT_COMMENT = 1;
export const PCAPNG_SHB_USER_APPLICATION = 4;
export const PCAPNG_IF_NAME = 2;
export const PCAPNG_IF_DESCRIPTION = 3;
export const PCAPNG_IF_TSRESOL = 9;
export const PCAPNG_IF_FCSLEN = 13;
export const PCAPNG_IF_TSOFFSET = 14;
export const PCAPNG_EPB_FLAGS = 2;
export const PCAPNG_ISB_IFRECV = 4;
export const PCAPNG_ISB_IFDROP = 5;

/**
 * Rounds up to whole 32-bit words: blocks, frame data and option values are padded to them. Lengths come from files and
 * may be anything up to 2^32, hence no bit operations.
 */
export function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
