// The "simple IMIX" frame mix: 7 : 4 : 1 frames of 64, 594 and 1518 bytes including the FCS, as in NFVbench
// (IMIX_L2_SIZES and IMIX_RATIOS, nfvbench/traffic_gen/traffic_utils.py). They are IP packets of 40 (padded), 576 and
// 1500 bytes. RFC 6985 asks for a stated repeating order, since the order matters to a device as well as the ratio.

export const IMIX_SIMPLE_SIZES_BYTES: readonly number[] = [64, 594, 1518];
export const IMIX_SIMPLE_WEIGHTS: readonly number[] = [7, 4, 1];

/** The order in which the twelve frames are sent, over and over: sizes spread evenly, in bytes including the FCS. */
export const IMIX_SIMPLE_SEQUENCE_BYTES: readonly number[] = [64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64];
