import { IpForward } from '../../actors/guest/network-functions/ip-forward.ts';
import type { NetworkFunctionFactory } from '../../actors/guest/network-functions/user-function.ts';

/** The router as a user's module, to measure what that costs. */
const buildRouter: NetworkFunctionFactory = (guest) => new IpForward(guest);

export default buildRouter;
