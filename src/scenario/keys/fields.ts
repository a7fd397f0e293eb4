/** Building blocks of the scenario schema. Each error message is the part that follows `allowed:`. */
import { z } from 'zod';
import { formatCidr, formatEndpoint, networkOf, parseCidr, parseEndpoint } from '../../net/wire/address.ts';
import { ETH_FRAME_MIN_BYTES } from '../../net/wire/ethernet.ts';
import {
  BIT_RATE_FORM,
  CONNECTION_RATE_FORM,
  DURATION_FORM,
  FRAME_MAX_BYTES,
  IMIX_FRAME_BYTES,
  QuantityError,
  RATE_FORM,
  SIZE_FORM,
  parseBitRateBps,
  parseConnectionRate,
  parseDurationNs,
  parseRate,
  parseSizeBytes,
} from '../text/quantities.ts';
import type { QuantityForm } from '../text/quantities.ts';

/** Softirq CPUs of one host at most. */
export const SOFTIRQ_CPUS_MAX = 16;

/** A string in one of the forms of a quantity, or a keyword that stands for itself. */
function quantity<T, K extends string = never>(form: QuantityForm, parse: (text: string) => T, keyword?: K) {
  const allowed = keyword === undefined ? form.allowed : `${keyword}, or ${form.allowed}`;
  const pattern = keyword === undefined ? form.pattern : `^${keyword}$|${form.pattern}`;
  const examples = keyword === undefined ? [...form.examples] : [keyword, ...form.examples];
  return z
    .string({ error: () => allowed })
    .meta({ pattern, examples })
    .transform((text, context): T | K => {
      if (text === keyword) return keyword;
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof QuantityError)) throw error;
        context.addIssue({ code: 'custom', message: allowed, input: text });
        return z.NEVER;
      }
    });
}

export const rate = () => quantity(RATE_FORM, parseRate);
export const bitRate = () => quantity(BIT_RATE_FORM, parseBitRateBps);
/** Connections/s. */
export const connectionRate = () => quantity(CONNECTION_RATE_FORM, parseConnectionRate);
export const duration = () => quantity(DURATION_FORM, parseDurationNs);
export const durationOr = <K extends string>(keyword: K) => quantity(DURATION_FORM, parseDurationNs, keyword);
export const sizeOr = <K extends string>(keyword: K) => quantity(SIZE_FORM, parseSizeBytes, keyword);

/** Durations of which zero would mean nothing, such as the length of a phase. */
export const positiveDuration = () =>
  duration().refine((ns) => ns > 0, { error: () => `${DURATION_FORM.allowed}; longer than zero` });

export function integer(min: number, max: number, allowed = `an integer from ${min} to ${max}`) {
  return z
    .int({ error: () => allowed })
    .min(min, { error: () => allowed, abort: true })
    .max(max, { error: () => allowed, abort: true });
}

export function integerOr<K extends string>(keyword: K, min: number, max: number) {
  return z.union([z.literal(keyword), integer(min, max)], {
    error: () => `${keyword}, or an integer from ${min} to ${max}`,
  });
}

export function booleanOr<K extends string>(keyword: K) {
  return z.union([z.literal(keyword), z.boolean()], { error: () => `${keyword}, true, false` });
}

export function powerOfTwo(min: number, max: number) {
  const allowed = `a power of two from ${min} to ${max}`;
  return integer(min, max, allowed).refine((value) => (value & (value - 1)) === 0, { error: () => allowed });
}

/** IFNAMSIZ of include/uapi/linux/if.h is 16 with the terminator. Dots and a leading digit would clash with `--set`. */
const NAME_LENGTH_MAX = 15;
const NAME_ALLOWED = `a name of up to ${NAME_LENGTH_MAX} letters, digits, - and _, beginning with a letter`;

/** Name of a component, as an interface name in Linux. */
export const componentName = () =>
  z.string({ error: () => NAME_ALLOWED }).regex(new RegExp(`^[A-Za-z][\\w-]{0,${NAME_LENGTH_MAX - 1}}$`), {
    error: () => NAME_ALLOWED,
  });

const LABEL_ALLOWED = 'a name of up to 64 letters, digits, - and _, beginning with a letter';
/** Name of something that is no component: a scenario, a phase, a stream. */
export const labelName = () =>
  z.string({ error: () => LABEL_ALLOWED }).regex(/^[A-Za-z][\w-]{0,63}$/, { error: () => LABEL_ALLOWED });

export const text = (allowed: string) => z.string({ error: () => allowed });

