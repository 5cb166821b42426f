/**
 * A share of the simulator's seeds, always the same ones, and scenarios that have failed before;
 * that the simulator notices what is wrong; that a run is the same each time.
 *
 * `npm run sim` plays any number of others.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { StatusField } from "../../hal/host/abi.ts";
import { readPcap } from "../../hal/host/wires/pcap.ts";
import type { ModuleExports } from "../support/modules.ts";
import { Coverage } from "./coverage.ts";
import { writeEvidence } from "./evidence.ts";
import { minimise } from "./minimise.ts";
import { planFromSeed } from "./plan-from-seed.ts";
import type { Failure } from "./run-seed.ts";
import { findFailure, runSeed } from "./search.ts";
import { type Loan, RELEASE_FOLDER, Shelf } from "./shelf.ts";

/** Seeds of the share, from 1 on. */
const SEEDS = 150;
const PER_TEST = 25;
/** A fault that so many seeds do not show would not be noticed. */
const SEEDS_PER_FAULT = 12;

const shelf = new Shelf();

for (let from = 1; from <= SEEDS; from += PER_TEST) {
  test(`seeds ${from} to ${from + PER_TEST - 1}`, () => {
    for (let seed = from; seed < from + PER_TEST; seed++) {
      const { failure } = runSeed(seed, shelf, new Coverage());
      assert.equal(failure?.what, undefined, `npm run sim -- --seed ${seed} --seeds 1`);
    }
  });
}

test("the same seed plays the same run, whatever was played before", () => {
  for (const seed of [3, 11, 17]) {
    const once = runSeed(seed, shelf, new Coverage());
    const again = runSeed(seed, new Shelf(), new Coverage());
    assert.deepEqual(once, again);
    assert.notEqual(once.digest, runSeed(seed + 1, shelf, new Coverage()).digest);
  }
});

// ── Faults ───────────────────────────────────────────────────────────────────────────────────────

type Calls = { -readonly [Name in keyof ModuleExports]: ModuleExports[Name] };
/** Makes something wrong of a module's exports. */
type Fault = (calls: Calls, loan: Loan) => void;

/** Modules with a fault at their boundary. */
class FaultyShelf extends Shelf {
  readonly #fault: Fault;

  constructor(fault: Fault) {
    super(RELEASE_FOLDER, ["tiny", "default"]);
    this.#fault = fault;
  }

  override borrow(...args: Parameters<Shelf["borrow"]>): Loan {
    const loan = super.borrow(...args);
    const calls: Calls = { ...loan.exports };
    this.#fault(calls, loan);
    return Object.assign(Object.create(loan) as Loan, {
      exports: calls,
      get holder() {
        return loan.holder;
      },
    });
  }

  // What was made wrong is not used again.
  override giveBack(): void {}
}

/** Every so many calls. */
function sometimes(every: number): () => boolean {
  let count = 0;
  return () => ++count % every === 0;
}

/** Changes a field of each status block. */
function inStatus(change: (words: Uint32Array, block: number) => void): Fault {
  return (calls, { words, exports }) => {
    calls.tcpStatusAt = (index) => {
      const at = exports.tcpStatusAt(index);
      if (at > 0) change(words, at >>> 2);
      return at;
    };
  };
}

