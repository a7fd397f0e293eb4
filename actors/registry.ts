/** Every component there is, in the order in which pictures stack them: along the path, then who loads and measures it. */
import type { AnyComponent, ConfigOf } from './component.ts';
import { GUEST_TIMER } from './guest/timer.ts';
import { VCPU } from './guest/vcpu.ts';
import { BRIDGE } from './host/bridge.ts';
import { SOFTIRQ } from './host/softirq.ts';
import { TAP } from './host/tap.ts';
import { VHOST_ACCELERATED } from './host/vhost-accelerated.ts';
import { VHOST_CONTROL } from './host/vhost-control.ts';
import { VHOST } from './host/vhost-worker.ts';
import { KERNEL_BRIDGE, KERNEL_END, KERNEL_PORT, KERNEL_TAP } from './kernel/devices.ts';
import { PACKET_SOCKET } from './kernel/packet-socket.ts';
import { TAP_END } from './kernel/tap-end.ts';
import { TUN_FILE } from './kernel/tun-file.ts';
import { E1000_DEVICE } from './vmm/e1000.ts';
import { QEMU } from './vmm/qemu-backend.ts';
import { VMM } from './vmm/vmm.ts';
import { CLIENT } from './wire/client.ts';
import { GENERATOR } from './wire/generator.ts';
import { NIC } from './wire/nic/nic.ts';
import { SINK } from './wire/sink.ts';

export const COMPONENTS = [
  NIC,
  SOFTIRQ,
  BRIDGE,
  TAP,
  VHOST,
  VHOST_ACCELERATED,
  VHOST_CONTROL,
  VCPU,
  QEMU,
  E1000_DEVICE,
  VMM,
  GUEST_TIMER,
  GENERATOR,
  SINK,
  CLIENT,
  PACKET_SOCKET,
  TUN_FILE,
  KERNEL_PORT,
  KERNEL_BRIDGE,
  KERNEL_TAP,
  TAP_END,
  KERNEL_END,
] as const;

const ALL: readonly AnyComponent[] = COMPONENTS;
const BY_KIND = Object.fromEntries(ALL.map((each) => [each.kind, each])) as Readonly<Record<Kind, AnyComponent>>;

type Listed = (typeof COMPONENTS)[number];

/** The kind of a component. */
export type Kind = Listed['kind'];

/** Where on the path a frame is. */
export type Place = Listed['place'];

/** Where a frame is lost: at a component, or for want of a buffer in a vNIC's pool, whichever component looked there. */
export type DropPlace = Place | 'pool';

/** What is built on a thread: an actor's kind and its configuration. */
export type ActorSpec = { [K in Kind]: SpecOf<Extract<Listed, { readonly kind: K }>> }[Kind];

interface SpecOf<C extends AnyComponent> {
  readonly kind: C['kind'];
  readonly config: ConfigOf<C>;
}

/** The descriptor of a kind of component. */
export function componentOf(kind: Kind): AnyComponent {
  return BY_KIND[kind];
}

/** The kind of component an actor is: where frames are while it has them. */
export function placeOf({ kind }: Pick<ActorSpec, 'kind'>): Place {
  return componentOf(kind).place as Place;
}