const MAC_ALLOWED = 'auto, or a unicast MAC address such as 52:54:00:12:34:56';
/** Second digit even: the group bit of IEEE 802 addresses is clear. */
const UNICAST_MAC = /^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$/;
export const macOrAuto = () =>
  z
    .string({ error: () => MAC_ALLOWED })
    .meta({ pattern: `^auto$|${UNICAST_MAC.source}`, examples: ['auto', '52:54:00:12:34:56'] })
    .refine((mac) => mac === 'auto' || UNICAST_MAC.test(mac), { error: () => MAC_ALLOWED })
    .transform((mac) => mac.toLowerCase());

const CIDR_PATTERN = '(\\d{1,3}\\.){3}\\d{1,3}/\\d{1,2}';

/** Address with prefix length; `keyword` is passed through. */
export const addressOrAuto = () => cidr('auto', 'auto, or an IPv4 address with its length such as 198.18.0.1/24');

/** Prefix whose host bits are zero. */
export const prefix = () =>
  cidr(undefined, 'an IPv4 prefix such as 198.18.0.0/24, host bits zero').refine(isNetwork, {
    error: () => 'an IPv4 prefix such as 198.18.0.0/24, host bits zero',
  });
export const prefixOr = (keyword: string) =>
  cidr(keyword, `${keyword}, or an IPv4 prefix such as 198.18.0.0/24, host bits zero`).refine(
    (value) => value === keyword || isNetwork(value),
    { error: () => `${keyword}, or an IPv4 prefix such as 198.18.0.0/24, host bits zero` },
  );

const PORT_RANGE_ALLOWED = 'a port such as 53, or a range such as 1024-65535';
const PORT_MAX = 0xffff;

/** Ports of TCP or UDP: one, or from a lowest to a highest. */
export const portRange = () =>
  z
    .union([integer(0, PORT_MAX), z.string().regex(/^\d{1,5}-\d{1,5}$/)], { error: () => PORT_RANGE_ALLOWED })
    .transform((value, context) => {
      const [low, high] = typeof value === 'number' ? [value, value] : value.split('-').map(Number);
      if (low <= high && high <= PORT_MAX) return { low, high };
      context.addIssue({ code: 'custom', message: PORT_RANGE_ALLOWED, input: value });
      return z.NEVER;
    });

/** Address and port, `198.18.1.2:80`; auto is passed through. */
export const endpointOrAuto = () => endpointField('auto, or an IPv4 address and a port such as 198.18.1.2:80', 'auto');

/** The same, always written. */
export const endpoint = () => endpointField('an IPv4 address and a port such as 198.18.1.2:80');

function endpointField(allowed: string, keyword?: string) {
  const pattern = '(\\d{1,3}\\.){3}\\d{1,3}:\\d{1,5}';
  return z
    .string({ error: () => allowed })
    .meta({ pattern: keyword === undefined ? `^${pattern}$` : `^${keyword}$|^${pattern}$` })
    .transform((value, context): string => {
      if (value === keyword) return value;
      try {
        return formatEndpoint(parseEndpoint(value));
      } catch {
        context.addIssue({ code: 'custom', message: allowed, input: value });
        return z.NEVER;
      }
    });
}

function cidr(keyword: string | undefined, allowed: string) {
  return z
    .string({ error: () => allowed })
    .meta({ pattern: keyword === undefined ? `^${CIDR_PATTERN}$` : `^${keyword}$|^${CIDR_PATTERN}$` })
    .transform((value, context): string => {
      if (value === keyword) return value;
      try {
        return formatCidr(parseCidr(value));
      } catch {
        context.addIssue({ code: 'custom', message: allowed, input: value });
        return z.NEVER;
      }
    });
}

function isNetwork(value: string): boolean {
  const parsed = parseCidr(value);
  return networkOf(parsed) === parsed.address;
}

const FRAME_LIST_MAX = 256;
const FRAME_SIZES_ALLOWED =
  `IMIX, a frame size from ${ETH_FRAME_MIN_BYTES} to ${FRAME_MAX_BYTES} (bytes with FCS), ` + 'or a list of them';

/** One size, a list sent in turn, or IMIX; read as the list of sizes that is sent round and round. */
export const frameSizes = () =>
  z
    .union(
      [
        integer(ETH_FRAME_MIN_BYTES, FRAME_MAX_BYTES),
        z.array(integer(ETH_FRAME_MIN_BYTES, FRAME_MAX_BYTES)).min(1).max(FRAME_LIST_MAX),
        z.literal(['IMIX', 'imix']),
      ],
      { error: () => FRAME_SIZES_ALLOWED },
    )
    .transform((value): readonly number[] => {
      if (typeof value === 'number') return [value];
      return typeof value === 'string' ? IMIX_FRAME_BYTES : value;
    });
