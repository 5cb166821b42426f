/**
 * The exhaustive search of `npm run modelcheck`, within small bounds; and that it would see a
 * fault: in the stack, in what it takes for the same state, in what it knows of the memory.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ARROW_NAMES } from "./arrows.ts";
import { type Built, buildModules, type Change } from "./build-module.ts";
import { explore, type Found } from "./explore.ts";
import { type Bounds, FAMILIES } from "./families.ts";
import { Layout } from "./layout.ts";
import { Machine } from "./machine.ts";
import { checkMeanings } from "./meaning.ts";
import { missingArrows } from "./report.ts";

const PROFILE_OCTETS_MAX = 4096;
const NODES = 2_000_000;
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

/** Deliberate faults: the piece that changes, the family and bounds that show it, what is said. */
const FAULTS: Readonly<
  Record<string, { change: Change; family: string; bounds: Bounds; said: RegExp }>
> = {
  "TIME-WAIT does not begin anew for a FIN that comes again": {
    change: {
      path: "assembly/tcp/time-wait.ts",
      from: "    unlinkFlow(queue(), record);\n    appendRecord(record);\n    acknowledgeFrom",
      to: "    acknowledgeFrom",
    },
    family: "whole",
    bounds: { losses: 1, duplications: 0, reorderings: 0, underWay: 0 },
    said: /has not restarted the 2 MSL/,
  },
  "a FIN alone does not start the retransmission timer": {
    change: {
      path: "assembly/tcp/output.ts",
      from: "  if (!isRunning(tcb, Timer.RETRANSMISSION)) startRetransmission(tcb);",
      to: "  if (octets != 0 || (out.flags & Ctl.FIN) == 0) startRetransmission(tcb);",
    },
    family: "whole",
    bounds: { losses: 0, duplications: 0, reorderings: 0, underWay: 0 },
    said: /something is in flight, and no time-out runs/,
  },
  "the clock of ISNs stands still": {
    change: {
      path: "assembly/tcp/isn.ts",
      from: "last - clock < ISN_LEAD_MAX ? last + 1 : clock",
      to: "clock - clock",
    },
    family: "late",
    bounds: { losses: 1, duplications: 1, reorderings: 0, underWay: 0 },
    said: /SND.UNA is beyond the peer's RCV.NXT/,
  },
};

let built: Built[] = [];
before(() => {
  built = buildModules([[], ...Object.values(FAULTS).map(({ change }) => [change])]);
});

function familyOf(name: string) {
  return FAMILIES.find((family) => family.name === name)!;
}

describe("the profile check", () => {
  test("has all of its memory in 4 KiB", () => {
    const { imageOctets } = new Machine(built[0]!.module);
    assert.ok(imageOctets <= PROFILE_OCTETS_MAX, `${imageOctets} octets`);
  });

  test("a region or a field without a meaning is an error that names it", () => {
    const layout = new Layout(built[0]!.module);
    const place = { address: 0, octets: 4, offset: 0 };
    const plain = {
      regions: layout.regions,
      fields: (name: string) => layout.fields(name),
      constant: (name: string) => layout.constant(name),
    };
    /** The fields of a TCB changed, those of all else as they are. */
    const withTcb = (change: (fields: object) => object) => ({
      ...plain,
      fields: (name: string) =>
        name === "tcp/tcb/Tcb"
          ? (change(layout.fields(name)) as ReturnType<Layout["fields"]>)
          : layout.fields(name),
    });
    checkMeanings(plain);
    const more = withTcb((fields) => ({ ...fields, fresh: place }));
    assert.throws(() => checkMeanings(more), /tcp\/tcb\/Tcb: without a meaning: fresh/);
    const other = { ...plain, regions: { ...layout.regions, "tcp/x/Y": place } };
    assert.throws(() => checkMeanings(other), /regions of memory: without a meaning: tcp\/x\/Y/);
    const gone = withTcb((fields) =>
      Object.fromEntries(Object.entries(fields).filter(([name]) => name !== "iss")),
    );
    assert.throws(() => checkMeanings(gone), /tcp\/tcb\/Tcb: not there any more: iss/);
  });
});

describe("everything that can happen to two hosts", () => {
  const all: Found[] = [];

  for (const family of FAMILIES) {
    const { losses, duplications, reorderings, underWay } = family.quickBounds;
    const faults = `${losses} losses, ${duplications} duplications, ${reorderings} reorderings`;
    test(`${family.name}: ${faults}, ${underWay} under way`, () => {
      const found = explore(built[0]!.module, family, { bounds: family.quickBounds, nodes: NODES });
      const { failure } = found;
      assert.equal(failure, undefined, failure?.replayed.lines.join("\n"));
      assert.equal(found.isExhausted, true, "the search was given up");
      assert.ok(found.twins > 20, `only ${found.twins} second images were tried`);
      assert.ok(found.endings!.reasons.has("CLOSED / CLOSED"), "no normal end");
      all.push(found);
    });
  }

  test("every arrow of RFC 9293's Figure 5 is seen", () => {
    const seen = new Set(all.flatMap(({ arrows }) => [...arrows]));
    assert.deepEqual(missingArrows(seen), []);
    assert.equal(ARROW_NAMES.length, 20);
  });
});

describe("a fault is found", () => {
  for (const [index, [name, fault]] of Object.entries(FAULTS).entries()) {
    test(name, () => {
      const { bounds, said } = fault;
      const { module } = built[1 + index]!;
      const { failure } = explore(module, familyOf(fault.family), { bounds, nodes: NODES });
      assert.match(failure?.complaint.text ?? "nothing", said);
      assert.equal(failure!.replayed.isConfirmed, true, "two modules do not do the same");
      assert.match(failure!.replayed.lines.join("\n"), /─► <SEQ=\d+><CTL=SYN>/);
    });
  }
});

describe("npm run modelcheck", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", MAIN, ...args], { encoding: "utf8" });

  test("says what it takes", () => {
    const { status, stdout } = run("--help");
    assert.equal(status, 0);
    for (const { name } of FAMILIES) assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  });

  for (const [args, said] of [
    [["--family", "nobody"], /--family must be one of whole, .*: nobody/],
    [["--losses", "9"], /--losses must be a number from 0 to 3: 9/],
    [["--module", "package.json"], /--module is no WebAssembly module: package.json/],
  ] as const) {
    test(`refuses ${args.join(" ")}`, () => {
      const { status, stderr } = run(...args);
      assert.equal(status, 2);
      assert.match(stderr, said);
      assert.equal(stderr.trim().split("\n").length, 1);
    });
  }
});