const FAULTS: Readonly<Record<string, { codes: string[]; fault: Fault }>> = {
  "an octet is changed on the way to the application": {
    codes: ["wrong-octet"],
    fault: (calls, { memory, exports }) => {
      const isNow = sometimes(20);
      calls.tcpPeekedAddress = (handle) => {
        const at = exports.tcpPeekedAddress(handle);
        if (isNow()) memory[at]! ^= 1;
        return at;
      };
    },
  },
  "end-of-file comes too soon": {
    codes: ["cut-short", "invented-eof"],
    fault: (calls, { exports }) => {
      const isNow = sometimes(50);
      calls.tcpPeek = (handle) => (isNow() ? 0 : exports.tcpPeek(handle));
    },
  },
  "an event is lost": {
    codes: ["stuck", "ended-twice", "handle-lost", "tcb-left"],
    fault: (calls, { exports }) => {
      const isNow = sometimes(30);
      calls.takeEvents = (handle) => exports.takeEvents(handle) & (isNow() ? ~6 : ~0);
    },
  },
  "deadlines are forgotten": {
    codes: ["stuck", "time-wait-left", "tcb-left", "time-wait-long", "outlives"],
    fault: (calls, { exports }) => {
      calls.poll = (nowMs) => (exports.poll(nowMs) === 0 ? 0 : -1);
    },
  },
  "the module traps": {
    codes: ["trap"],
    fault: (calls, { exports }) => {
      const isNow = sometimes(500);
      calls.frameReceived = (slot, length, nowMs) => {
        if (isNow()) throw new Error("unreachable");
        return exports.frameReceived(slot, length, nowMs);
      };
    },
  },
  "the right edge of the window goes left": {
    codes: ["edge-left"],
    fault: inStatus((words, block) => {
      if (words[block + StatusField.RECEIVE_QUEUED]! > 0) words[block + StatusField.RCV_WND] = 0;
    }),
  },
  "an end is told that was not so": {
    codes: ["untrue-end"],
    fault: inStatus((words, block) => {
      if (words[block + StatusField.END_REASON] === 1) words[block + StatusField.END_REASON] = 2;
    }),
  },
  "a snapshot leaves out what is no receive slot": {
    codes: ["frame-status", "pool", "trap", "wrong-octet", "received", "acked"],
    fault: (_, loan) => {
      const { imaged } = loan;
      const rxSlotAddress = (): number => imaged.imageOctets >> 3;
      Object.assign(loan, { imaged: { ...imaged, calls: { rxSlotAddress } } });
    },
  },
  "TIME-WAIT ends at once": {
    codes: ["time-wait-short"],
    fault: (calls, { exports }) => {
      calls.tcpLookup = (...args) => {
        const state = exports.tcpLookup(...args);
        return state === 10 ? 0 : state;
      };
    },
  },
};

describe("the simulator notices that", () => {
  for (const [what, { codes, fault }] of Object.entries(FAULTS)) {
    test(what, () => {
      const faulty = new FaultyShelf(fault);
      for (let seed = 1; seed <= SEEDS_PER_FAULT; seed++) {
        const { failure } = runSeed(seed, faulty, new Coverage());
        if (failure === undefined) continue;
        assert.ok(codes.includes(failure.code), failure.what);
        return;
      }
      assert.fail(`${SEEDS_PER_FAULT} seeds noticed nothing`);
    });
  }
});

test("a seed that fails is cut down to what the failure needs, and leaves its evidence", () => {
  const faulty = new FaultyShelf(
    FAULTS["an octet is changed on the way to the application"]!.fault,
  );
  let failure: Failure | undefined;
  let seed = 0;
  while (failure === undefined) failure = runSeed(++seed, faulty, new Coverage()).failure;
  assert.equal(failure.code, "wrong-octet");
  const whole = planFromSeed(seed, faulty.profiles);
  const { scenario, failure: left } = minimise(whole, failure, faulty);
  assert.equal(left.code, "wrong-octet");
  assert.deepEqual(
    [scenario.hosts.length, scenario.sessions.length, scenario.attacks.length],
    [2, 1, 0],
  );
  const folder = mkdtempSync(join(tmpdir(), "linger-sim-"));
  try {
    const evidence = writeEvidence(scenario, left, folder, faulty);
    assert.deepEqual(JSON.parse(readFileSync(evidence.scenarioPath, "utf8")), scenario);
    assert.ok(readPcap(evidence.pcapPath).packets.length > 0, "no frames");
    assert.match(readFileSync(evidence.ladderPath, "utf8"), /SYN-SENT.*<CTL=SYN>/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a search ends with the first seed that fails, or with none", () => {
  assert.equal(findFailure({ from: 1, count: 2, profiles: ["tiny"] }), undefined);
  assert.throws(() => findFailure({ from: 1, count: 1, modules: tmpdir() }), /holds no linger/);
});
