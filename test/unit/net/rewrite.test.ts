import { describe, expect, it } from 'vitest';
import { ipv4ChecksumOk, internetChecksum } from '../../../src/net/wire/checksum.ts';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import { buildFrame } from '../../../src/net/traffic/frame-template.ts';
import { ipv4Dst, setIpv4Checksum } from '../../../src/net/wire/ipv4.ts';
import { rewriteIpv4Dst } from '../../../src/net/wire/rewrite.ts';
import { tcpChecksumOk, writeTcpChecksum } from '../../../src/net/tcp/tcp.ts';
import { udpChecksumField, udpChecksumOk } from '../../../src/net/wire/udp.ts';

const mac = parseMac('02:00:00:00:00:01');
const udpFrame = (): Uint8Array =>
  buildFrame(
    {
      dstMac: mac,
      srcMac: mac,
      srcAddress: 0x0a000001,
      dstAddress: 0x0a000002,
      srcPort: 7,
      dstPort: 9,
      ttl: 3,
      stream: 0,
    },
    70,
    1,
    2,
  );

describe('destination rewrite', () => {
  it('keeps IPv4 and UDP checksums right', () => {
    const frame = udpFrame();
    rewriteIpv4Dst(frame, 14, frame.length, 0xc6336407);
    expect(ipv4Dst(frame, 14)).toBe(0xc6336407);
    expect(ipv4ChecksumOk(frame, 14, 20)).toBe(true);
    expect(udpChecksumOk(frame, 14)).toBe(true);
  });

  it('leaves a UDP checksum of none as none, and never makes one', () => {
    const frame = udpFrame();
    frame.set([0, 0], 40);
    rewriteIpv4Dst(frame, 14, frame.length, 0xc6336407);
    expect(udpChecksumField(frame, 34)).toBe(0);
    const withSum = udpFrame();
    for (let address = 0; address < 0x2_0000; address += 1) {
      rewriteIpv4Dst(withSum, 14, withSum.length, address);
      if (udpChecksumField(withSum, 34) === 0) expect.unreachable(`checksum zero at ${address}`);
    }
    expect(udpChecksumOk(withSum, 14)).toBe(true);
  });

  it('keeps a TCP checksum right', () => {
    const frame = udpFrame();
    frame[23] = 6;
    setIpv4Checksum(frame, 14, 0);
    setIpv4Checksum(frame, 14, internetChecksum(frame, 14, 20));
    writeTcpChecksum(frame, 14);
    rewriteIpv4Dst(frame, 14, frame.length, 0xffffffff);
    expect(tcpChecksumOk(frame, 14)).toBe(true);
    expect(ipv4ChecksumOk(frame, 14, 20)).toBe(true);
  });

  it('touches no payload of later fragments, and nothing beyond the frame', () => {
    const later = udpFrame();
    later[21] = 1;
    const before = later.slice();
    rewriteIpv4Dst(later, 14, later.length, 5);
    expect(later.subarray(34)).toEqual(before.subarray(34));
    const cut = udpFrame();
    rewriteIpv4Dst(cut, 14, 41, 5);
    expect(cut.subarray(34)).toEqual(before.subarray(34));
    expect(ipv4Dst(cut, 14)).toBe(5);
  });

  it('changes nothing when the address is the same', () => {
    const frame = udpFrame();
    rewriteIpv4Dst(frame, 14, frame.length, 0x0a000002);
    expect(frame).toEqual(udpFrame());
  });
});
