import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TSX = join(ROOT, 'node_modules/.bin/tsx');
const folder = mkdtempSync(join(tmpdir(), 'vhostlab-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function vhostlab(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(TSX, [join(ROOT, 'src/cli/main.ts'), ...args], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

function scenarioFile(text: string): string {
  const file = join(folder, 'mine.yaml');
  writeFileSync(file, text);
  return file;
}

describe('what is right', () => {
  it('list names the scenarios that come with the program', () => {
    const { status, stdout, stderr } = vhostlab('list');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^kvm-forum-2014, 24\.5 s of warm-up and traffic, 2 cores, .* expectations?\n {2}The test bed of .*\n/m,
    );
    expect(stdout).toMatch(/^ {2}npm run vhostlab -- run kvm-forum-2014-fast$/m);
    if (availableParallelism() >= 12) return;
    expect(stdout).toMatch(/^multiqueue, 12\.5 s of virtual time, 12 cores, /m);
    expect(stdout).toMatch(/^ {2}npm run vhostlab -- run multiqueue --host virtual$/m);
  });

  it('run replays what comes by standard input or through a pipe, and says before what it holds', () => {
    const header = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, ...new Array<number>(10).fill(0), 1, 0, 1, 0, 0, 0];
    const arp = [...new Array<number>(12).fill(2), 8, 6];
    const record = [1, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 14, 0, 0, 0, ...arp];
    const capture = Uint8Array.from([...header, ...record, ...record.slice(0, 20)]);
    const short = ['--duration', '10ms', '--set', 'run.warmup=1ms', '--set', 'expect=[]', '--quiet'];
    const args = [join(ROOT, 'src/cli/main.ts'), 'run', 'kvm-forum-2014', '--host', 'virtual', ...short, '--pcap', '-'];
    const { status, stdout } = spawnSync(TSX, args, { input: capture, encoding: 'utf8', cwd: folder, timeout: 60_000 });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^capture standard input: 1 frame, without times\n {2}warning: the file is cut off: /);
    expect(stdout).toMatch(/\n {4}not forwarded by a router: 100 % \(1\), of these\n {6}1 ARP\n/);
  });

  it('list --json says the same to programs', () => {
    const { status, stdout } = vhostlab('list', '--json');
    expect(status).toBe(0);
    const entries = JSON.parse(stdout) as { name: string; coresNeeded: number; command: string }[];
    const shared = entries.find(({ name }) => name === 'noisy-neighbour-accelerated');
    const virtual = availableParallelism() < 4 ? ' --host virtual' : '';
    const command = `npm run vhostlab -- run noisy-neighbour-accelerated${virtual}`;
    expect(shared).toMatchObject({ coresNeeded: 4, command });
  });

  it('list --into replaces the catalogue of a page that has a place for one', () => {
    const page = join(folder, 'page.md');
    const marks = ['<!-- catalogue: written by npm run docs -->', '<!-- catalogue ends -->'];
    writeFileSync(page, `before\n${marks.join('\nold\n')}\nafter\n`);
    expect(vhostlab('list', '--into', page)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(page, 'utf8')).toMatch(/^before\n<!-- .* -->\n\n### accelerated\n[^]*\n\n<!-- .*\nafter\n$/);
    expect(readFileSync(page, 'utf8')).not.toContain('\nold\n');
    writeFileSync(page, 'no place');
    const stderr = `--into ${page}: found no marks, allowed: ${marks.join(' and, below it, ')}\n`;
    expect(vhostlab('list', '--into', page)).toEqual({ status: 104, stdout: '', stderr });
    expect(readFileSync(page, 'utf8')).toBe('no place');
  });

  it('topology draws who hands frames to whom, as Mermaid text or SVG', () => {
    const { status, stdout } = vhostlab('topology', 'kvm-forum-2014');
    expect(status).toBe(0);
    expect(stdout).toContain('flowchart LR\n');
    expect(stdout).toContain('actor_tap0 -->|"queue 500"| actor_vhost_vnic0\n');
    const file = join(folder, 'drawn', 'topology.svg');
    expect(vhostlab('topology', 'kvm-forum-2014', '--svg', file)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(file, 'utf8')).toMatch(/^<svg /);
  });

  it('validate says what a run would have', () => {
    const { status, stdout, stderr } = vhostlab('validate', 'kvm-forum-2014');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^kvm-forum-2014 is valid: 7 threads \(hardware0, softirq0, .*\), \d+ MiB\n$/);
  });

  it('validate --resolved prints the scenario with its overrides, as JSON', () => {
    const { status, stdout } = vhostlab('validate', 'kvm-forum-2014', '--set', 'traffic.flows=7', '--resolved');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'kvm-forum-2014',
      traffic: { streams: [{ flows: 7 }, { flows: 7 }] },
    });
  });

  it('validate tells a key that has no effect', () => {
    const { status, stdout } = vhostlab('validate', 'livelock', '--set', 'vms.0.nics.0.feedback.highMark=400');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^livelock is valid: .*\nvms\.0\.nics\.0\.feedback\.highMark has no effect: .*\n$/);
  });

  it('explain says what a key of a scenario means', () => {
    const { status, stdout } = vhostlab('explain', 'host.scheduler.slice');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^host\.scheduler\.slice, of a scenario\n {2}Time a thread may run/);
  });

  it('explain says what a counter means', () => {
    const { status, stdout, stderr } = vhostlab('explain', 'eth0:rx_missed_errors');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('rx_missed_errors, of a nic\n  frames that ended here: RX ring has no free descriptor\n');
  });

  it('schema prints JSON', () => {
    const { status, stdout } = vhostlab('schema');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ title: 'vhostlab scenario', type: 'object' });
  });

  it('doctor says what this machine allows', () => {
    const { status, stdout } = vhostlab('doctor');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^cores: [\d,-]+, /m);
    expect(stdout).toMatch(/^schedstat: (yes|no), /m);
  });

  it('what a user names is where the user stands, through npm too', () => {
    const file = scenarioFile('name: mine\n');
    const npm = (...args: string[]) =>
      spawnSync('npm', ['--prefix', ROOT, 'run', '--silent', 'vhostlab', '--', ...args], {
        encoding: 'utf8',
        cwd: folder,
      });
    const { status, stdout } = npm('validate', `./${basename(file)}`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^mine is valid/) as string });
  });

  it('a result on stdout has it to itself', () => {
    const short = ['--host', 'virtual', '--duration', '5ms', '--set', 'run.warmup=5ms', '--set', 'run.settle=5ms'];
    for (const name of ['-', '/dev/stdout']) {
      const { stdout, stderr } = vhostlab('run', 'kvm-forum-2014', ...short, '--json', name);
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'run', ledger: { balanced: true } });
      expect(stderr).toContain('What limited this run');
    }
  });

  it.each(['virtual', 'threads'])('what a module says goes to stderr under its name, on host %s', (host) => {
    const module = join(folder, 'talkative.ts');
    writeFileSync(
      module,
      `import { IpForward } from 'vhostlab/ip-forward';
      export default (guest) => {
        console.log('built for', { vcpu: guest.vcpu });
        return new IpForward(guest);
      };`,
    );
    const short = ['--duration', '5ms', '--set', 'run.warmup=5ms', '--set', 'run.settle=5ms', '--host', host];
    const { stdout, stderr } = vhostlab(
      'run',
      'my-function',
      ...short,
      '--json-stream',
      '--set',
      `vms.vm0.nf=${module}`,
    );
    for (const line of stdout.trimEnd().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(stderr).toMatch(/^talkative\.ts: built for \{ vcpu: 0 \}$/m);
  });

  it('a reader who leaves early is not an error', () => {
    const pipeline = `"${TSX}" "${join(ROOT, 'src/cli/main.ts')}" schema | head -c 1; echo " $PIPESTATUS"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', pipeline], { encoding: 'utf8', cwd: folder, timeout: 60_000 });
    expect({ stdout, stderr }).toEqual({ stdout: '{ 0\n', stderr: '' });
  });

  it('help and version are not errors', () => {
    expect(vhostlab('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
    const { status, stdout } = vhostlab('run', '--help');
    expect(status).toBe(0);
    expect(stdout).toContain('111 the ledger does not balance');
  });
});

describe('what is wrong is said on stderr, without a trace, and ends with 104', () => {
  it.each([
    { args: ['rnu', 'x'], says: /unknown command 'rnu'\n\(Did you mean run\?\)/ },
    { args: ['run'], says: /missing required argument 'scenario'/ },
    { args: ['run', 'kvm-forum-2014', '--hots', 'x'], says: /unknown option '--hots'\n\(Did you mean --host\?\)/ },
    { args: ['run', 'kvm-forum-2014', '--host', 'thread'], says: /Allowed choices are threads, virtual/ },
    {
      args: ['run', 'kvm-forum-2014', '--set', 'rate'],
      says: /expected path=value, such as run\.phases\.flood\.rate=2Mpps/,
    },
    { args: ['run', 'kvm-forum-2014', '--duration', '5'], says: /^--duration: found "5", allowed: a duration such as/ },
    { args: ['run', 'kvm-forum-2014', '--duration', '0s'], says: /^--duration: found "0s"/ },
    { args: ['run', 'kvm-forum-2014', '--json', '/dev/null/x.json'], says: /^--json \/dev\/null\/x\.json: / },
    { args: ['run', 'kvm-forum-2014', '--pcap', 'none.pcap'], says: /none\.pcap/ },
    { args: ['run', 'kvm-forum-2014', '--pacing', '2x'], says: /^--pacing: found 2x without a capture, allowed: / },
    { args: ['run', 'kvm-forum-2014', '--pacing', 'fast'], says: /^--pacing: found "fast", allowed: captured, or / },
    {
      args: ['sweep', 'kvm-forum-2014', '--set', 'traffic.pcap=/dev/null'],
      says: /dev\/null: byte 0: neither a pcap nor a pcapng file/,
    },
    {
      args: ['run', 'kvm-forum-2014', '--set', 'traffic.rte=5'],
      says: /unknown key "rte" in traffic.*did you mean "rate"\?/,
    },
    {
      args: ['run', 'kvm-forum-201'],
      says: /no such scenario, allowed: .*did you mean "kvm-forum-2014"\?/,
    },
    { args: ['topology', 'kvm-forum-2014', '--cores', '0'], says: /expected a number of cores from 1 to 1024/ },
    { args: ['topology', 'kvm-forum-2014', '--svg', '/dev/null/x.svg'], says: /^--svg \/dev\/null\/x\.svg: / },
    { args: ['explain', 'rx_mised_errors'], says: /^no counter, reason or key .*did you mean "rx_missed_errors"\?/ },
    {
      args: ['sweep', 'ladder', '--set', 'traffic.streams=[{ from: eth0, to: eth1, rate: 10kpps }]'],
      says: /^ladder has a rate of its own for every stream, .* allowed: /,
    },
    { args: ['serch', '--help'], says: /^error: unknown command 'serch'\n\(Did you mean search\?\)/ },
    { args: ['search', 'livelock', '--gaol', 'loss=1%'], says: /\(Did you mean --goal\?\)/ },
    {
      args: ['search', 'livelock', '--goal', 'width=1%'],
      says: /^--goal: found "width=1%", allowed: loss=0\.5%,width=2%/,
    },
    {
      args: ['search', 'livelock', '--preset', 'csit', '--goal', 'name=NDR,loss=1%'],
      says: /^--goal: found two goals called "NDR", allowed: name=WORD for one/,
    },
    { args: ['search', 'livelock', '--unit', 'connections'], says: /has no traffic.connections to follow/ },
    { args: ['sweep', 'tcp-terminate', '--rates', '1kpps'], says: /allowed: connections\/s such as 2kcps/ },
    { args: ['sweep', 'network-appliance', '--stream', 'x'], says: /^--stream: found "x", allowed: requests, attack/ },
    { args: ['validate', './none.yaml'], says: /^\.\/none\.yaml: no such file/ },
  ])('$args', ({ args, says }) => {
    const { status, stdout, stderr } = vhostlab(...args);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^ +at /m);
    expect({ status, stdout }).toEqual({ status: 104, stdout: '' });
  });

  it('with the place in the file, for every fault at once', () => {
    const file = scenarioFile('traffic:\n  rate: 300\nhost:\n  kernal: linux-3.13\n');
    const { status, stderr } = vhostlab('validate', file);
    expect(status).toBe(104);
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/mine\.yaml:2:9: /);
    expect(lines[1]).toMatch(/mine\.yaml:4:3: .*did you mean "kernel"\?/);
  });
});

/** Starts a run as the scripts of package.json do, and sends a signal as soon as its stream shows the given phase. */
function interruptAt(
  phase: string,
  signal: NodeJS.Signals,
  ...args: string[]
): Promise<{ status: number | null; lines: string[] }> {
  const main = ['--import', 'tsx', join(ROOT, 'src/cli/main.ts')];
  const child = spawn(process.execPath, [...main, 'run', 'kvm-forum-2014', '--json-stream', ...args], { cwd: ROOT });
  let stdout = '';
  let sent = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (sent || !stdout.includes(`"phase":"${phase}"`)) return;
    sent = true;
    child.kill(signal);
  });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, lines: stdout.trimEnd().split('\n') }));
  });
}

interface StreamRecord {
  readonly event: string;
  readonly data: {
    readonly time: string;
    readonly monotonicNs: number;
    readonly ledger?: { readonly balanced: boolean };
  };
}

describe.each([
  ['SIGINT', 'virtual'],
  ['SIGINT', 'threads'],
  ['SIGHUP', 'virtual'],
  ['SIGTERM', 'virtual'],
  ['SIGQUIT', 'virtual'],
] as const)('%s on host %s', (signal, host) => {
  it('ends with 130, after the ledger, the last record and the file', async () => {
    const file = join(folder, `${signal}-${host}.json`);
    const flags = ['--host', host, '--json', file, '--set', 'run.warmup=100ms', '--set', 'run.sampleInterval=100ms'];
    const { status, lines } = await interruptAt('comfortable', signal, ...flags);
    const records = lines.map((line) => JSON.parse(line) as StreamRecord);
    expect(records.map(({ event }) => event).filter((event) => event !== 'interval')).toEqual(['start', 'end']);
    for (const { data } of records) expect(new Date(data.time).toISOString()).toBe(data.time);
    const moments = records.map(({ data }) => data.monotonicNs);
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(records.at(-1)!.data.ledger).toMatchObject({ balanced: true, faults: [] });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ interrupted: true, exitCode: 130 });
    expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect(status).toBe(130);
  });
});
