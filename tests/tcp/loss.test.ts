/**
 * Two modules back to back: every scenario of opening, data and closing, with each single frame
 * lost, delivered twice, late, out of order or damaged in turn. Both sides must end with the right
 * reason, all data must arrive, and nothing may be left behind: no timer, no record, no TCB.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Device, ReasonName } from "../support/device.ts";
import { PROFILES } from "../support/modules.ts";
import { type Fault, LINK_MS, Pair } from "../support/pair.ts";
import { Seeded } from "../support/pattern.ts";
import { type Opening, type Plan, Program } from "../support/program.ts";
import { beginningOf, naming, PEER_ADDRESS, type Variant } from "../support/variants.ts";

/** What A and B do, and how it must end for each. */
interface Scenario {
  name: string;
  a: Plan;
  b: Plan;
  reasons: [a: ReasonName, b: ReasonName];
  /** Default: A connects, B listens. */
  opening?: "simultaneous" | "refused";
  /** Runs the whole scenario again on the same tuple at once: out of TIME-WAIT. */
  again?: boolean;
  /** Pairs of faults that once went wrong. */
  regressions?: [[number, string], [number, string]][];
  /** Data need not arrive: the connection is reset. */
  loses?: boolean;
}

const FAULTS: readonly Fault[] = [
  { name: "lost", arrivals: [] },
  { name: "damaged", arrivals: [LINK_MS], damages: true },
  { name: "twice", arrivals: [LINK_MS, LINK_MS] },
  { name: "again after 300 ms", arrivals: [LINK_MS, 300] },
  { name: "again after 5 s", arrivals: [LINK_MS, 5_000] },
  { name: "again after 29 s", arrivals: [LINK_MS, 29_000] },
  { name: "25 ms late", arrivals: [LINK_MS + 25] },
  { name: "1.5 s late", arrivals: [1_500] },
];

function named([index, name]: [number, string]): [number, Fault] {
  const fault = FAULTS.find((one) => one.name === name);
  assert.ok(fault !== undefined, name);
  return [index, fault];
}

/** As much of an exchange as a message shows. */
const LOG_LINES = 60;
/** Of all pairs of faults, as many as fit the time: the seed makes them the same every time. */
const RANDOM_PAIRS = 60;
/** No scenario may take longer, whatever single frame is lost. */
const SCENARIO_MS_MAX = 120_000;
/** 2MSL of 30 s, 183 s for a ghost of a SYN, 21 minutes until ARP has forgotten everybody. */
const AFTERMATH_MS = 30 * 60_000;

