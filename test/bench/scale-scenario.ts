import { parseScenario } from '../../src/plan/load-scenario.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** A network of `vms` machines between two wires. */
export interface ScaleShape {
  readonly vms: number;
  /** An even number: half of a VM's vNICs face each wire. */
  readonly nicsPerVm: number;
  readonly mode: string;
  readonly frameSize: number;
  readonly flows: number;
}

/** Longer frames, with FCS, need larger MTUs, and mergeable buffers to be received into. */
const FRAME_SIZE_STANDARD = 1518;
const MTU_JUMBO = 9000;

/**
 * Streams go both ways between the two wires, through each pair of a VM's vNICs, so that the bridges learn every
 * address. Costs: none, 10 Gbit/s ports.
 */
export function scaleScenario({ vms, nicsPerVm, mode, frameSize, flows }: ScaleShape): Scenario {
  const pairs = nicsPerVm / 2;
  const jumbo = frameSize > FRAME_SIZE_STANDARD;
  const features = ['event-idx', 'indirect-desc', ...(jumbo ? ['mrg-rxbuf'] : [])];
  const machines = Array.from({ length: vms }, (_, v) => ({
    name: `vm${v}`,
    vcpus: 1,
    nics: Array.from({ length: nicsPerVm }, (__, n) => ({
      name: nicName(v, n),
      mode,
      tap: { name: tapName(v, n) },
      features,
    })),
  }));
  const taps = (side: number): string[] =>
    machines.flatMap(({ nics }) => nics.filter((_, n) => n % 2 === side).map(({ tap }) => tap.name));
  const ports = ['eth0', 'eth1'].map((name) => ({
    name,
    speed: '10Gbps',
    interruptRate: 4000,
    ...(jumbo ? { mtu: MTU_JUMBO } : {}),
  }));
  const stream = (vm: number, pair: number, side: number) => ({
    name: `vm${vm}-${pair}-${side}`,
    from: ports[side].name,
    to: ports[1 - side].name,
    via: nicName(vm, 2 * pair + side),
  });
  const streams = machines.flatMap((_, v) =>
    Array.from({ length: pairs }, (__, p) => [stream(v, p, 0), stream(v, p, 1)]).flat(),
  );
  const scenario = {
    host: { costs: 'none', kernel: 'linux-6.5' },
    ports,
    bridges: [0, 1].map((side) => ({ name: `br${side}`, ports: [`eth${side}`, ...taps(side)] })),
    vms: machines,
    traffic: { frameSize, flows, streams },
  };
  // JSON is YAML.
  return parseScenario(JSON.stringify(scenario), 'scale.yaml');
}

function nicName(vm: number, nic: number): string {
  return `vnic${vm}-${nic}`;
}

function tapName(vm: number, nic: number): string {
  return `tap${vm}-${nic}`;
}
