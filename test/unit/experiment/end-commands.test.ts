import { describe, expect, test } from 'vitest';
import { endCommands } from '../../../src/experiment/tell/end-commands.ts';

const end = (port: string, address: string, target: { address: string; port: string | null } | null) => {
  return { port, namespace: `vhostlab-1-${port}`, address, target };
};

describe('what to type where real programs are', () => {
  test('a server at the far end and clients at the near one', () => {
    const ends = [
      end('eth0', '198.18.0.10/24', { address: '198.18.1.10', port: 'eth1' }),
      end('eth1', '198.18.1.10/24', null),
    ];
    expect(endCommands(ends)).toEqual([
      'ip netns exec vhostlab-1-eth0 ping 198.18.1.10',
      'ip netns exec vhostlab-1-eth1 iperf3 -s',
      'ip netns exec vhostlab-1-eth0 iperf3 -c 198.18.1.10',
      'ip netns exec vhostlab-1-eth0 iperf3 -c 198.18.1.10 -u -b 50M',
      'ip netns exec vhostlab-1-eth1 tcpdump -ni eth1',
    ]);
  });

  test('one end asks the guest itself', () => {
    expect(endCommands([end('eth0', '198.18.0.10/24', { address: '198.18.0.1', port: null })])).toEqual([
      'ip netns exec vhostlab-1-eth0 ping 198.18.0.1',
      'ip netns exec vhostlab-1-eth0 tcpdump -ni eth0',
    ]);
  });

  test('without anybody to send to a shell, and for no ends nothing', () => {
    expect(endCommands([end('eth0', '198.18.0.10/24', null)])).toEqual(['ip netns exec vhostlab-1-eth0 bash']);
    expect(endCommands([])).toEqual([]);
  });
});
