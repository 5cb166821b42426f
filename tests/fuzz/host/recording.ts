/**
 * The reader of recordings, and the replay of what it gives: a damaged recording is run as far as
 * it goes or refused in one line, also one whose checks hold since somebody forged them.
 *
 * Used by the command and the tests. Forged images are read and not run: with them in its memory a
 * module may do anything, which is why they have checks.
 */
import { VirtualClock } from "../../../hal/host/clock.ts";
import { formatPosition, formatStep, formatTcbs } from "../../../hal/host/cli/replay/text.ts";
import { SeededEntropy } from "../../../hal/host/entropy.ts";
import { LingerModule } from "../../../hal/host/module.ts";
import { callShape } from "../../../hal/host/recording/format.ts";
import { readRecording, type Recording, Replay } from "../../../hal/host/recording/index.ts";
import { Stack } from "../../../hal/host/stack.ts";
import { createMemoryPair } from "../../../hal/host/wires/index.ts";
import type { Random } from "../random.ts";
import { describe, type HostTarget, judgeRefusal, mutate } from "./target.ts";

const PORT = 7;
/** The check and its kind, behind the last record of a recording that is short. */
const CHECK_OCTETS = 5;
/** The numbers of calls go so far. */
const CALLS = 31;
const NUMBERS = [0, 1, 60, 1514, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/** More than the memory of the smallest module has. */
const LONG = 100_000;

const REFUSALS = ["MODULE_ABI", "MODULE_INVALID", "SNAPSHOT_MODULE", "RECORDING_FORMAT"];

let recordings: Uint8Array[] | undefined;
let module: LingerModule | undefined;

/** What a stack did before it was put away, and since then. */
function corpus(): Uint8Array[] {
  if (recordings !== undefined) return recordings;
  const lives: Uint8Array[][] = [[], []];
  const record = (life: number) => ({
    to: (octets: Uint8Array) => void lives[life]!.push(octets),
    hashEvery: 9,
  });
  const clock = new VirtualClock();
  const stackOf = (address: string, end: 0 | 1) => {
    const wire = createMemoryPair({ clock, latencyMs: 1 })[end];
    const entropy = new SeededEntropy(end + 1);
    return { clock, profile: "tiny", wire, address, entropy } as const;
  };
  const [near, far] = createMemoryPair({ clock, latencyMs: 1 });
  const client = Stack.create({ ...stackOf("10.9.0.1/24", 0), wire: near });
  const server = Stack.create({ ...stackOf("10.9.0.2/24", 1), wire: far, record: record(0) });
  server.listen(PORT).on("connection", (connection) => {
    connection.on("readable", () => connection.write(connection.read() ?? "end"));
  });
  const connection = client.connect("10.9.0.2", PORT);
  connection.write("What is damaged is refused in one line.");
  clock.advance(500);
  const snapshot = server.snapshot();
  const options = stackOf("", 1);
  Stack.restore(snapshot, { ...options, record: record(1) }).close();
  client.close();
  recordings = lives.map((life) => Buffer.concat(life));
  return recordings;
}

export const recordingTarget: HostTarget = {
  name: "recording",
  perMillion: 2_000,
  make: (random: Random) => {
    const whole = random.pick(corpus());
    if (random.oneIn(3)) return Buffer.from(mutate(whole, random)).toString("hex");
    const forged = [whole.subarray(0, -CHECK_OCTETS - 1)];
    if (random.oneIn(2)) forged[0] = mutate(forged[0]!, random);
    for (let i = random.below(8); i > 0; i--) forged.push(forgeCall(random));
    return Buffer.concat(forged).toString("hex");
  },
  attempt: async (input) => {
    const octets = Uint8Array.from(Buffer.from(input, "hex"));
    let recording: Recording;
    try {
      recording = readRecording(octets);
    } catch (error) {
      return judgeRefusal(error, ["RECORDING_FORMAT"]);
    }
    if (recording.steps.length > octets.length) return `${recording.steps.length} steps`;
    return judgeReplay(recording);
  },
};

/** A call that nobody made, of a known shape. */
function forgeCall(random: Random): Uint8Array {
  const number = 1 + random.below(CALLS);
  const { parameters, data } = callShape(number)!;
  const octets = [number];
  for (let i = 0; i < parameters; i++)
    octets.push(...varint(random.pick([...NUMBERS, random.below(5)])));
  if (data === undefined) return Uint8Array.from(octets);
  const length = random.oneIn(10) ? random.below(LONG) : random.below(100);
  return Buffer.concat([
    Uint8Array.from([...octets, ...varint(length)]),
    Buffer.alloc(length, 0x45),
  ]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function judgeReplay(recording: Recording): string | undefined {
  module ??= LingerModule.load("tiny");
  let replay: Replay;
  try {
    replay = new Replay(recording, module);
  } catch (error) {
    return judgeRefusal(error, REFUSALS);
  }
  if (recording.image !== undefined) return undefined;
  try {
    while (replay.forward()) formatStep(replay.position, replay.lastStep!);
    const shown = [...formatPosition(replay), ...formatTcbs(replay)];
    if (shown.some((line) => line.includes("\n"))) return "a line is more than one";
    replay.seek(0);
  } catch (error) {
    return `a replay stops: ${describe(error)}`;
  }
  return undefined;
}