const SCENARIOS: readonly Scenario[] = [
  { name: "A closes first", a: { closeAt: "open" }, b: {}, reasons: ["CLOSED", "CLOSED"] },
  { name: "B closes first", a: {}, b: { closeAt: "open" }, reasons: ["CLOSED", "CLOSED"] },
  {
    name: "both close at once",
    // A opens at 0, B accepts at 50 ms: both FINs leave at 140 ms and cross.
    a: { closeAt: "open", closeFromMs: 140 },
    b: { closeAt: "open", closeFromMs: 90 },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "full close by A",
    a: { close: "close", closeAt: "open" },
    b: { close: "close" },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "request, response, A closes",
    a: { send: 200, closeAt: { received: 600 } },
    b: { send: 600, sendFrom: { received: 200 } },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "request, response, B closes",
    a: { send: 200 },
    b: { send: 600, sendFrom: { received: 200 }, closeAt: { received: 200 } },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "request with FIN, response with FIN",
    a: { send: 200, closeAt: "open" },
    b: { send: 600, sendFrom: "eof" },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "half-close by A, B goes on sending",
    a: { send: 20, closeAt: "open" },
    b: { send: 6_000, sendFrom: "eof" },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "half-close by B, A goes on sending",
    a: { send: 6_000, sendFrom: "eof", closeAt: "open" },
    b: { send: 20, closeAt: "open" },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "both send and close without waiting",
    a: { send: 2_500, closeAt: "open" },
    b: { send: 2_500, closeAt: "open" },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "both open at once, both send, A closes",
    opening: "simultaneous",
    a: { send: 50, closeAt: { received: 70 } },
    b: { send: 70 },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "both open and close at once",
    opening: "simultaneous",
    a: { closeAt: "open" },
    b: { closeAt: "open" },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "bulk from A",
    a: { send: 14_000, closeAt: "open" },
    b: {},
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "a reader that begins late, with its window closed meanwhile",
    a: { send: 8_000, closeAt: "open" },
    b: { readFromMs: 6_000 },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "many small writes without Nagle, both ways",
    a: { send: 300, noDelay: true, closeAt: "open", closeFromMs: 50 },
    b: { send: 300, noDelay: true, closeAt: "open", closeFromMs: 50 },
    reasons: ["CLOSED", "CLOSED"],
  },
  {
    name: "refused",
    opening: "refused",
    a: {},
    b: {},
    reasons: ["REFUSED", "NONE"],
  },
  {
    name: "A aborts, B finds out when it sends",
    a: { send: 30, close: "abort", closeAt: { received: 10 } },
    b: { send: 310, closeAt: "open", closeFromMs: 2_500 },
    reasons: ["ABORTED", "RESET"],
    loses: true,
  },
  {
    name: "A closes fully with B's data unread",
    a: { send: 30, readFromMs: 60_000, close: "close", closeAt: "open", closeFromMs: 1_200 },
    b: { send: 300, sendFromMs: 100, closeAt: "open", closeFromMs: 5_000 },
    reasons: ["ABORTED", "RESET"],
    loses: true,
  },
  {
    name: "A reopens the tuple out of B's TIME-WAIT",
    a: { send: 40 },
    b: { send: 40, closeAt: { received: 40 } },
    reasons: ["CLOSED", "CLOSED"],
    again: true,
    // The first incarnation's FIN comes once more while the second's handshake is being completed.
    regressions: [
      [
        [7, "again after 300 ms"],
        [11, "lost"],
      ],
    ],
  },
];

const B_PORT_LISTENING = 80;

/** One run of a scenario on a pair; the programs of both sides. */
function play(pair: Pair, variant: Variant, scenario: Scenario): Program[] {
  const { localPort, peerPort } = beginningOf(variant.numbers);
  const isListening = scenario.opening === undefined;
  const aOpens: Opening = {
    connect: {
      remoteAddress: PEER_ADDRESS,
      remotePort: isListening ? B_PORT_LISTENING : peerPort,
      localPort,
    },
  };
  const bOpens: Opening = isListening
    ? { listenPort: B_PORT_LISTENING }
    : { connect: { remoteAddress: pair.a.address, remotePort: localPort, localPort: peerPort } };
  const programs = [new Program(pair.a, "linger", aOpens, scenario.a)];
  if (scenario.opening !== "refused") {
    programs.push(new Program(pair.b, "peer", bOpens, scenario.b));
  }
  pair.programs.splice(0, Infinity, ...programs);
  const isDone = (): boolean => programs.every((program) => program.isOver);
  assert.ok(pair.run(SCENARIO_MS_MAX, isDone), "not over in time");
  judge(programs, scenario);
  for (const program of programs) program.unlisten();
  return programs;
}

function judge(programs: readonly Program[], { reasons, a, b, loses }: Scenario): void {
  const got = programs.map(({ reason }) => reason);
  assert.deepEqual(got, reasons.slice(0, got.length), "end reasons of A and B");
  if (loses || programs.length < 2) return;
  const received = programs.map((program) => program.received);
  assert.deepEqual(received, [b.send ?? 0, a.send ?? 0], "octets received by A and B");
}

/** The frames of one scenario with one fault; throws with the whole exchange when it goes wrong. */
function attempt(variant: Variant, scenario: Scenario, faults: [number, Fault][]): Pair {
  const pair = new Pair(variant);
  for (const [index, fault] of faults) pair.faults.set(index, fault);
  const name = faults.map(([index, fault]) => `frame ${index} ${fault.name}`).join(", ");
  naming(name === "" ? "no fault" : name, () => {
    try {
      play(pair, variant, scenario);
      if (scenario.again) play(pair, variant, scenario);
      pair.run(AFTERMATH_MS);
      assert.ok(pair.isQuiet, "something still waits");
      for (const device of [pair.a, pair.b]) assertNothingTaken(device);
    } catch (error) {
      if (error instanceof Error)
        error.stack += `\n  exchange:\n${pair.log.slice(0, LOG_LINES).join("\n")}`;
      throw error;
    }
  });
  return pair;
}

