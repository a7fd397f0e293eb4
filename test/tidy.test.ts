/** The rules that no compiler knows: who may import whom, how long things may be, and what hot code does without. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { polledCode } from './support/polled-code.ts';
import type { Reached } from './support/polled-code.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const WIDTH_MAX = 120;
const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

const SOURCES = [...filesBelow('src'), ...filesBelow('actors')];
const TESTS = filesBelow('test');
const text = new Map([...SOURCES, ...TESTS].map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
const parsed = new Map(
  [...text].map(([file, source]) => [file, ts.createSourceFile(file, source, ts.ScriptTarget.ES2023, true)]),
);

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

/** Files of this repository that a file imports. */
function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const note = (specifier: ts.Expression | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return;
    found.push({ target: normalize(join(dirname(file), specifier.text)), typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) note(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false);
    if (ts.isExportDeclaration(node)) note(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      note(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(parsed.get(file)!);
  return found;
}

/** Imports by files below a folder, of targets that fit. */
function importsBetween(folder: string, fits: (target: string) => boolean): { file: string; target: string }[] {
  return SOURCES.filter((file) => file.startsWith(folder)).flatMap((file) =>
    importsOf(file).flatMap(({ target }) => (fits(target) ? [{ file, target }] : [])),
  );
}

/** Files that lead back to themselves, each with those on its way: from every file a walk through its imports. */
function circles(): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) found.push([...way.slice(way.indexOf(file)), file].join(' -> '));
    if (done.has(file) || way.includes(file)) return;
    for (const { target } of importsOf(file)) if (parsed.has(target)) visit(target, [...way, file]);
    done.add(file);
  };
  SOURCES.forEach((file) => visit(file, []));
  return found;
}

/** Lines of `files` that match, as `file:line: text`, unless the function they are in is allowed. */
function offences(files: readonly string[], pattern: RegExp, allowedIn: readonly string[] = []): string[] {
  return files.flatMap((file) =>
    matches(file, pattern)
      .filter(({ at }) => !allowedIn.includes(enclosing(file, at)))
      .map(({ line, found }) => `${file}:${line}: ${found}`),
  );
}

function matches(file: string, pattern: RegExp): { at: number; line: number; found: string }[] {
  const source = parsed.get(file)!;
  const code = withoutComments(file);
  return [...code.matchAll(new RegExp(pattern, 'g'))].map((match) => ({
    at: match.index,
    line: source.getLineAndCharacterOfPosition(match.index).line + 1,
    found: match[0],
  }));
}

const stripped = new Map<string, string>();

/** The text with every comment blanked, offsets kept. */
function withoutComments(file: string): string {
  const known = stripped.get(file);
  if (known !== undefined) return known;
  const source = text.get(file)!;
  let code = source;
  const blank = (start: number, end: number): void => {
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, ' ') + code.slice(end);
  };
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(source, node.getFullStart()) ?? []) blank(range.pos, range.end);
    for (const range of ts.getTrailingCommentRanges(source, node.getEnd()) ?? []) blank(range.pos, range.end);
    node.getChildren().forEach(visit);
  };
  visit(parsed.get(file)!);
  stripped.set(file, code);
  return code;
}

/** Name of the innermost named function or method around a position; `''` at top level. */
function enclosing(file: string, at: number): string {
  let name = '';
  const visit = (node: ts.Node): void => {
    if (at < node.getStart() || at >= node.getEnd()) return;
    if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) name = node.name?.getText() ?? '';
    if (ts.isConstructorDeclaration(node)) name = 'constructor';
    ts.forEachChild(node, visit);
  };
  visit(parsed.get(file)!);
  return name;
}

