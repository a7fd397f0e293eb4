/**
 * Small faults put into the source of a mechanism, one at a time: an atomic operation left out, two neighbours in the
 * other order, a look whose answer is not heeded. What the explorer does with them says how fine its net is. The module
 * under test is the shipped one but for that: it is bundled anew for each fault, with the models that run it.
 */
import { build } from 'esbuild';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type * as Models from './every-model.ts';

const SUPPORT = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(SUPPORT, '../..');

/** One fault. `name` is stable while the source around it is: file, kind and the statement's own text. */
export interface Mutant {
  readonly file: string;
  readonly name: string;
  /** The whole file with the fault in it. */
  readonly text: string;
  /** The file without it. */
  readonly source: string;
}

/** Every fault of the three kinds in `file`, a path from the root of the project. */
export function mutantsOf(file: string): Mutant[] {
  const text = readFileSync(resolve(ROOT, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];
  const add = (what: string, from: number, to: number, by: string): void => {
    mutants.push({ file, name: what, text: text.slice(0, from) + by + text.slice(to), source: text });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isReturnStatement(node) && node.expression !== undefined && decidesByLook(node.expression)) {
      for (const answer of ['true', 'false']) {
        add(`${nameOf(node)}, always ${answer}`, node.getStart(), node.end, `return ${answer};`);
      }
    }
    const list = ts.isBlock(node) ? node.statements : [];
    list.forEach((statement, i) => {
      if (!movable(statement)) return;
      if (changesAtomically(statement)) add(`${nameOf(statement)}, left out`, statement.getStart(), statement.end, ';');
      const next = list.at(i + 1);
      if (next === undefined || !movable(next)) return;
      if (!(changesAtomically(statement) ? reachesShared(next) : reachesShared(statement) && changesAtomically(next)))
        return;
      const swapped = `${next.getText()}\n${statement.getText()}`;
      add(`${nameOf(statement)}, after ${oneLine(next)}`, statement.getStart(), next.end, swapped);
    });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}

/** The models over the mutated source. */
export async function modelsWith(mutant: Mutant): Promise<typeof Models> {
  const { outputFiles } = await build({
    entryPoints: [resolve(SUPPORT, 'every-model.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['koffi'],
    plugins: [
      {
        name: 'mutant',
        setup: (bundle) => {
          const path = resolve(ROOT, mutant.file);
          bundle.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) =>
            loaded === path ? { contents: mutant.text, loader: 'ts' } : null,
          );
        },
      },
    ],
  });
  const folder = mkdtempSync(resolve(tmpdir(), 'vhostlab-mutant-'));
  try {
    const path = resolve(folder, 'models.mjs');
    writeFileSync(path, outputFiles[0].contents);
    return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as typeof Models;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A statement that stands by itself: no declaration that the next one may need, no way out of the block. */
function movable(statement: ts.Statement): boolean {
  return ts.isExpressionStatement(statement) || (ts.isIfStatement(statement) && !leaves(statement));
}

function leaves(node: ts.Node): boolean {
  if (ts.isReturnStatement(node) || ts.isContinueStatement(node) || ts.isBreakStatement(node)) return true;
  return ts.forEachChild(node, (child) => leaves(child) || undefined) ?? false;
}

function contains(node: ts.Node, is: (node: ts.Node) => boolean): boolean {
  return is(node) || (ts.forEachChild(node, (child) => contains(child, is) || undefined) ?? false);
}

/** An atomic operation that changes a word, or the wake-up of its sleeper. */
function changesAtomically(node: ts.Node): boolean {
  return contains(
    node,
    (n) =>
      ts.isCallExpression(n) &&
      /^(Atomics\.(?!load\b)\w+|wake|lift|parking\.\w+|this\.lock\.\w+)$/.test(n.expression.getText()),
  );
}

/** That, a look at a shared word, a plain write of an element, or a call that may do any of it. */
function reachesShared(node: ts.Node): boolean {
  return contains(
    node,
    (n) =>
      ts.isCallExpression(n) ||
      (ts.isBinaryExpression(n) &&
        ts.isElementAccessExpression(n.left) &&
        n.operatorToken.kind === ts.SyntaxKind.EqualsToken),
  );
}

/** Says yes or no by a look at a shared word. */
function decidesByLook(node: ts.Expression): boolean {
  return /Atomics\.load\(/.test(node.getText()) && /[=<>!]=|[<>]/.test(node.getText().replace(/=>|<<|>>>?/g, ''));
}

function nameOf(statement: ts.Statement): string {
  return `${methodOf(statement)}: ${oneLine(statement)}`;
}

function methodOf(node: ts.Node): string {
  let name = '';
  for (let at: ts.Node = node; !ts.isSourceFile(at); at = at.parent) {
    if ((ts.isMethodDeclaration(at) || ts.isFunctionDeclaration(at)) && name === '') name = at.name?.getText() ?? '';
    if (ts.isAccessor(at) && name === '') name = at.name.getText();
    if (ts.isConstructorDeclaration(at) && name === '') name = 'constructor';
    if (ts.isClassDeclaration(at)) return `${at.name?.getText() ?? ''}.${name}`;
  }
  return name;
}

function oneLine(node: ts.Node): string {
  return node.getText().replace(/\s+/g, ' ');
}