/** Every TCB can be had again. */
function assertNothingTaken(device: Device): void {
  const count = device.limit("CONNECTION_COUNT");
  for (let i = 0; i < count; i++) {
    const handle = device.call("tcpConnect", device.address ^ 3, 1 + i, 0, 0);
    assert.ok(handle > 0, `only ${i} of ${count} connections can be opened afterwards`);
  }
}

/** The profiles with ordinary numbers; wrapping ones do not depend on the profile. */
const VARIANTS: readonly Variant[] = [
  ...PROFILES.map((profile) => ({ profile, numbers: "plain" as const })),
  { profile: "tiny", numbers: "wrap" },
];

for (const scenario of SCENARIOS) {
  for (const variant of VARIANTS) {
    const name = `${scenario.name} (${variant.profile}, ${variant.numbers} numbers)`;
    test(`${name}, one fault`, () => {
      const { frameCount } = attempt(variant, scenario, []);
      assert.ok(frameCount >= 3);
      for (let index = 0; index < frameCount; index++) {
        for (const fault of FAULTS) attempt(variant, scenario, [[index, fault]]);
      }
    });
    test(`${name}, two faults`, () => {
      const { frameCount } = attempt(variant, scenario, []);
      const lost = FAULTS[0]!;
      for (let index = 0; index < frameCount; index++) {
        attempt(variant, scenario, [
          [index, lost],
          [index + 1, lost],
        ]);
      }
      for (const [first, second] of scenario.regressions ?? []) {
        attempt(variant, scenario, [named(first), named(second)]);
      }
      const random = new Seeded(frameCount);
      for (let round = 0; round < RANDOM_PAIRS; round++) {
        const draw = (): [number, Fault] => {
          return [random.below(frameCount + 4), FAULTS[random.below(FAULTS.length)]!];
        };
        attempt(variant, scenario, [draw(), draw()]);
      }
    });
  }
}

// ── A bad wire all along ─────────────────────────────────────────────────────────────────────────

/** Bulk both ways while one frame in `oneIn` meets with a fault of any kind. */
function endure(pair: Pair, octets: number, random: Seeded, oneIn: number): void {
  pair.chooseFault = () => {
    return random.below(oneIn) === 0 ? FAULTS[random.below(FAULTS.length)] : undefined;
  };
  const connect = { remoteAddress: PEER_ADDRESS, remotePort: B_PORT_LISTENING, localPort: 4_000 };
  const plan: Plan = { send: octets, closeAt: { received: octets } };
  pair.programs.push(
    new Program(pair.a, "linger", { connect }, plan),
    new Program(pair.b, "peer", { listenPort: B_PORT_LISTENING }, { ...plan, closeAt: "eof" }),
  );
  const isDone = (): boolean => pair.programs.every((program) => program.isOver);
  assert.ok(pair.run(3_600_000, isDone), "not over in an hour");
  for (const { received, reason } of pair.programs) {
    assert.deepEqual({ received, reason }, { received: octets, reason: "CLOSED" });
  }
}

test("bulk both ways over a wire that spoils one frame in ten", () => {
  for (const variant of VARIANTS) {
    for (let seed = 1; seed <= 3; seed++) {
      naming(`${variant.profile}, ${variant.numbers} numbers, seed ${seed}`, () => {
        endure(new Pair(variant), 60_000, new Seeded(seed), 10);
      });
    }
  }
});

test("every profile with every other one, over a wire that spoils one frame in twenty", () => {
  for (const a of PROFILES) {
    for (const b of PROFILES) {
      naming(`${a} with ${b}`, () => {
        const pair = new Pair({ profile: a, numbers: "plain" }, {}, b);
        endure(pair, 40_000, new Seeded(7), 20);
      });
    }
  }
});
