/**
 * `npm run recording`: what recording costs on the host: the processor time per frame of two stacks
 * that send one another a stream, both recorded, over that of the same without.
 *
 *     npm run recording                     both profiles, 9 runs of 16 MB each way
 *     npm run recording -- --runs 3 --megabytes 4
 *
 * Runs with and without take turns, so that what else the machine does meets both alike; the least
 * of each counts. Exit status 2 for a wrong argument. `docs/recording.md` has the figures of one
 * run.
 */
import { readOptions, runProgram, UsageError } from "../command.ts";
import {
  createMemoryPair,
  type Profile,
  SeededEntropy,
  Stack,
  VirtualClock,
} from "../../hal/host/index.ts";

const PORT = 7;
const MEGABYTE = 1e6;
const WRITE_OCTETS = 2920;
const PROFILES = ["default", "host"] as const satisfies Profile[];

function readArguments(args: string[]): { runs: number; octets: number } {
  const options = { runs: { type: "string" }, megabytes: { type: "string" } } as const;
  const { values } = readOptions({ args, options });
  const integer = (name: "runs" | "megabytes", standard: number): number => {
    const text = values[name] ?? String(standard);
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= 1 && value <= 1000) return value;
    throw new UsageError(`--${name} takes a whole number from 1 to 1000, not ${text}`);
  };
  return { runs: integer("runs", 9), octets: integer("megabytes", 16) * MEGABYTE };
}

/** Microseconds of processor time per frame. */
function measure(profile: Profile, octets: number, isRecorded: boolean): number {
  const clock = new VirtualClock();
  const wires = createMemoryPair({ clock });
  const [near, far] = wires.map((wire, index) =>
    Stack.create({
      wire,
      clock,
      profile,
      address: `10.9.0.${index + 1}/24`,
      entropy: new SeededEntropy(index + 1),
      ...(isRecorded ? { record: "/dev/null" } : {}),
    }),
  ) as [Stack, Stack];
  let got = 0;
  far.listen(PORT).on("connection", (connection) => {
    connection.on("readable", () => {
      for (let part = connection.read(); part; part = connection.read()) got += part.length;
    });
  });
  const connection = near.connect("10.9.0.2", PORT);
  const text = new Uint8Array(WRITE_OCTETS).fill(1);
  const begin = process.cpuUsage();
  for (let sent = 0; got < octets; clock.advance(1)) {
    if (sent < octets) sent += connection.write(text);
  }
  const { user, system } = process.cpuUsage(begin);
  const { FRAMES_IN, FRAMES_OUT } = near.counters();
  near.close();
  far.close();
  return (user + system) / (FRAMES_IN + FRAMES_OUT);
}

function compare(profile: Profile, runs: number, octets: number): string {
  const without: number[] = [];
  const recorded: number[] = [];
  // The first of each only warms the machine up.
  for (let run = 0; run <= runs; run++) {
    const [off, on] = [measure(profile, octets, false), measure(profile, octets, true)];
    if (run === 0) continue;
    without.push(off);
    recorded.push(on);
  }
  const [off, on] = [Math.min(...without), Math.min(...recorded)];
  const share = `${(100 * (on / off - 1)).toFixed(1)} %`;
  const cells = [profile.padEnd(8), off.toFixed(2).padStart(9), on.toFixed(2).padStart(9), share];
  return cells.join("  ");
}

function main(args: string[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    console.log("npm run recording -- [--runs N] [--megabytes N]: what recording costs per frame");
    return 0;
  }
  const { runs, octets } = readArguments(args);
  console.log("profile   µs/frame  recorded  more");
  for (const profile of PROFILES) console.log(compare(profile, runs, octets));
  return 0;
}

await runProgram("recording", main);
