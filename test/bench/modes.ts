/** The ways a frame can take through the talk's test bed, as the benches run them: at the program's own speed. */

/** costs: none; its interrupts are as rare as a busy host's and its virtqueues as long as QEMU allows vhost. */
export const MODE_SCENARIO = 'kvm-forum-2014-fast';

export interface Mode {
  readonly name: string;
  /** Whether softirq, bridge, tap and vhost carry the frames. */
  readonly throughHost: boolean;
  readonly overrides: readonly string[];
}

const VNICS = ['vms.vm0.nics.vnic0', 'vms.vm0.nics.vnic1'];

function modeOf(name: string, throughHost: boolean, ...settings: readonly string[]): Mode {
  return {
    name,
    throughHost,
    overrides: VNICS.flatMap((vnic) => [...settings, 'queueSize=1024'].map((setting) => `${vnic}.${setting}`)),
  };
}

export const MODES: readonly Mode[] = [
  modeOf('vhost', true, 'mode=vhost'),
  modeOf('vhost-feedback', true, 'mode=vhost-feedback'),
  modeOf('accelerated, dpaa', false, 'mode=accelerated', 'acceleration.provider=dpaa'),
  modeOf('accelerated, sriov', false, 'mode=accelerated', 'acceleration.provider=sriov'),
  modeOf('direct', false, 'mode=direct'),
];
