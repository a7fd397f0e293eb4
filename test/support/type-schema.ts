/** JSON Schema of the JSON that a TypeScript type describes, with its docstrings: one source for both. */
import ts from 'typescript';

export type SchemaNode = Record<string, unknown>;

/**
 * @param file where the type is exported; what it imports is found by `options`
 * @returns draft-07; every interface is a definition, no object takes other keys
 * @throws for a type that has no JSON, a function for example
 */
export function typeSchema(file: string, name: string, options: ts.CompilerOptions): SchemaNode {
  const program = ts.createProgram([file], options);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  const symbol = checker.getExportsOfModule(module).find((each) => each.name === name)!;
  const writer = new SchemaWriter(checker);
  const root = writer.nodeOf(checker.getDeclaredTypeOfSymbol(symbol), name);
  return { $schema: 'http://json-schema.org/draft-07/schema#', ...root, definitions: writer.definitions() };
}

class SchemaWriter {
  private readonly checker: ts.TypeChecker;
  private readonly names = new Map<ts.Type, string>();
  private readonly defined = new Map<string, SchemaNode>();

  constructor(checker: ts.TypeChecker) {
    this.checker = checker;
  }

  definitions(): SchemaNode {
    return Object.fromEntries([...this.defined].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  nodeOf(type: ts.Type, path: string): SchemaNode {
    const { flags } = type;
    if (type.isUnion()) return this.unionOf(type.types, path);
    // `string & {}`, which keeps the literals beside it from being swallowed.
    if (type.isIntersection() && type.types.some((each) => each.flags & ts.TypeFlags.String)) return { type: 'string' };
    if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
    if (flags & ts.TypeFlags.BooleanLiteral) return { const: this.checker.typeToString(type) === 'true' };
    if (flags & ts.TypeFlags.Null) return { type: 'null' };
    if (flags & (ts.TypeFlags.StringLike | ts.TypeFlags.TemplateLiteral)) return { type: 'string' };
    if (flags & ts.TypeFlags.Number) return { type: 'number' };
    if (flags & ts.TypeFlags.Unknown) return {};
    if (this.checker.isTupleType(type)) return this.tupleOf(type as ts.TypeReference, path);
    if (this.checker.isArrayType(type)) {
      return { type: 'array', items: this.nodeOf(this.checker.getTypeArguments(type as ts.TypeReference)[0], path) };
    }
    if (type.getCallSignatures().length > 0 || !(flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) {
      throw new Error(`${path}: ${this.checker.typeToString(type)} has no JSON`);
    }
    return this.isNamed(type) ? this.refTo(type, path) : this.objectOf(type, path);
  }

  private isNamed(type: ts.Type): boolean {
    const { objectFlags = 0 } = type as ts.ObjectType;
    return (objectFlags & ts.ObjectFlags.Interface) !== 0;
  }

  private refTo(type: ts.Type, path: string): SchemaNode {
    let name = this.names.get(type);
    if (name === undefined) {
      const { name: wanted } = type.symbol;
      const twins = [...this.names.values()].filter((other) => other.replace(/-\d+$/, '') === wanted).length;
      name = twins === 0 ? wanted : `${wanted}-${twins + 1}`;
      this.names.set(type, name);
      this.defined.set(name, {});
      const text = this.docOf(type.symbol);
      this.defined.set(name, { ...text, ...this.objectOf(type, path) });
    }
    return { $ref: `#/definitions/${name}` };
  }

  private objectOf(type: ts.Type, path: string): SchemaNode {
    const index = this.checker.getIndexTypeOfType(type, ts.IndexKind.String);
    if (index !== undefined) return { type: 'object', additionalProperties: this.nodeOf(index, `${path}.*`) };
    const properties: SchemaNode = {};
    const required: string[] = [];
    for (const property of this.checker.getPropertiesOfType(type)) {
      const own = this.checker.getTypeOfSymbol(property);
      const node = this.nodeOf(own, `${path}.${property.name}`);
      // Beside a reference draft-07 reads nothing else.
      const text = this.docOf(property);
      properties[property.name] =
        '$ref' in node && 'description' in text ? { allOf: [node], ...text } : { ...node, ...text };
      if (!(property.flags & ts.SymbolFlags.Optional)) required.push(property.name);
    }
    return { type: 'object', properties, required, additionalProperties: false };
  }

  private tupleOf(type: ts.TypeReference, path: string): SchemaNode {
    const items = this.checker.getTypeArguments(type).map((each) => this.nodeOf(each, path));
    return { type: 'array', items, minItems: items.length, maxItems: items.length };
  }

  /** Literals as an enumeration, `undefined` left out: such a key is not written. */
  private unionOf(types: readonly ts.Type[], path: string): SchemaNode {
    const present = types.filter((type) => !(type.flags & ts.TypeFlags.Undefined));
    const nodes = present.map((type) => this.nodeOf(type, path));
    const literals = nodes.filter((node) => 'const' in node).map((node) => node.const);
    const others = nodes.filter((node) => !('const' in node));
    const plain = literals.length === 2 && literals.every((literal) => typeof literal === 'boolean');
    const first = literals.length === 0 ? [] : [plain ? { type: 'boolean' } : { enum: literals }];
    const all = [...first, ...others];
    return all.length === 1 ? all[0] : { anyOf: all };
  }

  private docOf(symbol: ts.Symbol): SchemaNode {
    const text = ts.displayPartsToString(symbol.getDocumentationComment(this.checker)).replaceAll(/\s+/g, ' ').trim();
    return text === '' ? {} : { description: text };
  }
}
