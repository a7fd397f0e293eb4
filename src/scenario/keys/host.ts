/** What a scenario may say of a modelled host: its CPUs, the rules of its kernel, and what its work costs. */
import { z } from 'zod';
import { COST_KEYS, COST_MEANINGS, COST_PROFILE_NAMES } from '../profiles/cost-profiles.ts';
import type { CostKey } from '../profiles/cost-profiles.ts';
import { HZ_VALUES, KERNEL_NAMES } from '../profiles/kernel-profiles.ts';
import {
  SOFTIRQ_CPUS_MAX,
  booleanOr,
  componentName,
  duration,
  durationOr,
  integer,
  integerOr,
  positiveDuration,
} from './fields.ts';

const softirqSchema = z.strictObject({
  weight: integer(1, 4096)
    .prefault(64)
    .describe('Frames per NAPI poll. Default 64: NAPI_POLL_WEIGHT, include/linux/netdevice.h.'),
  budget: integer(1, 100_000)
    .prefault(300)
    .describe('Frames per net_rx_action pass. Default 300: netdev_budget, net/core/dev.c.'),
  budgetTime: durationOr('auto')
    .prefault('auto')
    .describe('Time limit of a net_rx_action pass. Default auto: 2 ticks (netdev_budget_usecs, net/core/dev.c).'),
  maxRestart: integer(0, 1000)
    .prefault(10)
    .describe('Sweeps of one inline visit. Default 10: MAX_SOFTIRQ_RESTART, kernel/softirq.c.'),
  maxTime: durationOr('auto')
    .prefault('auto')
    .describe(
      'Time limit of an inline visit. Default auto: 2 ms up to a whole tick (MAX_SOFTIRQ_TIME, kernel/softirq.c).',
    ),
  repollList: booleanOr('auto')
    .prefault('auto')
    .describe('Poll each NAPI instance once a pass at most. Default auto: by kernel (net_rx_action since v3.19).'),
  ksoftirqdGuard: booleanOr('auto')
    .prefault('auto')
    .describe(
      'Skip inline softirq while ksoftirqd runs. Default auto: by kernel (ksoftirqd_running, kernel/softirq.c).',
    ),
  backlog: integer(1, 1_000_000)
    .prefault(1000)
    .describe('Frames in the backlog of a CPU. Default 1000: netdev_max_backlog, net/core/dev.c.'),
});

/** Where a row names no kernel file it is an estimate of this model's. */
const schedulerSchema = z.strictObject({
  slice: positiveDuration()
    .prefault('1400us')
    .describe(
      'Time a thread may run while another waits; inline softirq gives way at a tick that finds it over. Default 1400us: ' +
        'sysctl_sched_base_slice, 0.7 ms times 1 + log2(CPUs) on two CPUs, kernel/sched/fair.c. On real threads the ' +
        'kernel below keeps its own slice, and only inline softirq asks for this one.',
    ),
  wakeupGranularity: duration()
    .prefault('1400us')
    .describe(
      'Weighted time by which a woken thread must be behind the running one to preempt it, on virtual time. Default ' +
        '1400us, a slice: EEVDF protects it (RUN_TO_PARITY, kernel/sched/features.h). CFS: sysctl_sched_wakeup_granularity, ' +
        '1 ms times 1 + log2(CPUs).',
    ),
  wakeupCredit: duration()
    .prefault('0ns')
    .describe(
      'Weighted time by which a thread that slept long is placed before the others, on virtual time. Default 0ns: EEVDF ' +
        'gives none (place_entity, kernel/sched/fair.c). CFS: half of sched_latency (GENTLE_FAIR_SLEEPERS).',
    ),
  switch: duration()
    .prefault('1500ns')
    .describe('Cost of a change of threads, paid by the incoming one, on virtual time. Default 1500ns, an estimate.'),
  wakeLocal: duration()
    .prefault('2us')
    .describe(
      'From the ring of a doorbell until the sleeper can run, on the same CPU of the virtual host. Default 2us: the wake ' +
        'bench measures 2.6 us with the switch.',
    ),
  wakeRemote: duration()
    .prefault('5us')
    .describe(
      'The same on another CPU of the virtual host. Default 5us, an estimate of an idle CPU that does not sleep deeply.',
    ),
});

const costLine = (key: CostKey) =>
  duration()
    .describe(`Per ${COST_MEANINGS[key].per}: ${COST_MEANINGS[key].what}. linux: ${COST_MEANINGS[key].linuxNs}ns.`)
    .optional();
const costLines = Object.fromEntries(COST_KEYS.map((key) => [key, costLine(key)])) as {
  [K in CostKey]: ReturnType<typeof costLine>;
};

const PROFILES_ALLOWED = `${COST_PROFILE_NAMES.join(', ')}, or the path of a profile`;
const INHERITED = 'Profile of the lines not named. Default linux.';
const PROFILE_NAMES = [z.enum(COST_PROFILE_NAMES), z.string().regex(/[/.]/, { abort: true })] as const;
const profileName = z.union(PROFILE_NAMES, { error: () => PROFILES_ALLOWED });

export const hostSchema = z.strictObject({
  softirqCpus: integer(1, SOFTIRQ_CPUS_MAX)
    .prefault(1)
    .describe('CPUs that take interrupts and run softirqs, a thread each. Default 1.'),
  kernel: z
    .enum(KERNEL_NAMES)
    .prefault('linux-3.13')
    .describe(
      'Whose rules the host follows; keys below change single ones. Default linux-3.13, the era of the talk. ' +
        'linux-4.9: inline softirq skipped while ksoftirqd runs. linux-6.5: that guard removed, vhost in batches.',
    ),
  hz: z
    .literal(HZ_VALUES)
    .prefault(250)
    .describe('Timer ticks a second: 100, 250, 300 or 1000. Default 250 (kernel/Kconfig.hz).'),
  threadedNapi: z
    .boolean()
    .prefault(false)
    .describe('Poll NICs in ordinary threads (napi_threaded_poll, net/core/dev.c, since 5.12). Default false.'),
  tunReceive: z
    .enum(['auto', 'backlog', 'direct'])
    .prefault('auto')
    .describe(
      'How frames of a guest enter the host: backlog (netif_rx_ni) or direct (netif_receive_skb), tun_get_user in ' +
        'drivers/net/tun.c. Default auto: by kernel.',
    ),
  scheduler: schedulerSchema.prefault({}).describe('Its scheduler; but for the slice, of the virtual host only.'),
  softirq: softirqSchema.prefault({}).describe('Limits of softirq processing.'),
  costs: z
    .union(
      [profileName, z.strictObject({ inherit: profileName.prefault('linux').describe(INHERITED), ...costLines })],
      {
        error: () => `${PROFILES_ALLOWED}, or a mapping of cost lines`,
      },
    )
    .prefault('linux')
    .describe(
      'CPU time declared for kernel work this program does not do: none, linux, the path of a profile that vhostlab ' +
        'calibrate has written, or {inherit: linux, nicRx: 300ns}. Default linux.',
    ),
  poolFrames: integerOr('auto', 256, 1_048_576)
    .prefault('auto')
    .describe('Frame slots of each softirq CPU for reception. Default auto: enough for every ring and queue at once.'),
});

export const namedHostSchema = hostSchema.extend({ name: componentName().describe('Name, such as appliance.') });

/** On ports, bridges and VMs. */
export const hostName = () => componentName().describe('Host it belongs to. Default: the first of hosts.').optional();
