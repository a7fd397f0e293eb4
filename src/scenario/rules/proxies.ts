/** Rules for the servers behind a TCP proxy: that each listens, in the same terms, and can be reached. */
import { formatEndpoint, formatIpv4, parseCidr, parseEndpoint } from '../../net/wire/address.ts';
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { isOfKind } from '../function-kinds.ts';
import { routeTo } from '../functions.ts';
import type { NfWith } from '../function-kinds.ts';
import type { Scenario, VmSpec } from '../scenario.ts';
import { didYouMean } from '../text/suggestion.ts';

export function checkProxies({ vms }: Scenario): Fault[] {
  return vms.flatMap((vm, v) => {
    const { nf } = vm;
    if (!isOfKind(nf, 'connects', true)) return [];
    const others = vms.filter((each) => each !== vm);
    return [
      ...checkOneVcpu(vm, ['vms', v]),
      ...nf.backends.flatMap(({ endpoint }, b) =>
        checkBackend(nf, endpoint, others, ['vms', v, 'nf', 'backends', b, 'endpoint']),
      ),
    ];
  });
}

/** Both sides of a connection are one vCPU's. */
function checkOneVcpu({ nics, vcpus }: VmSpec, path: KeyPath): Fault[] {
  if (nics.every(({ vcpu, queues }) => vcpu === nics[0].vcpu && queues === 1)) return [];
  const sentence = `found ${vcpus}, allowed with nf tcp-proxy: 1, or one vCPU and one queue for all vNICs`;
  return [valueFault([...path, 'vcpus'], sentence)];
}

function checkBackend(
  nf: NfWith<'connects', true>,
  endpoint: string,
  others: readonly VmSpec[],
  path: KeyPath,
): Fault[] {
  const { address, port } = parseEndpoint(endpoint);
  const vm = others.find(({ nics }) => nics.some(({ ip }) => parseCidr(ip).address === address));
  // What a module listens on, and how, only its author knows.
  if (vm === undefined || !isOfKind(vm.nf, 'tcp', 'unknown')) {
    const known = others.flatMap(listeningOf);
    if (!known.includes(formatEndpoint({ address, port }))) {
      const allowed = known.join(', ') || 'none, since no other VM ends TCP in the clear';
      const sentence = `nobody listens at "${endpoint}" in the clear, allowed: ${allowed}${didYouMean(endpoint, known)}`;
      return [valueFault(path, sentence)];
    }
  }
  if (vm !== undefined && isOfKind(vm.nf, 'tcp', 'ended')) {
    const [ours, theirs] = [sizesOf(nf), sizesOf(vm.nf)];
    if (ours !== theirs) {
      return [valueFault(path, `${vm.name} has ${theirs} and its proxy ${ours}, allowed: the same of both`)];
    }
  }
  if (routeTo(nf.routes, address) !== undefined) return [];
  const prefixes = nf.routes.map(({ prefix }) => prefix).join(', ');
  return [valueFault(path, `no route leads to ${formatIpv4(address)}, allowed: ${prefixes || 'none, without routes'}`)];
}

function listeningOf({ nf, nics }: VmSpec): string[] {
  if (!isOfKind(nf, 'tcp', 'ended') || nf.tls) return [];
  return nics.map(({ ip }) => formatEndpoint({ address: parseCidr(ip).address, port: nf.listenPort }));
}

function sizesOf({ requestBytes, responseBytes }: { requestBytes: number; responseBytes: number }): string {
  return `requestBytes ${requestBytes} and responseBytes ${responseBytes}`;
}
