import { HISTOGRAM_BUCKETS, bucketNs } from '../../memory/histogram.ts';

/**
 * A histogram as HdrHistogram V2 (compressed, base64), the form other traffic generators and plotters read; values in
 * ns. Each bucket is entered at its middle, with two significant digits, which is about what the buckets hold.
 * The library is loaded at the first call.
 */
export async function hdrBase64(counts: Float64Array): Promise<string> {
  const hdr = await import('hdr-histogram-js');
  const histogram = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 31,
    numberOfSignificantValueDigits: 2,
    useWebAssembly: false,
  });
  for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    if (counts[bucket] > 0) histogram.recordValueWithCount(Math.round(bucketNs(bucket)), counts[bucket]);
  }
  return hdr.encodeIntoCompressedBase64(histogram);
}
