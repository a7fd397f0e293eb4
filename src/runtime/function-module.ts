/**
 * From a user's module to the network function it builds. The module comes as one bundled piece of JavaScript and is
 * evaluated anew for each vCPU, on the thread that will run it, so that its variables are a vCPU's own on either host.
 */
import { SourceMap, createRequire } from 'node:module';
import type { SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';
import { compileFunction } from 'node:vm';
import type {
  DropReason,
  FunctionContext,
  FunctionTimers,
  NetworkFunction,
} from '../../actors/guest/network-functions/network-function.ts';
import { NO_FRAMES, UserFrames } from '../../actors/guest/network-functions/user-frames.ts';
import { EXCEPTION_REASON, UserFunction } from '../../actors/guest/network-functions/user-function.ts';
import type {
  FunctionModule,
  GuestContext,
  NetworkFunctionFactory,
  UserFunctionConfig,
} from '../../actors/guest/network-functions/user-function.ts';
import { callWithin, EndlessCall, USER_CODE_MS_MAX } from './guarded-call.ts';
import { moduleConsole } from './module-console.ts';
import { moduleProcess } from './module-process.ts';

/** A module that gives no network function. The message says what was found and what is wanted. */
export class FunctionModuleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FunctionModuleError';
  }
}

/** Counters of the driver begin otherwise, so that no name of a function's can be one of theirs. */
const COUNTER_NAME = /^nf_[a-z0-9_]+$/;
const TAKEN = ['nf_errors', 'nf_exceptions'];

/** What a run is planned for of a module's function, found out by building one. @throws FunctionModuleError. */
export function surveyUserFunction(
  module: FunctionModule,
  guest: GuestContext,
): Pick<UserFunctionConfig, 'counters' | 'keepsTime'> {
  const { drops, events = [], timers } = build(module, guest, NO_FRAMES);
  const counted = [...drops.map(({ name, reason }) => ({ name, reason })), EXCEPTION_REASON];
  return { counters: { drops: counted, events: [...events] }, keepsTime: timers !== undefined };
}

/** Builds a vCPU's own. @throws FunctionModuleError. */
export function createUserFunction(
  { module, counters, keepsTime, ...guest }: Omit<UserFunctionConfig, 'frameCostNs'>,
  context: FunctionContext,
): UserFunction {
  const frames = new UserFrames(context);
  const built = new UserFunction(build(module, guest, frames), frames, (error) => describeException(error, module));
  const names = ({ drops, events = [] }: Pick<NetworkFunction, 'drops' | 'events'>): string =>
    [...drops.map(({ name }) => name), ...events].join(', ');
  if (names(built) !== names(counters)) {
    throw new FunctionModuleError(`it counts ${names(built)} now, and counted ${names(counters)} when it was planned`);
  }
  if ((built.timers !== undefined) !== keepsTime) {
    throw new FunctionModuleError(`it ${keepsTime ? 'has no' : 'has'} timers now, other than when it was planned`);
  }
  return built;
}

/** Evaluates the module and builds its function, or gives up on it after a while. */
function build(module: FunctionModule, guest: GuestContext, frames: FunctionContext): NetworkFunction {
  try {
    return callWithin(USER_CODE_MS_MAX, 'loading and building it', () => evaluateAndBuild(module, guest, frames));
  } catch (error) {
    throw error instanceof EndlessCall ? new FunctionModuleError(error.message) : error;
  }
}

function evaluateAndBuild(module: FunctionModule, guest: GuestContext, frames: FunctionContext): NetworkFunction {
  const exported = evaluate(module);
  if (exported === undefined) throw new FunctionModuleError('no default export');
  if (typeof exported !== 'function') {
    throw new FunctionModuleError(`the default export is ${typeof exported}, wanted: a function that builds it`);
  }
  let built: unknown;
  try {
    built = (exported as NetworkFunctionFactory)(guest, frames);
  } catch (error) {
    throw new FunctionModuleError(`it throws when it is built: ${describeException(error, module)}`);
  }
  const wrong = whatIsWrong(built);
  if (wrong !== null) throw new FunctionModuleError(`what it builds ${wrong}`);
  return built as NetworkFunction;
}

