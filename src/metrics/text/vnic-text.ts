import type { VnicFeatures } from '../derive/live-run.ts';

/** A line for the vNICs that came to the same: their MTU, and the features that driver and device settled on. */
export function vnicLines(vnics: readonly VnicFeatures[]): string[] {
  const names = new Map<string, string[]>();
  for (const { vnic, mtuBytes, isPresent, negotiated } of vnics) {
    const settled = negotiated?.join('|') ?? (isPresent ? 'not up' : 'not there yet');
    const text = `MTU ${mtuBytes}, ${settled}`;
    names.set(text, [...(names.get(text) ?? []), vnic]);
  }
  return [...names].map(([text, of]) => `virtio-net ${of.join(', ')}: ${text}`);
}
