/**
 * Mutants: deliberate faults in the stack, kept as patches, and their application to its sources.
 *
 *     fault: an RST ends TIME-WAIT
 *     tests: tests/tcp/time-wait.test.ts
 *     --- a/assembly/tcp/time-wait.ts
 *     +++ b/assembly/tcp/time-wait.ts
 *     @@ -149,1 +149,1 @@
 *     -…
 *     +…
 *
 * `tests` are the detectors that are asked first: test files, or `unit`. Line numbers are hints
 * for readers: a hunk is found by its lines, which must stand in the file exactly once, however
 * they are indented. Called by main.ts and the tests.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../bench/command.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** Lines of a patch with what stands before them: a blank, a minus or a plus. */
type Hunk = readonly string[];

export interface Mutant {
  name: string;
  /** What is wrong with the stack then, in a few words. */
  fault: string;
  /** Detectors, the likeliest first. */
  tests: string[];
  /** Path of a source → its hunks. */
  changes: Map<string, Hunk[]>;
}

/** Where a hunk belongs: from the line `from`, that many lines. */
export interface Place {
  from: number;
  count: number;
}

/** A patch that cannot be read or does not fit; its message is one line. */
class PatchError extends UsageError {}

/** All mutants, by name. */
export function readMutants(): Mutant[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".patch"));
  return names.sort().map((file) => {
    const name = file.replace(/\.patch$/, "");
    return readMutant(name, readFileSync(join(FOLDER, file), "utf8"));
  });
}

export function readMutant(name: string, text: string): Mutant {
  const fault = /^fault: (.+)$/m.exec(text)?.[1];
  const tests = /^tests: (.+)$/m.exec(text)?.[1]?.split(" ");
  if (fault === undefined || tests === undefined) {
    throw new PatchError(`${name}: a patch begins with "fault: …" and "tests: …"`);
  }
  const changes = new Map<string, Hunk[]>();
  let hunks: string[][] = [];
  for (const line of text.trimEnd().split("\n")) {
    const path = /^\+\+\+ b\/(.+)$/.exec(line)?.[1];
    if (path !== undefined) changes.set(path, (hunks = []));
    else if (line.startsWith("@@")) hunks.push([]);
    else if (/^[ +-]/.test(line) && !line.startsWith("---")) hunks.at(-1)?.push(line);
  }
  if ([...changes.values()].flat(2).length === 0) throw new PatchError(`${name}: no change`);
  return { name, fault, tests, changes };
}

/** Where a hunk's old lines stand in a source. */
export function findHunk(source: readonly string[], hunk: Hunk, what: string): Place {
  const old = hunk.filter((line) => !line.startsWith("+")).map((line) => line.slice(1).trim());
  const found: number[] = [];
  for (let from = 0; from + old.length <= source.length; from++) {
    if (old.every((line, index) => source[from + index]!.trim() === line)) found.push(from);
  }
  if (found.length !== 1) {
    const where = found.length === 0 ? "nowhere" : `${found.length} times`;
    throw new PatchError(`${what}: stands ${where}: ${JSON.stringify(old.join(" "))}`);
  }
  return { from: found[0]!, count: old.length };
}

/** The source with the hunks applied. */
export function applyHunks(text: string, hunks: readonly Hunk[], what: string): string {
  let lines = text.split("\n");
  for (const hunk of hunks) {
    const { from, count } = findHunk(lines, hunk, what);
    const fresh = hunk.filter((line) => !line.startsWith("-")).map((line) => line.slice(1));
    lines = [...lines.slice(0, from), ...fresh, ...lines.slice(from + count)];
  }
  return lines.join("\n");
}
