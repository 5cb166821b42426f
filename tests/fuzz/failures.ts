/**
 * What the fuzzers found, as files: written when it is found, and played again by `npm test`.
 *
 * A file is a case of the stack (stack/records.ts), or an input of the host library behind the name
 * of its target. Called by main.ts and the tests.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOST_TARGETS } from "./host/index.ts";
import { Cases } from "./stack/cases.ts";
import type { FuzzedProfile } from "./stack/machine.ts";
import { readRecord } from "./stack/records.ts";

const FOLDER = fileURLToPath(new URL("failures", import.meta.url));
const HASH_DIGITS = 8;

/** Writes a failure under a name made of what was found; the path. */
export function keepFailure(kind: string, text: string): string {
  const slug = kind
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  const hash = createHash("sha256").update(text).digest("hex").slice(0, HASH_DIGITS);
  const path = join(FOLDER, `${slug}-${hash}.txt`);
  writeFileSync(path, text);
  return path;
}

/** The failures that are kept. */
export function listFailures(): string[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));
  return names.sort().map((name) => join(FOLDER, name));
}

const stacks = new Map<FuzzedProfile, Cases>();

/** Plays a failure again: what is found now, or undefined. */
export async function replayFailure(path: string): Promise<string | undefined> {
  const [first = "", , input = ""] = readFileSync(path, "utf8").split("\n");
  const target = HOST_TARGETS.find(({ name }) => first === `target ${name}`);
  if (target !== undefined) return target.attempt(input);
  const record = readRecord(path);
  const cases = stacks.get(record.profile) ?? new Cases(record.profile, []);
  stacks.set(record.profile, cases);
  cases.scene.judge.isThorough = true;
  return cases.replay(record)?.message;
}