/** The module's default export. */
function evaluate(module: FunctionModule): unknown {
  const evaluated: { exports: { default?: unknown } } = { exports: {} };
  try {
    const scope = {
      module: evaluated,
      exports: evaluated.exports,
      require: createRequire(module.path),
      console: moduleConsole(module.path),
      process: moduleProcess(),
    };
    const body = compileFunction(module.code, Object.keys(scope), { filename: module.path });
    (body as (...values: unknown[]) => void)(...Object.values(scope));
  } catch (error) {
    throw new FunctionModuleError(`it throws when it is loaded: ${describeException(error, module)}`);
  }
  return evaluated.exports.default;
}

/** A predicate about what a factory returned, or null when that is a network function. */
function whatIsWrong(built: unknown): string | null {
  if (typeof built !== 'object' || built === null) return 'is no object';
  const { name, drops, events = [], counts, timers, process, report } = built as Record<string, unknown>;
  if (typeof name !== 'string') return 'has no name';
  if (typeof process !== 'function') return 'has no method process';
  if (report !== undefined && typeof report !== 'function') return 'has a report that is no method';
  if (timers !== undefined && !keepTime(timers)) return 'has timers without nextDeadlineNs and method expire';
  if (!Array.isArray(drops)) return 'has no list drops';
  if (!Array.isArray(events)) return 'has events that are no list';
  const names = [...(drops as unknown[]).map(nameOf), ...(events as unknown[])];
  const unfit = names.findIndex((each) => typeof each !== 'string' || !COUNTER_NAME.test(each) || TAKEN.includes(each));
  if (unfit >= 0)
    return `counts ${JSON.stringify(names[unfit])}, wanted: a name such as nf_too_fast, not ${TAKEN.join(', ')}`;
  if (new Set(names).size < names.length) return 'counts two things by the same name';
  if ((drops as Partial<DropReason>[]).some(({ reason }) => typeof reason !== 'string'))
    return 'has a drop without reason';
  if (events.length > 0 && !(counts instanceof Float64Array && counts.length === events.length)) {
    return 'has events, and no counts, a Float64Array of as many';
  }
  return null;
}

function keepTime(timers: unknown): boolean {
  if (typeof timers !== 'object' || timers === null) return false;
  const { nextDeadlineNs, expire } = timers as Partial<FunctionTimers>;
  return typeof nextDeadlineNs === 'number' && typeof expire === 'function';
}

function nameOf(drop: unknown): unknown {
  return typeof drop === 'object' && drop !== null ? (drop as Partial<DropReason>).name : undefined;
}

/** Message and stack, a line each, with places in the bundle replaced by those in the sources. */
function describeException(error: unknown, { path, sourceMap }: FunctionModule): string {
  if (!(error instanceof Error) || error.stack === undefined) {
    return `${String(error)}\n    at ${path}, in a line that only an Error would tell`;
  }
  const map = new SourceMap(JSON.parse(sourceMap) as SourceMapPayload);
  const lines = error.stack.split('\n').map((line) => {
    const at = line.indexOf(`${path}:`);
    const place = at < 0 ? null : /^(\d+):(\d+)/.exec(line.slice(at + path.length + 1));
    if (place === null) return line;
    const entry = map.findEntry(Number(place[1]) - 1, Number(place[2]) - 1);
    if (!('originalSource' in entry)) return line;
    const source = resolve(dirname(path), entry.originalSource);
    const rest = line.slice(at + path.length + 1 + place[0].length);
    return `${line.slice(0, at)}${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}${rest}`;
  });
  // What called the function is this program's own business.
  const own = lines.findIndex((line) => /\bUserFunction\.process\b/.test(line));
  return (own < 0 ? lines : lines.slice(0, own)).join('\n');
}
