import { UP_WORD } from '../../virtio/guest/guest-nic.ts';
import { VCPU_PORTS } from '../../../actors/guest/vcpu-links.ts';
import type { Region } from '../../memory/arena.ts';
import { threadsThere } from '../../runtime/host.ts';
import type { Host } from '../../runtime/host.ts';
import { jointsAt } from '../../runtime/plan.ts';
import type { ActorPlan } from '../../runtime/plan.ts';

/** Most of the run's time a guest may take to bring its vNICs up: some hundreds of register accesses take far less. */
export const READY_NS_MAX = 5e9;
const POLL_NS = 2e6;
/** Lines of each report that go into the message. */
const REPORT_LINES_MAX = 12;

/** A vNIC and where its driver says that it is up. */
interface GuestNicState {
  readonly vcpu: string;
  readonly port: number;
  readonly published: Region;
}

/**
 * Lets the run's time pass until every vNIC is up, which is when frames can flow end to end: the driver sets the word
 * only after the VMM answered DRIVER_OK, and that answer waits for vhost's NET_SET_BACKEND.
 * @returns the time it took, ns.
 * @throws with what vCPUs and VMMs report, when it takes too long.
 */
export async function waitUntilReady(
  host: Host,
  interrupted?: Promise<unknown>,
  isInterrupted = () => false,
): Promise<number> {
  const nics = guestNics(host);
  const startNs = host.nowNs();
  for (;;) {
    const down = nics.filter(({ published }) => Atomics.load(host.memory.words(published), UP_WORD) === 0);
    const passedNs = host.nowNs() - startNs;
    if (down.length === 0 || isInterrupted()) return passedNs;
    if (passedNs > READY_NS_MAX) throw new Error(await describeFailure(host, down));
    await host.advance(POLL_NS, interrupted);
  }
}

/** Whether every vNIC of a VM that is there is up. */
export function isVmUp(host: Host, vm: string): boolean {
  const own = host.plan.threads.filter((thread) => thread.vm === vm).flatMap(({ actors }) => actors);
  return guestNics(host)
    .filter(({ vcpu }) => own.some(({ name }) => name === vcpu))
    .every(({ published }) => Atomics.load(host.memory.words(published), UP_WORD) !== 0);
}

function guestNics(host: Host): GuestNicState[] {
  return actorsThere(host, 'vcpu').flatMap((vcpu) =>
    jointsAt(vcpu, VCPU_PORTS.nic).flatMap(({ index, link: { owner, published } }) =>
      owner ? [{ vcpu: vcpu.name, port: index, published }] : [],
    ),
  );
}

async function describeFailure(host: Host, down: readonly GuestNicState[]): Promise<string> {
  const lines = [
    `the guest did not bring up ${down.map(({ vcpu, port }) => `vNIC ${port} of ${vcpu}`).join(', ')} within ` +
      `${READY_NS_MAX / 1e9} s`,
  ];
  for (const { name } of [...actorsThere(host, 'vcpu'), ...actorsThere(host, 'vmm'), ...actorsThere(host, 'vhost')]) {
    const report = await host.report(name);
    if (report.length === 0) continue;
    lines.push(`${name} reports:`, ...report.slice(-REPORT_LINES_MAX).map((line) => `  ${line}`));
  }
  return lines.join('\n');
}

function actorsThere(host: Host, kind: ActorPlan['spec']['kind']): ActorPlan[] {
  return threadsThere(host).flatMap(({ actors }) => actors.filter(({ spec }) => spec.kind === kind));
}
