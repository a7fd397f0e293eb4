/**
 * The `process` that a user's module sees: the process itself, but for the ways to end it. A function that ends the run
 * would take what was measured along; the exception is counted and told as any other of the module's.
 */
export function moduleProcess(): NodeJS.Process {
  const refuse = (name: string) => ({
    value: (): never => {
      throw new Error(`process.${name}() would end the whole run: throw instead`);
    },
  });
  return Object.create(process, {
    exit: refuse('exit'),
    abort: refuse('abort'),
    kill: refuse('kill'),
  }) as NodeJS.Process;
}
