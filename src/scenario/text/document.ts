/** The YAML text of a scenario as a tree whose nodes know where they stand, and the overrides put into it. */
import { Document, LineCounter, Scalar, YAMLMap, isAlias, isMap, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { Node, Pair, YAMLError } from 'yaml';
import { ScenarioError, showValue } from '../error.ts';
import type { FaultPlace, ScenarioProblem } from '../error.ts';
import type { KeyPath } from '../fault.ts';
import { defaultStructure } from '../structure.ts';
import type { FlagValue, Override } from './override.ts';
import { didYouMean } from './suggestion.ts';

export class ScenarioDocument {
  readonly file: string;
  private readonly tree: Document;
  private readonly lines: LineCounter;
  /** Nodes that came from the command line, with how messages name what was given there. */
  private readonly overridden = new Map<unknown, string>();

  /** Reads YAML 1.2. @throws ScenarioError for syntax errors and keys that occur twice, all of them. */
  constructor(file: string, text: string) {
    this.file = file;
    this.lines = new LineCounter();
    this.tree = parseDocument(text, { lineCounter: this.lines, prettyErrors: false });
    const faults = [...this.tree.errors, ...this.tree.warnings];
    if (faults.length > 0) throw new ScenarioError(faults.map((fault) => this.syntaxProblem(fault, text)));
    if (this.tree.contents === null) this.tree.contents = new YAMLMap();
  }

  /** The plain value; lists and maps are copies. */
  toValue(): unknown {
    try {
      return this.tree.toJS() as unknown;
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      throw new ScenarioError([{ file: this.file, place: this.placeOf([], 'value'), sentence: error.message }]);
    }
  }

  /** False for what was not written, neither in the file nor in an override, but derived from it. */
  has(path: KeyPath): boolean {
    let node = this.tree.contents;
    return path.every((key) => {
      const step = this.step(node, key);
      node = step?.value ?? null;
      return step !== undefined;
    });
  }

  /** Where the key or the value at a path stands; where it does not exist, where its nearest ancestor stands. */
  placeOf(path: KeyPath, at: 'key' | 'value'): FaultPlace {
    let node = this.tree.contents;
    let offset = node?.range?.[0] ?? 0;
    let override: string | undefined;
    for (let i = 0; i < path.length; i++) {
      const step = this.step(node, path[i]);
      if (step === undefined) break;
      override = this.overridden.get(step.value) ?? override;
      const isKey = at === 'key' && i === path.length - 1;
      offset = (isKey ? step.key : step.value)?.range?.[0] ?? offset;
      node = step.value;
    }
    if (override !== undefined) return { kind: 'override', told: override };
    const { line, col } = this.lines.linePos(offset);
    return { kind: 'file', line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** Puts one override into the tree. Returns the problem that kept it out, or null. */
  override(override: Override): ScenarioProblem | null {
    if (typeof override === 'object' && 'value' in override) {
      const { flag, value } = override;
      const problems = this.pathsOf(override).map((path) => this.place(flag, path, new Scalar(value)));
      return problems.find((problem) => problem !== null) ?? null;
    }
    const assignment = typeof override === 'string' ? override : override.assignment;
    const split = assignment.indexOf('=');
    const path = (split < 0 ? assignment : assignment.slice(0, split)).trim();
    const told = typeof override === 'string' ? `--set ${path}` : `${override.flag}: ${path}`;
    const whole = split >= 0 && !path.split('.').includes('');
    if (!whole)
      return this.misplaced(
        told,
        `found "${assignment}", allowed: path.to.key=value, such as run.phases.flood.rate=2Mpps`,
      );
    const value = parseDocument(assignment.slice(split + 1), { prettyErrors: false });
    if (value.errors.length > 0) return this.misplaced(told, `the value is not YAML: ${value.errors[0].message}`);
    return this.place(told, path, value.contents ?? value.createNode(null));
  }

  /** One path for each item of the list that a path has a `*` for. */
  private pathsOf({ path, otherwise = path }: FlagValue): string[] {
    const [list, rest] = path.split('.*.');
    if (rest === undefined) return [path];
    const node = this.tree.getIn(list.split('.'));
    return isSeq(node) ? node.items.map((_, i) => `${list}.${i}.${rest}`) : [otherwise];
  }

  /** @param told how messages name the override. */
  private place(told: string, path: string, node: Node): ScenarioProblem | null {
    const refusal = this.put(path.split('.'), node, told);
    if (refusal !== null) return this.misplaced(told, refusal);
    this.overridden.set(node, told);
    return null;
  }

  private misplaced(told: string, sentence: string): ScenarioProblem {
    return { file: this.file, place: { kind: 'override', told }, sentence };
  }

  /** Sets a node, making the maps on the way. Returns a sentence where that is impossible. */
  private put(steps: readonly string[], node: Node, told: string): string | null {
    let container = this.tree.contents as Node;
    for (let i = 0; ; i++) {
      const here = steps.slice(0, i).join('.') || 'the scenario';
      if (isSeq(container)) {
        const found = findItem(container.toJS(this.tree) as unknown[], steps[i]);
        if (typeof found === 'string') return `no "${steps[i]}" in ${here}, ${found}`;
        if (i === steps.length - 1) {
          container.items[found] = node;
          return null;
        }
        container.items[found] = this.ownNode(container.items[found]);
        container = container.items[found] as Node;
      } else if (isMap(container)) {
        if (i === steps.length - 1) {
          container.set(steps[i], node);
          return null;
        }
        const child = this.childMap(container, steps.slice(0, i + 1), told);
        container.set(steps[i], child);
        container = child;
      } else {
        const value = showValue(isScalar(container) ? container.value : container);
        return `${here} is ${value}, which has no keys; set ${here} itself`;
      }
    }
  }

  /** The node under the last step: what is there, else the default list, else an empty map from the override. */
  private childMap(parent: YAMLMap, steps: readonly string[], told: string): Node {
    const child = parent.get(steps[steps.length - 1], true) as Node | undefined;
    if (child !== undefined && !(isScalar(child) && child.value === null)) return this.ownNode(child);
    const whole = new Document(defaultStructure(this.toValue()));
    const list = whole.getIn(this.plainSteps(steps), true);
    if (isSeq(list)) return list;
    const made = new YAMLMap();
    this.overridden.set(made, told);
    return made;
  }

  /** Names of list items replaced by their indices, as far as the items exist. */
  private plainSteps(steps: readonly string[]): (string | number)[] {
    let node = this.tree.contents;
    return steps.map((step) => {
      const found = isSeq(node) ? findItem(node.toJS(this.tree) as unknown[], step) : step;
      const plain = typeof found === 'number' ? found : step;
      node = this.step(node, plain)?.value ?? null;
      return plain;
    });
  }

  /** An alias is replaced by a copy, so that an override does not reach the other places that use the anchor. */
  private ownNode(node: unknown): Node {
    return isAlias(node) ? (this.tree.createNode(node.toJS(this.tree)) as Node) : (node as Node);
  }

  private step(node: Node | null, key: string | number): { key: Node | null; value: Node | null } | undefined {
    const container = isAlias(node) ? node.resolve(this.tree) : node;
    if (isSeq(container)) {
      const item = container.items[Number(key)] as Node | undefined;
      return item === undefined ? undefined : { key: item, value: item };
    }
    if (!isMap(container)) return undefined;
    const pair = container.items.find((each: Pair) => keyText(each.key) === String(key));
    return isPair(pair) ? { key: pair.key as Node, value: pair.value as Node | null } : undefined;
  }

  private syntaxProblem(fault: YAMLError, text: string): ScenarioProblem {
    const { line, col } = this.lines.linePos(fault.pos[0]);
    const key = /^[^\s:]+/.exec(text.slice(fault.pos[0]))?.[0] ?? '';
    // Relations such as >= meet this rule of YAML, and its own message does not say what to do about it.
    const hint = fault.code === 'BAD_SCALAR_START' ? '; put the value in quotes' : '';
    const sentence =
      fault.code === 'DUPLICATE_KEY'
        ? `found the key "${key}" a second time, allowed: once`
        : `not valid YAML: ${fault.message}${hint}`;
    return { file: this.file, place: { kind: 'file', line, column: col }, sentence };
  }
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

/** Index of a list item given by index or by its `name`; otherwise the part of a sentence that says what there is. */
function findItem(items: readonly unknown[], step: string): number | string {
  const names = items.map((item) => (item as { name?: unknown } | null)?.name);
  const index = /^\d+$/.test(step) ? Number(step) : names.indexOf(step);
  if (index >= 0 && index < items.length) return index;
  const known = names.filter((name) => typeof name === 'string');
  const indices = items.length === 0 ? 'none, it is empty' : `0 to ${items.length - 1}`;
  const allowed = known.length > 0 ? `${known.join(', ')}, or ${indices}` : indices;
  return `allowed: ${allowed}${didYouMean(step, known)}`;
}
