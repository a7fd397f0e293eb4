import { describe, expect, it } from 'vitest';
import { counterIndex, findCounters } from '../../../../src/experiment/catalogue/counter-index.ts';
import { loadScenario } from '../../../../src/plan/load-scenario.ts';

const entries = counterIndex(['kvm-forum-2014', 'accelerated', 'feedback'].map((name) => loadScenario(name)));

describe('the index of counters', () => {
  it('explains a drop by the reason its component gives', () => {
    expect(findCounters(entries, 'rx_missed_errors')).toEqual([
      {
        place: 'nic',
        name: 'rx_missed_errors',
        role: 'drop',
        meaning: 'frames that ended here: RX ring has no free descriptor',
      },
    ]);
    expect(findCounters(entries, 'eth0:rx_missed_errors')).toHaveLength(1);
    expect(findCounters(entries, 'tap queue full').map(({ name }) => name)).toEqual(['tx_dropped']);
  });

  it('explains each component’s counter of one name', () => {
    const places = findCounters(entries, 'rx_packets').map(({ place }) => place);
    expect(places).toEqual(expect.arrayContaining(['nic', 'softirq', 'bridge', 'vhost', 'guest', 'sink']));
  });

  it('has more to say of these events than that they are events', () => {
    for (const name of ['time_squeeze', 'rx_no_buffer_passes', 'ksoftirqd_ns', 'depletion_entries', 'tx_kicks']) {
      expect(findCounters(entries, name)[0].meaning, name).not.toMatch(/^how often something happened/);
    }
  });

  it('explains what a proxy counts, one counter for each backend included', () => {
    const ofProxy = counterIndex([loadScenario('adc')]).filter(({ name }) => name.startsWith('tcp_'));
    expect(ofProxy.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tcp_proxied', 'tcp_backend_refused', 'tcp_to_backend1']),
    );
    expect(ofProxy.filter(({ meaning }) => meaning.startsWith('how often something happened'))).toEqual([]);
  });

  it('knows every drop’s reason', () => {
    expect(entries.filter(({ meaning }) => meaning.includes('no reason is given'))).toEqual([]);
  });
});