describe('imports point downward', () => {
  const LAYERS = [
    ['src/cli/'],
    ['src/experiment/'],
    ['src/metrics/', 'src/plan/'],
    ['src/scenario/'],
    ['src/runtime/'],
    ['actors/'],
    ['src/e1000/'],
    ['src/virtio/', 'src/net/', 'src/kernel/'],
    ['src/memory/', 'src/text/'],
  ];
  const layerOf = (file: string): number =>
    LAYERS.findIndex((folders) => folders.some((folder) => file.startsWith(folder)));

  test('every source file belongs to a layer', () => {
    expect(SOURCES.filter((file) => layerOf(file) < 0)).toEqual([]);
  });

  test('no file imports from a layer above its own, and no source imports a test', () => {
    const wrong = SOURCES.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => layerOf(target) < layerOf(file))
        .map(({ target }) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('a scenario knows nothing that runs: it imports formats and constants alone', () => {
    const allowed = ['src/scenario/', 'src/text/', 'src/net/wire/', 'src/net/tcp/'];
    // Each for limits or choices that a key or a rule has from it.
    const constants = ['src/memory/frame-room.ts', 'src/net/choices.ts', 'src/virtio/net/net-queues.ts'];
    const targets = importsBetween('src/scenario/', (target) => !allowed.some((folder) => target.startsWith(folder)));
    expect(targets.filter(({ target }) => !constants.includes(target))).toEqual([]);
    expect(constants.filter((file) => targets.every(({ target }) => target !== file))).toEqual([]);
  });

  test('nobody but cli, experiment and plan knows scenarios', () => {
    const known = ['src/scenario/', 'src/plan/', 'src/experiment/', 'src/cli/'];
    const others = SOURCES.filter((file) => !known.some((folder) => file.startsWith(folder)));
    const wrong = others.filter((file) => importsOf(file).some(({ target }) => target.startsWith('src/scenario/')));
    expect(wrong).toEqual([]);
  });

  test('within a scenario, keys know no rules and neither knows how the rest is completed', () => {
    const rules = importsBetween('src/scenario/keys/', (target) => /^src\/scenario\/(rules|complete)\//.test(target));
    const completion = importsBetween('src/scenario/rules/', (target) => target.startsWith('src/scenario/complete/'));
    expect([...rules, ...completion]).toEqual([]);
  });

  test('no files import each other in a circle, not even for types', () => {
    expect(circles()).toEqual([]);
  });

  test('what is true of a mode stands in its row: nobody compares modes but the table and the backends', () => {
    const asking = SOURCES.filter((file) => file !== 'src/scenario/modes.ts' && !file.startsWith('src/plan/backends/'));
    expect(offences(asking, /\bmode\s*[!=]==|[!=]==\s*(?:\w+\.)*mode\b/)).toEqual([]);
    // Words that nothing but a mode is called by; vhost, qemu and direct are other things as well.
    const names = asking.filter((file) => !file.startsWith('src/scenario/keys/'));
    expect(offences(names, /'(vhost-feedback|accelerated|emulated)'/)).toEqual([]);
  });

  test('what is true of a kind of function stands in its row: nobody compares kinds, and few name them', () => {
    const asking = SOURCES.filter((file) => file !== 'src/scenario/function-kinds.ts');
    expect(offences(asking, /\bnf\??\.kind\s*[!=]==|[!=]==\s*(?:\w+\.)*nf\??\.kind\b/)).toEqual([]);
    // What may be written of each, and what is planned: the compiler finds that switch incomplete.
    const naming = ['src/scenario/keys/functions.ts', 'src/plan/guest/functions.ts'];
    // Words that nothing but a kind is called by; server and module are other things as well.
    const name = /'(ip-forward|firewall|nat44|load-balancer|tcp-terminate|tcp-proxy)'/;
    const others = asking.filter((file) => !file.startsWith('actors/guest/network-functions/'));
    const found = others.filter((file) => offences([file], name).length > 0);
    expect(found.sort()).toEqual(naming.sort());
  });

  test('virtio and net do not import each other', () => {
    const wrong = SOURCES.flatMap((file) => {
      const other = file.startsWith('src/virtio/') ? 'src/net/' : file.startsWith('src/net/') ? 'src/virtio/' : null;
      return importsOf(file).flatMap(({ target }) =>
        other !== null && target.startsWith(other) ? [`${file}: ${target}`] : [],
      );
    });
    expect(wrong).toEqual([]);
  });

  test('components meet in rings: no actor imports the code of another', () => {
    const components = SOURCES.filter((file) => /\bimplements Actor\b/.test(text.get(file)!));
    expect(components.length).toBeGreaterThan(10);
    const wrong = components.flatMap((file) =>
      importsOf(file)
        .filter(({ target, typeOnly }) => !typeOnly && components.includes(target))
        .map(({ target }) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('size', () => {
  test(`no line is wider than ${WIDTH_MAX}, but for text in quotes, which no formatter breaks`, () => {
    const isWide = (line: string): boolean => [...line].length > WIDTH_MAX && !/['"`/].{60}/.test(line);
    const wide = [...text].flatMap(([file, source]) =>
      source.split('\n').flatMap((line, i) => (isWide(line) ? [`${file}:${i + 1}`] : [])),
    );
    expect(wide).toEqual([]);
  });

  test(`no file is longer than ${FILE_LINES_MAX} lines`, () => {
    const long = [...text].flatMap(([file, source]) => {
      const lines = source.split('\n').length - 1;
      return lines > FILE_LINES_MAX ? [`${file}: ${lines}`] : [];
    });
    expect(long).toEqual([]);
  });

  test(`no function is longer than ${FUNCTION_LINES_MAX} lines`, () => {
    const long = SOURCES.flatMap((file) => {
      const source = parsed.get(file)!;
      const found: string[] = [];
      const visit = (node: ts.Node): void => {
        if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
          const first = source.getLineAndCharacterOfPosition(node.getStart()).line;
          const lines = source.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1;
          if (lines > FUNCTION_LINES_MAX) found.push(`${file}:${first + 1}: ${lines}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
    expect(long).toEqual([]);
  });
});

describe('hot code', () => {
  const ACTORS = SOURCES.filter((file) => file.startsWith('actors/'));
  const HOT = [...ACTORS, ...SOURCES.filter((file) => /^src\/(memory|kernel)\//.test(file))];
  /** What a poll reaches and runs seldom: once a set-up, a record or a growth, not once a frame. */
  const SELDOM = [
    'actors/vmm/vmm.ts: Vmm.poll',
    'actors/host/acceleration/direct-vring.ts: DirectPort.bind',
    'src/virtio/guest/guest-nic.ts: GuestNic.open',
    'src/virtio/pci/pci-transport.ts: VirtioPciDevice.write',
    'src/virtio/pci/pci-layout.ts: statusNames',
    'src/virtio/vhost/vhost-mailbox.ts: VhostMailboxServer.serve',
    'src/net/tables/receive-side-scaling.ts: evenIndirection',
    'src/net/tables/fdb.ts: Fdb.grow',
    'src/net/tcp/tls-record.ts: TlsDirection.seal',
    'src/net/tcp/tls-record.ts: TlsDirection.open',
    'src/net/tcp/tls-record.ts: expand',
  ];
  const BELOW = SOURCES.filter((file) => /^(actors|src\/(memory|kernel|net|virtio|e1000))\//.test(file));
  const polled = polledCode(ROOT, BELOW);

  test('reads no clock', () => {
    expect(offences(HOT, /Date\.now|performance\.|hrtime|setTimeout|setImmediate/)).toEqual([]);
  });

  test('knows no BigInt', () => {
    expect(offences(HOT, /BigInt|\b\d+n\b|BigUint64/)).toEqual([]);
  });

  test('has no Map or Set in an actor', () => {
    expect(offences(ACTORS, /new (Weak)?(Map|Set)\b/)).toEqual([]);
  });

  test('makes no views and no closures, and iterates over nothing, in what a poll reaches', () => {
    expect(polled([]).length).toBeGreaterThan(500);
    expect(polled(SELDOM).flatMap(wastes)).toEqual([]);
  });

  test.each(SELDOM)('needs the exception for %s', (exception) => {
    const others = SELDOM.filter((each) => each !== exception);
    expect(polled(others).flatMap(wastes)).not.toEqual([]);
  });

  test('touches ring indices, doorbells and masks through Atomics only', () => {
    const index = /\w*[wW]ords\[\w*(TAIL|HEAD|STATE|RAISED|UNMASKINGS|CONTEXTS|CHANGES|UP)_WORD\]/;
    expect(offences(HOT, index)).toEqual([]);
    // Doorbell, event word and lock have one word each: number 0.
    const memory = ['doorbell.ts', 'spin-lock.ts'].map((name) => `src/memory/${name}`);
    const kernel = ['port-mask.ts', 'interrupt-line.ts', 'softirq-line.ts'].map((name) => `src/kernel/${name}`);
    const files = [...memory, ...kernel];
    expect(offences(files, /\b(words|own)\[/)).toEqual([]);
  });
});

/** What a function does that costs memory at every call: `file:line: what`. */
function wastes({ file, node, name }: Reached): string[] {
  const found: string[] = [];
  const visit = (each: ts.Node): void => {
    const what =
      ts.isForOfStatement(each) || ts.isArrowFunction(each) || ts.isFunctionExpression(each)
        ? ts.SyntaxKind[each.kind]
        : ts.isNewExpression(each) && /^(DataView|Map|Set|.*Array)$/.test(each.expression.getText())
          ? `new ${each.expression.getText()}`
          : ts.isPropertyAccessExpression(each) && /^(subarray|slice)$/.test(each.name.text)
            ? each.name.text
            : null;
    if (what !== null) {
      const { line } = node.getSourceFile().getLineAndCharacterOfPosition(each.getStart());
      found.push(`${file}:${line + 1}: ${what} in ${name.slice(name.indexOf(' ') + 1)}`);
    }
    ts.forEachChild(each, visit);
  };
  visit(node.body!);
  return found;
}

describe('headers', () => {
  test('say of every file of the packet path what it is, before anything else', () => {
    const path = SOURCES.filter((file) => /^actors\/(wire|host|vmm|guest)\//.test(file) && !/functions\//.test(file));
    expect(path.filter((file) => !text.get(file)!.startsWith('/**'))).toEqual([]);
  });

  test('constants stand before types, and both before the class they are for', () => {
    const isType = (each: ts.Statement) => ts.isInterfaceDeclaration(each) || ts.isTypeAliasDeclaration(each);
    const isConstant = (each: ts.Statement) =>
      ts.isVariableStatement(each) && !each.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword);
    const late = SOURCES.filter((file) => file.startsWith('actors/')).flatMap((file) => {
      const { statements } = parsed.get(file)!;
      const firstClass = statements.findIndex(ts.isClassDeclaration);
      const before = firstClass < 0 ? statements : statements.slice(0, firstClass);
      const firstType = before.findIndex(isType);
      return firstType < 0 || !before.slice(firstType).some(isConstant) ? [] : [file];
    });
    expect(late).toEqual([]);
  });
});

describe('leftovers', () => {
  test('nothing is left to do', () => {
    const left = [...text].flatMap(([file, source]) =>
      source
        .split('\n')
        .flatMap((line, i) => (/\b(TO)(DO)\b|\bFIX(ME)\b|\bX{3}\b/.test(line) ? [`${file}:${i + 1}`] : [])),
    );
    expect(left).toEqual([]);
  });

  test('no test is skipped or singled out', () => {
    const tests = TESTS.filter((file) => file.endsWith('.test.ts') && file !== 'test/tidy.test.ts');
    expect(offences(tests, /\b(test|it|describe)\.(only|skip|todo)\b/)).toEqual([]);
  });

  test('every source file is reached from the command line or from a thread', () => {
    const open = ['src/cli/main.ts', 'src/runtime/threads/thread-main.ts', 'src/experiment/bed/trial-worker.ts'];
    const reached = new Set(open);
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      for (const { target } of importsOf(file)) {
        if (!reached.has(target)) open.push(target);
        reached.add(target);
      }
    }
    const dead = SOURCES.filter((file) => !reached.has(file) && !file.endsWith('.d.ts'));
    expect(dead).toEqual([]);
  });

  test('every test support file is used by a test', () => {
    const used = new Set(TESTS.flatMap((file) => importsOf(file).map(({ target }) => target)));
    const named = TESTS.map((file) => text.get(file)!).join('\n');
    const isNamed = (file: string): boolean => named.includes(`support/${relative('test/support', file)}`);
    const unused = TESTS.filter((file) => file.startsWith('test/support/') && !used.has(file) && !isNamed(file));
    expect(unused).toEqual([]);
  });

  test('dependencies are pinned exactly', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const kinds = ['dependencies', 'optionalDependencies', 'devDependencies'];
    const all = kinds.flatMap((kind) => Object.entries(manifest[kind] ?? {}));
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(readFileSync(join(ROOT, '.npmrc'), 'utf8')).toContain('engine-strict=true');
  });
});
