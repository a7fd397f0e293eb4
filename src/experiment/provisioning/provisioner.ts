import type { CounterName } from '../../../actors/component.ts';
import { VCPU } from '../../../actors/guest/vcpu.ts';
import { placeOfCounter } from '../../metrics/derive/counters.ts';
import { Subject } from 'rxjs';
import type { ProvisioningEvent, VnicFeatures } from '../../metrics/derive/live-run.ts';
import type { Host } from '../../runtime/host.ts';
import type { ActorPlan } from '../../runtime/plan.ts';
import type { ProvisioningOrder, Scenario, TimelineSpec } from '../../scenario/scenario.ts';
import type { Errands } from '../run/pacing.ts';
import { readVnicFeatures } from '../run/vnic-features.ts';
import type { BackendRotation } from './backend-rotation.ts';
import type { Drain } from './drain.ts';
import { addVm, removeVm } from './procedures.ts';
import type { Procedure } from './procedures.ts';

/** Between two looks for an added VM's first frame, on either host: so exact is the time that is reported. */
const LOOK_NS = { threads: 2e6, kernel: 2e6, virtual: 1e5 };

/** An order from when it is given until it is done. */
interface OpenOrder {
  readonly order: ProvisioningOrder;
  readonly vm: string;
  readonly cause: string;
  readonly atNs: number;
  /** Counts of the VM when the order was given. */
  readonly droppedBefore: number;
  readonly forwardedBefore: number;
}

/**
 * Carries orders to VMs out, one after the other, in step with the run's clock: at fixed times, and whenever `order` is
 * called. An added VM is watched until it has forwarded a frame.
 */
export class Provisioner implements Errands {
  private readonly host: Host;
  private readonly rotation: BackendRotation;
  private readonly scenario: Pick<Scenario, 'vms'>;
  private readonly startNs: number;
  private timeline: readonly TimelineSpec[] = [];
  private timelineStartNs = 0;
  private readonly queue: OpenOrder[] = [];
  private current: { readonly open: OpenOrder; readonly procedure: Procedure } | null = null;
  private wakeNs = -Infinity;
  private readonly watched: OpenOrder[] = [];
  /** Of added VMs, what their vNICs came to: a VM may have gone before it is reported. */
  private readonly cameUp = new Map<string, VnicFeatures[]>();
  private nextLookNs = 0;
  private readonly done = new Subject<ProvisioningEvent>();
  /** Each order, when it is done. */
  readonly events = this.done.asObservable();
  readonly results: ProvisioningEvent[] = [];

  /** @param startNs the run's clock when traffic begins. */
  constructor(host: Host, rotation: BackendRotation, scenario: Pick<Scenario, 'vms'>, startNs: number) {
    this.host = host;
    this.rotation = rotation;
    this.scenario = scenario;
    this.startNs = startNs;
  }

  /** From now on the timeline's times count. */
  beginTimeline(timeline: readonly TimelineSpec[]): void {
    this.timeline = timeline;
    this.timelineStartNs = this.host.nowNs();
  }

  order(order: ProvisioningOrder, vm: string, cause: string): void {
    this.queue.push({
      order,
      vm,
      cause,
      atNs: this.host.nowNs(),
      droppedBefore: this.countDropped(vm),
      forwardedBefore: this.countForwarded(vm),
    });
  }

  /** No more orders; what is under way goes on. */
  endTimeline(): void {
    this.timeline = [];
  }

  /** What has not been done by the end of the run is reported as it is. */
  close(): void {
    for (const open of [...this.watched, ...(this.current === null ? [] : [this.current.open]), ...this.queue]) {
      this.report(open, null, null);
    }
    this.done.complete();
  }

  get nextNs(): number {
    const nextOrderNs = this.timeline.length > 0 ? this.timelineStartNs + this.timeline[0].atNs : Infinity;
    const procedureNs = this.current !== null || this.queue.length > 0 ? this.wakeNs : Infinity;
    return Math.min(nextOrderNs, procedureNs, this.watched.length > 0 ? this.nextLookNs : Infinity);
  }

