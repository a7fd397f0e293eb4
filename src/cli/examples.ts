/** The one table of examples: every verb has some, its help prints them, and a test reads their flags. */

export interface Example {
  /** As it is typed. */
  readonly command: string;
  /** What comes of it. */
  readonly shows: string;
}

const example = (command: string, shows: string): Example => ({ command, shows });

export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  run: [
    example('vhostlab run livelock', 'a load that is carried, then a flood, on real threads'),
    example('vhostlab run livelock --host virtual --set run.phases.flood.rate=2Mpps', 'any key changed'),
    example('vhostlab run livelock --pcap office.pcap.gz --pacing captured', 'a capture as it was captured'),
    example('tcpdump -c 10000 -w - | vhostlab run livelock --pcap -', 'what is being captured'),
    example('vhostlab run feedback --json - | jq .phases[].total', 'the result for a program'),
  ],
  attach: [example('vhostlab attach nat44', 'namespaces for ping, iperf3 and tcpdump; it says what to type there')],
  sweep: [
    example('vhostlab sweep kvm-forum-2014 --svg talk.svg', "the talk's curves, in multiples of the loss-free rate"),
    example('vhostlab sweep livelock --modes vhost,direct --rates 50kpps,1e5pps,80%', 'two modes at three loads'),
    example('vhostlab sweep livelock --host virtual --rates 50%L,1L,4L --loss-free 0%', 'L without any loss'),
    example(
      'vhostlab sweep livelock --grid host.hz=100,1000 --modes vhost,direct --csv out',
      'what the tick does in each mode, with tables of every trial and point',
    ),
    example(
      'vhostlab sweep livelock --resume livelock.jsonl --json livelock.json',
      'after Ctrl-C the same again goes on with what is missing',
    ),
  ],
  calibrate: [example('vhostlab calibrate --out this-machine.yaml', 'a cost profile of this kernel, in half a minute')],
  reality: [
    example('vhostlab reality livelock --condition shared --svg reality.svg', 'three curves in one picture'),
    example('vhostlab reality --set host.costs=this-machine.yaml', 'with the costs that calibrate has measured'),
  ],
  search: [
    example('vhostlab search kvm-forum-2014', 'NDR and PDR, within 2 %'),
    example('vhostlab search livelock --host virtual --goal loss=0.1%,width=1%', 'a goal of your own'),
    example('vhostlab search livelock --preset csit --json livelock.json', 'as CSIT does'),
  ],
  'bench-2544': [
    example('vhostlab bench-2544 kvm-forum-2014 --quick --sizes 64,1518', 'two sizes in some minutes'),
    example('vhostlab bench-2544 livelock --host virtual --quick --sizes 64,imix', 'exactly repeatable'),
  ],
  compare: [
    example('vhostlab compare livelock livelock --set-b host.hz=1000 --rates 100kpps', 'two ticks, now'),
    example(
      "vhostlab compare old.json new.json --fail-on 'delivered < -3%'",
      'a gate for two sweeps of one variant each: exit code 99',
    ),
  ],
  topology: [example('vhostlab topology livelock --svg livelock.svg', 'who hands frames to whom')],
  list: [example('vhostlab list', 'what comes with the program, and how it is run here')],
  validate: [example('vhostlab validate mine.yaml', 'what is wrong with it, with line and column')],
  explain: [example('vhostlab explain tx_dropped', 'what a counter means')],
  schema: [
    example('vhostlab schema > scenario.schema.json', 'for editors'),
    example('vhostlab schema --result > result.schema.json', 'for programs'),
  ],
  doctor: [example('vhostlab doctor', 'what this machine allows, and what that means for runs')],
  completion: [
    example('source <(vhostlab completion bash)', 'in this shell; in ~/.bashrc for all'),
    example('vhostlab completion fish > ~/.config/fish/completions/vhostlab.fish', 'for all shells to come'),
  ],
};

/** What help prints of a verb: each command on a line of its own, so that it can be copied. */
export function examplesText(verb: string): string {
  const lines = (EXAMPLES[verb] ?? []).map(({ command, shows }) => `  ${command}\n      ${shows}`);
  return lines.length === 0 ? '' : `\nExamples:\n${lines.join('\n')}`;
}
