import { describe, expect, test } from 'vitest';
import { cpuMask } from '../../../src/runtime/kernel/network.ts';
import { parseDevices, parseSoftnet } from '../../../src/runtime/kernel/proc-net.ts';

const DEVICES = `Inter-|   Receive                      |  Transmit
 face |bytes    packets errs drop fifo frame |bytes    packets errs drop fifo colls
    lo:       0       0 0 0 0 0 0 0        0       0 0 0 0 0 0 0
eth0.w:      54       1 0 2 0 0 0 0       99       3 0 4 0 0 0 0
a:b:c:123456789012 98765432101 0 0 0 0 0 0 1 2 3 4 5 6 7 8
`;

describe('/proc/net/dev', () => {
  test('gives what each device received, sent and dropped', () => {
    const devices = parseDevices(DEVICES);
    expect([...devices.keys()]).toEqual(['lo', 'eth0.w', 'a:b:c']);
    expect(devices.get('eth0.w')).toEqual({
      rxBytes: 54,
      rxPackets: 1,
      rxDropped: 2,
      txBytes: 99,
      txPackets: 3,
      txDropped: 4,
    });
  });

  test('has numbers that touch the colon, and are beyond 32 bits', () => {
    expect(parseDevices(DEVICES).get('a:b:c')).toMatchObject({ rxPackets: 98765432101, txPackets: 2, txDropped: 4 });
  });

  test('refuses a line of another form, and says which', () => {
    expect(() => parseDevices('a\nb\neth0: 1 2 3\n')).toThrow('found "eth0: 1 2 3", allowed: a device and 16 numbers');
    expect(() => parseDevices(`a\nb\neth0: ${'x '.repeat(16)}\n`)).toThrow('/proc/net/dev');
    expect(() => parseDevices(`a\nb\n${'1 '.repeat(16)}\n`)).toThrow('/proc/net/dev');
  });
});

describe('/proc/net/softnet_stat', () => {
  const modern = (processed: string, dropped: string, squeezed: string, cpu: string): string =>
    [processed, dropped, squeezed, ...Array<string>(9).fill('00000000'), cpu, '00000000', '00000000'].join(' ');

  test('is hexadecimal, and says which CPU a line is of', () => {
    const text = `${modern('00000c13', '0000000a', '00000002', '00000003')}\n`;
    expect(parseSoftnet(text)).toEqual([{ cpu: 3, processed: 0xc13, dropped: 10, timeSqueeze: 2 }]);
  });

  test('is one line a CPU in order where the kernel does not say which', () => {
    const old = Array<string>(11).fill('00000001').join(' ');
    expect(parseSoftnet(`${old}\n${old}\n`).map(({ cpu }) => cpu)).toEqual([0, 1]);
  });

  test('refuses what is not of its form', () => {
    expect(() => parseSoftnet('cpu0 1 2 3\n')).toThrow('found "cpu0 1 2 3", allowed: hexadecimal columns');
  });
});

test('a CPU is one bit in groups of 32', () => {
  expect([0, 5, 31, 32, 70].map(cpuMask)).toEqual(['1', '20', '80000000', '1,00000000', '40,00000000,00000000']);
});
