/**
 * The mutants are fit for use: each patch still finds its place in the stack and compiles, and one
 * goes through the whole command. Whether every fault is noticed, `npm run mutants` shows.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  applyHunks,
  findHunk,
  type Mutant,
  type Place,
  readMutant,
  readMutants,
} from "./mutant.ts";
import { Workshop } from "./workshop.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const MUTANTS_MIN = 40;
/** The one that is built and caught here. */
const SAMPLE = "time-wait-ends-with-rst";

const mutants = readMutants();

test(`there are at least ${MUTANTS_MIN}, each with a fault of its own`, () => {
  assert.ok(mutants.length >= MUTANTS_MIN, `${mutants.length}`);
  assert.equal(new Set(mutants.map(({ fault }) => fault)).size, mutants.length);
});

describe("each patch applies, and names tests that exist", () => {
  for (const { name, tests, changes } of mutants) {
    test(name, () => {
      for (const [path, hunks] of changes) {
        const text = readFileSync(join(ROOT, path), "utf8");
        assert.notEqual(applyHunks(text, hunks, path), text, "it changes nothing");
      }
      for (const path of tests) {
        assert.ok(path === "unit" || existsSync(join(ROOT, path)), `there is no ${path}`);
      }
    });
  }
});

/** The places of a mutant's hunks, by source. */
function placesOf({ changes }: Mutant): Map<string, Place[]> {
  return new Map(
    [...changes].map(([path, hunks]) => {
      const lines = readFileSync(join(ROOT, path), "utf8").split("\n");
      return [path, hunks.map((hunk) => findHunk(lines, hunk, path))];
    }),
  );
}

function areApart(a: Place, b: Place): boolean {
  return a.from + a.count < b.from || b.from + b.count < a.from;
}

/** Mutants in as few heaps as may be, so that those of one heap do not touch one another. */
function inHeaps(): Mutant[][] {
  const heaps: { mutants: Mutant[]; places: Map<string, Place[]> }[] = [];
  for (const mutant of mutants) {
    const places = placesOf(mutant);
    const fits = (taken: Map<string, Place[]>): boolean =>
      [...places].every(([path, own]) =>
        own.every((place) => (taken.get(path) ?? []).every((other) => areApart(place, other))),
      );
    let heap = heaps.find((candidate) => fits(candidate.places));
    if (heap === undefined) heaps.push((heap = { mutants: [], places: new Map() }));
    heap.mutants.push(mutant);
    for (const [path, own] of places) {
      heap.places.set(path, [...(heap.places.get(path) ?? []), ...own]);
    }
  }
  return heaps.map((heap) => heap.mutants);
}

test("all compile, as many at once as do not touch one another", () => {
  const workshop = new Workshop();
  try {
    for (const heap of inHeaps()) {
      workshop.apply(heap);
      workshop.build();
    }
  } finally {
    workshop.remove();
  }
});

test("a patch whose lines are gone, or stand twice, is refused", () => {
  const { changes } = readMutant("x", "fault: f\ntests: unit\n+++ b/a.ts\n@@\n-  b();\n+  c();\n");
  const hunks = changes.get("a.ts")!;
  assert.equal(applyHunks("a();\n    b();\nd();", hunks, "x"), "a();\n  c();\nd();");
  assert.throws(() => applyHunks("a();\nd();", hunks, "x"), /x: stands nowhere: "b\(\);"/);
  assert.throws(() => applyHunks("b();\nb();", hunks, "x"), /x: stands 2 times/);
});

describe("the command", () => {
  const run = (...args: string[]) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const options = { encoding: "utf8" as const, env };
    return spawnSync(process.execPath, ["--import", "tsx", MAIN, ...args], options);
  };

  test("says which test notices a fault", () => {
    const { status, stdout, stderr } = run(SAMPLE);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /an RST ends TIME-WAIT\n {4}tests\/tcp\/time-wait\.test\.ts: .*RST/);
    assert.match(stdout, /1 of 1 faults are noticed/);
  });

  test("lists them, and refuses what it does not know", () => {
    assert.match(run("--list").stdout, /rst-in-window +an RST anywhere/);
    for (const [args, complaint] of [
      [["nothing-of-the-kind"], /there is no mutant nothing-of-the-kind/],
      [["--frobnicate"], /Unknown option '--frobnicate'/],
      [[SAMPLE, "--json", "/nowhere/file.json"], /--json cannot write/],
    ] as const) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2);
      assert.match(stderr, complaint);
      assert.match(stderr, /^mutants: [^\n]*\n$/);
    }
  });
});
