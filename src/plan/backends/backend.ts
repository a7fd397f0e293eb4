/** What planning a mode takes: who serves a vNIC is placed first, and connected when guests and slots are there. */
import type { TapConfig } from '../../../actors/host/tap.ts';
import type { VmSpec } from '../../scenario/scenario.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import type { BridgeDomain, HardwareVnic, HostDraft, Parts, Sleeper, VnicKernel } from '../parts.ts';

interface Backend {
  /** Places the backend `name` of a vNIC of that VM, on CPU `cpu` of the host where it is the host's own. */
  place(draft: PlanDraft, host: HostDraft, vm: VmSpec, name: string, cpu: number): DraftActor;
}

/** Of a mode whose vNICs are behind a tap. */
export interface TapBackend extends Backend {
  /**
   * Configures the backends of one vNIC and connects each with a queue of the tap and a queue pair of the guest.
   *
   * @param steering of the tap: it must be configured.
   * @returns the backends that have deadlines.
   */
  connect(parts: Parts, vnic: VnicKernel, steering: TapConfig['steering']): Sleeper[];
}

/** Of a mode whose vNICs have queues in a NIC port. */
export interface NicBackend extends Backend {
  /**
   * Configures the backends of one vNIC and connects them with the NIC port in front of its bridge: all of the host is
   * laid out before.
   */
  connect(parts: Parts, domain: BridgeDomain, vnic: HardwareVnic): void;
}
