import { dropped } from '../actors/guest/network-functions/network-function.ts';
import { Server } from '../actors/guest/network-functions/server.ts';
import type { NetworkFunctionFactory } from '../actors/guest/network-functions/user-function.ts';

/** What its licence lets one vCPU answer, in frames/s, as virtual appliances are sold; and for how long it may save up. */
const LICENSED_FPS = 6000;
const BURST_FRAMES = 512;

/** A server that drops what is above its licensed rate. */
const buildLicensedServer: NetworkFunctionFactory = (guest) => {
  const server = new Server({ kind: 'server', ports: guest.ports });
  let tokens = BURST_FRAMES;
  let lastNs = 0;
  return {
    name: 'licensed-server',
    drops: [...server.drops, { name: 'nf_unlicensed', reason: 'above the licensed rate' }],
    process(bytes, offset, length, port, nowNs) {
      tokens = Math.min(BURST_FRAMES, tokens + (nowNs - lastNs) * LICENSED_FPS * 1e-9);
      lastNs = nowNs;
      if (tokens < 1) return dropped(server.drops.length);
      tokens -= 1;
      return server.process(bytes, offset, length, port);
    },
  };
};

export default buildLicensedServer;
