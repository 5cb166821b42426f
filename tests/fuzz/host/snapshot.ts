/**
 * The reader of snapshots: a damaged one is refused in one line, also one whose check holds since
 * somebody forged it; then the host's own part may say what it likes.
 *
 * Used by the command and the tests. No forged memory is run: with it a module may do anything,
 * which is why it has a check.
 */
import { VirtualClock } from "../../../hal/host/clock.ts";
import { SeededEntropy } from "../../../hal/host/entropy.ts";
import { LingerModule } from "../../../hal/host/module.ts";
import { checkOf } from "../../../hal/host/recording/format.ts";
import { pasteSnapshot, readSnapshot } from "../../../hal/host/snapshot/format.ts";
import { Stack } from "../../../hal/host/stack.ts";
import { createMemoryPair } from "../../../hal/host/wires/index.ts";
import type { Random } from "../random.ts";
import { type HostTarget, judgeRefusal, mutate } from "./target.ts";

const PORT = 7;
const HEADER_LENGTH = 10;
const TOTAL_OCTETS = 64;
const HOST_OCTETS = 68;
/** Where the fields begin that are not of the module. */
const SAVED_MS = 48;
const CHECK_OCTETS = 4;

const REFUSALS = ["SNAPSHOT_FORMAT", "SNAPSHOT_VERSION", "SNAPSHOT_MODULE"];
/** What the host's part names and the module or the host do not know. */
const UNKNOWN = ["BAD_OPTION", "BAD_ADDRESS", "BAD_HANDLE", "BAD_ARGUMENT"];

let snapshot: Uint8Array | undefined;
let module: LingerModule | undefined;

/** A stack with a listener and a connection, put away. */
function asleep(): Uint8Array {
  if (snapshot !== undefined) return snapshot;
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock, latencyMs: 1 });
  const common = { clock, profile: "tiny", entropy: new SeededEntropy(1) } as const;
  const client = Stack.create({ ...common, wire: near, address: "10.9.0.1/24" });
  const server = Stack.create({ ...common, wire: far, address: "10.9.0.2/24" });
  server.listen(PORT).on("connection", (connection) => connection.write("text"));
  client.connect("10.9.0.2", PORT);
  clock.advance(500);
  snapshot = server.snapshot({ port: PORT });
  client.close();
  return snapshot;
}

/** Its length and its check hold. */
function forged(octets: Uint8Array): Uint8Array {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (octets.length < TOTAL_OCTETS + CHECK_OCTETS) return octets;
  view.setUint32(TOTAL_OCTETS, octets.length, true);
  const end = octets.length - CHECK_OCTETS;
  view.setUint32(end, checkOf(octets.subarray(0, end)), true);
  return octets;
}

export const snapshotTarget: HostTarget = {
  name: "snapshot",
  perMillion: 2_000,
  make: (random: Random) => {
    const whole = asleep();
    const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
    if (random.oneIn(4)) return hex(mutate(whole, random));
    const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
    const begin = view.getUint16(HEADER_LENGTH, true);
    const end = begin + view.getUint32(HOST_OCTETS, true);
    if (random.oneIn(2)) {
      const head = whole.subarray(0, SAVED_MS);
      return hex(forged(Buffer.concat([head, mutate(whole.subarray(SAVED_MS), random)])));
    }
    const own = mutate(whole.subarray(begin, end), random);
    const octets = Buffer.concat([whole.subarray(0, begin), own, whole.subarray(end)]);
    octets.writeUInt32LE(own.length, HOST_OCTETS);
    return hex(forged(octets));
  },
  attempt: async (input) => {
    const octets = Uint8Array.from(Buffer.from(input, "hex"));
    module ??= LingerModule.load("tiny");
    try {
      readSnapshot(octets, module);
      const imports = { transmit: () => true, entropy: () => 1 };
      pasteSnapshot(octets.slice(), module.instantiate(imports));
    } catch (error) {
      return judgeRefusal(error, REFUSALS);
    }
    return isMemoryWhole(octets) ? judgeRestored(octets, module) : undefined;
  },
};

/** All behind the host's part is as it was put away. */
function isMemoryWhole(octets: Uint8Array): boolean {
  const memoryOf = (one: Uint8Array): Uint8Array => {
    const view = new DataView(one.buffer, one.byteOffset, one.byteLength);
    const begin = view.getUint16(HEADER_LENGTH, true) + view.getUint32(HOST_OCTETS, true);
    return one.subarray(begin, -CHECK_OCTETS);
  };
  return Buffer.compare(memoryOf(octets), memoryOf(asleep())) === 0;
}

function judgeRestored(octets: Uint8Array, taken: LingerModule): string | undefined {
  const clock = new VirtualClock();
  const [wire] = createMemoryPair({ clock, latencyMs: 1 });
  try {
    const stack = Stack.restore(octets, { clock, wire, module: taken, sleptMs: 0 });
    clock.advance(10);
    stack.close();
  } catch (error) {
    return judgeRefusal(error, [...REFUSALS, ...UNKNOWN]);
  }
  return undefined;
}