  async step(): Promise<void> {
    const nowNs = this.host.nowNs();
    while (this.timeline.length > 0 && this.timelineStartNs + this.timeline[0].atNs <= nowNs) {
      const [{ order, vm }, ...later] = this.timeline;
      this.timeline = later;
      this.order(order, vm, 'timeline');
    }
    if (nowNs >= this.wakeNs) await this.proceed();
    this.lookForFirstFrames();
  }

  /** Goes on with the procedure under way, and begins the next ones, until one has to wait. */
  private async proceed(): Promise<void> {
    for (;;) {
      if (this.current === null) {
        const open = this.queue.shift();
        if (open === undefined) break;
        this.current = { open, procedure: this.begin(open) };
      }
      const { open, procedure } = this.current;
      const { value, done } = await procedure.next();
      if (done !== true) {
        this.wakeNs = this.host.nowNs() + value;
        return;
      }
      this.current = null;
      if (open.order === 'remove') this.finishRemoval(open, value);
      else this.cameUp.set(open.vm, this.readVnics(open.vm));
    }
    this.wakeNs = -Infinity;
  }

  private begin(open: OpenOrder): Procedure {
    const { host, rotation } = this;
    if (open.order === 'remove') {
      const { drainNs } = this.scenario.vms.find(({ name }) => name === open.vm)!;
      return removeVm(host, open.vm, rotation, drainNs);
    }
    this.watched.push(open);
    this.cameUp.delete(open.vm);
    return addVm(host, open.vm, rotation);
  }

  private finishRemoval(open: OpenOrder, drain: Drain | null): void {
    const unanswered = this.watched.findIndex(({ vm }) => vm === open.vm);
    if (unanswered >= 0) this.report(this.watched.splice(unanswered, 1)[0], null, null);
    this.report(open, this.host.nowNs() - open.atNs, drain);
  }

  private lookForFirstFrames(): void {
    const nowNs = this.host.nowNs();
    this.nextLookNs = nowNs + LOOK_NS[this.host.kind];
    for (const open of [...this.watched]) {
      if (this.countForwarded(open.vm) <= open.forwardedBefore) continue;
      this.watched.splice(this.watched.indexOf(open), 1);
      this.report(open, nowNs - open.atNs, null);
    }
  }

  private report(open: OpenOrder, tookNs: number | null, drain: Drain | null): void {
    const { vm, order, cause, atNs, droppedBefore } = open;
    const event: ProvisioningEvent = {
      vm,
      order,
      cause,
      orderedNs: atNs - this.startNs,
      tookNs,
      doneAtNs: this.host.nowNs(),
      vnics: order === 'add' ? (this.cameUp.get(vm) ?? this.readVnics(vm)) : [],
      drain,
      droppedFrames: this.countDropped(vm) - droppedBefore,
    };
    this.results.push(event);
    this.done.next(event);
  }

  private readVnics(vm: string): VnicFeatures[] {
    return readVnicFeatures(this.scenario, this.host).filter((each) => each.vm === vm);
  }

  /** Frames the VM's vCPUs have sent that did not begin there. */
  private countForwarded(vm: string): number {
    const vcpus = this.actorsOf(vm).filter(({ spec }) => spec.kind === 'vcpu');
    return vcpus.reduce((sum, vcpu) => {
      const page = this.host.memory.doubles(vcpu.counterRegion!);
      const count = (name: CounterName<typeof VCPU>): number => page[placeOfCounter(VCPU, vcpu, name)];
      return sum + count('tx_packets') - count('announcements');
    }, 0);
  }

  private countDropped(vm: string): number {
    let total = 0;
    for (const { counters, counterRegion } of this.actorsOf(vm)) {
      if (counterRegion === null) continue;
      const page = this.host.memory.doubles(counterRegion);
      counters.forEach(({ role }, i) => (total += role === 'drop' ? page[i] : 0));
    }
    return total;
  }

  /** The VM's own actors, and its taps. */
  private actorsOf(vm: string): ActorPlan[] {
    return this.host.plan.threads.flatMap((thread) =>
      thread.actors.filter(({ spec, attachments }) => {
        if (thread.vm === vm) return true;
        return spec.kind === 'tap' && attachments.some((attachment) => attachment.vm === vm);
      }),
    );
  }
}
