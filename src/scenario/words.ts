/** The words that a scenario chooses from, with what each stands for. Modes, kernels, costs and functions have tables. */

export const PLACEMENT_KINDS = [
  'generator',
  'client',
  'nic',
  'sink',
  'hardware',
  'softirq',
  'bridge',
  'tap',
  'vhost',
  'qemu',
  'e1000',
  'vcpu',
  'vmm',
] as const;
export type PlacementKind = (typeof PLACEMENT_KINDS)[number];

export const ACCELERATION_PROVIDERS = ['dpaa', 'sriov'] as const;
export type AccelerationProviderName = (typeof ACCELERATION_PROVIDERS)[number];

export const VNIC_FEATURES = ['event-idx', 'indirect-desc', 'ring-packed', 'mrg-rxbuf'] as const;
export type VnicFeature = (typeof VNIC_FEATURES)[number];

/** Where frames are lost: the kind of component that dropped them. */
export const DROP_PLACES = ['nic', 'softirq', 'bridge', 'tap', 'vhost', 'vmm', 'guest', 'pool'] as const;
export type DropPlace = (typeof DROP_PLACES)[number];

export const RELATIONS = ['<', '<=', '==', '>=', '>'] as const;
export type Relation = (typeof RELATIONS)[number];

/** What can be measured of a phase, the unit it has, and what it needs to be told besides. */
export const METRICS = {
  offered: { unit: 'fps', needs: 'nothing', what: 'frames/s the generators were asked for' },
  sent: { unit: 'fps', needs: 'nothing', what: 'frames/s the generators sent' },
  delivered: { unit: 'fps', needs: 'nothing', what: 'frames/s the sinks received' },
  loss: { unit: 'ratio', needs: 'nothing', what: 'share of sent frames that was dropped' },
  latencyP50: { unit: 'ns', needs: 'nothing', what: 'median latency from the intended send time' },
  latencyP99: { unit: 'ns', needs: 'nothing', what: '99th percentile of that latency' },
  dropShare: { unit: 'ratio', needs: 'place', what: 'share of all drops that happened at `place`' },
  running: { unit: 'ratio', needs: 'thread', what: 'share of the phase that `thread` ran' },
  waiting: { unit: 'ratio', needs: 'thread', what: 'share of the phase that `thread` was runnable and did not run' },
  counter: { unit: 'count', needs: 'counter', what: 'growth of the counter named by `counter` in the phase' },
} as const satisfies Readonly<
  Record<
    string,
    { unit: 'fps' | 'ratio' | 'ns' | 'count'; needs: 'nothing' | 'place' | 'thread' | 'counter'; what: string }
  >
>;
export type Metric = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as [Metric, ...Metric[]];

/** What a rule may watch, and its unit. All are taken over one sampling interval. */
export const SCALING_METRICS = {
  offered: { unit: 'fps', needs: 'nothing', what: 'frames/s due, of `stream` or all' },
  delivered: { unit: 'fps', needs: 'nothing', what: 'frames/s received, of `stream` or all' },
  loss: { unit: 'ratio', needs: 'nothing', what: 'share of sent frames that did not arrive, of `stream` or all' },
  connectionsOffered: { unit: 'cps', needs: 'clients', what: 'connections/s due' },
  connectionsCompleted: { unit: 'cps', needs: 'clients', what: 'connections/s answered and closed' },
  connectionsFailed: { unit: 'cps', needs: 'clients', what: 'connections/s that failed' },
  drops: { unit: 'fps', needs: 'nothing', what: 'frames/s dropped, at `place` or anywhere' },
  running: { unit: 'ratio', needs: 'thread', what: 'share of the time that `thread` ran' },
  waiting: { unit: 'ratio', needs: 'thread', what: 'share of the time that `thread` was runnable and did not run' },
} as const;
export type ScalingMetric = keyof typeof SCALING_METRICS;
export const SCALING_METRIC_NAMES = Object.keys(SCALING_METRICS) as [ScalingMetric, ...ScalingMetric[]];

/** What can be measured of a variant's curve, its unit, and what it needs to be told besides. Medians of the trials. */
export const SWEEP_METRICS = {
  egress: {
    unit: 'rate',
    needs: 'at',
    what: 'frames/s or connections/s that arrived, of the stream that counts or all',
  },
  loss: { unit: 'ratio', needs: 'at', what: 'share of what was sent that was lost' },
  lossFree: {
    unit: 'rate',
    needs: 'nothing',
    what: 'the highest offered rate that lost no more than counts as loss-free',
  },
  dropShare: { unit: 'ratio', needs: 'place', what: 'share of all drops that happened at `place`' },
  latencyP50: { unit: 'ns', needs: 'at', what: 'median latency, of several streams the longest' },
  waiting: { unit: 'ratio', needs: 'threads', what: 'share of the time that `threads` were runnable and did not run' },
} as const;
export type SweepMetric = keyof typeof SWEEP_METRICS;
export const SWEEP_METRIC_NAMES = Object.keys(SWEEP_METRICS) as [SweepMetric, ...SweepMetric[]];

/** Kinds of thread that share the modelled host. */
export const SWEPT_THREADS = ['softirq', 'vhost', 'vmm', 'vcpu'] as const;
export type SweptThread = (typeof SWEPT_THREADS)[number];
