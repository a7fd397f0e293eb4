/**
 * What a poll reaches: every function that the `poll` of an actor calls, and what those call in turn, found by the
 * compiler. A call of an interface's method reaches that method in every class that implements the interface.
 */
import { join, relative } from 'node:path';
import ts from 'typescript';

/** A function, method or accessor, and where it stands. */
export interface Reached {
  /** `actors/host/tap.ts: Tap.publish`. */
  readonly name: string;
  readonly file: string;
  readonly node: ts.FunctionLikeDeclaration;
}

const COMPONENT = /\bimplements Actor\b/;

/**
 * Reads the sources once. @returns a search; it does not look behind `gates`, functions by name that run once a set-up
 * and not once a frame.
 */
export function polledCode(root: string, files: readonly string[]): (gates: readonly string[]) => Reached[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: [],
    skipLibCheck: true,
  };
  const program = ts.createProgram(
    files.map((file) => join(root, file)),
    options,
  );
  const checker = program.getTypeChecker();
  const sources = files.map((file) => program.getSourceFile(join(root, file))!);
  const classes = sources.flatMap((source) => source.statements.filter(ts.isClassDeclaration));
  const implementers = (name: ts.Symbol): ts.ClassDeclaration[] =>
    classes.filter((each) =>
      (each.heritageClauses ?? []).some(({ types }) =>
        types.some(({ expression }) => resolved(checker, checker.getSymbolAtLocation(expression)) === name),
      ),
    );
  const nameOf = (node: ts.FunctionLikeDeclaration): string => {
    const owner = ts.isClassDeclaration(node.parent) ? `${node.parent.name!.text}.` : '';
    const own = node.name?.getText() ?? 'constructor';
    return `${relative(root, node.getSourceFile().fileName)}: ${owner}${own}`;
  };

  return (gates) => {
    const reached = new Map<ts.Node, Reached>();
    const open: ts.FunctionLikeDeclaration[] = sources
      .filter((source) => COMPONENT.test(source.text))
      .flatMap((source) => source.statements.filter(ts.isClassDeclaration))
      .flatMap(({ members }) => members.filter(ts.isMethodDeclaration))
      .filter(({ name }) => name.getText() === 'poll');

    const enter = (declaration: ts.Declaration): void => {
      if (ts.isMethodSignature(declaration) || ts.isPropertySignature(declaration)) {
        const owner = checker.getSymbolAtLocation((declaration.parent as ts.InterfaceDeclaration).name ?? declaration);
        const member = declaration.name.getText();
        for (const each of owner === undefined ? [] : implementers(owner)) {
          for (const own of each.members) if (own.name?.getText() === member) enter(own);
        }
        return;
      }
      const isCode =
        ts.isMethodDeclaration(declaration) || ts.isFunctionDeclaration(declaration) || ts.isAccessor(declaration);
      if (isCode && declaration.body !== undefined) open.push(declaration);
    };

    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const file = relative(root, node.getSourceFile().fileName);
      const name = nameOf(node);
      if (reached.has(node) || !files.includes(file) || gates.includes(name)) continue;
      reached.set(node, { name, file, node });
      const visit = (each: ts.Node): void => {
        const callee = ts.isCallExpression(each) ? each.expression : ts.isPropertyAccessExpression(each) ? each : null;
        if (callee !== null) {
          const at = ts.isPropertyAccessExpression(callee) ? callee.name : callee;
          const symbol = resolved(checker, checker.getSymbolAtLocation(at));
          for (const declaration of symbol?.declarations ?? []) {
            if (ts.isCallExpression(each) || ts.isAccessor(declaration)) enter(declaration);
          }
        }
        ts.forEachChild(each, visit);
      };
      ts.forEachChild(node, visit);
    }
    return [...reached.values()];
  };
}

function resolved(checker: ts.TypeChecker, symbol: ts.Symbol | undefined): ts.Symbol | undefined {
  return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
    ? checker.getAliasedSymbol(symbol)
    : symbol;
}
