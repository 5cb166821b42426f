/**
 * What the simulator finds: an invariant that does not hold.
 *
 * Thrown by everything that judges; caught by run-seed.ts. `code` is the same whenever the same
 * invariant breaks, so that a smaller scenario can be told to fail alike.
 */
export class Violation extends Error {
  readonly code: string;

  constructor(code: string, what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}

/** Demands an invariant. `what` is only worked out when it breaks. */
export function demand(holds: boolean, code: string, what: () => string): void {
  if (!holds) throw new Violation(code, what());
}
