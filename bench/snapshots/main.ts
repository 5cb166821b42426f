/**
 * `npm run snapshots`: how many octets a snapshot has, by profile and by what the stack holds, and
 * what making one and taking it up costs a board: the same figures in each run. `docs/snapshots.md`
 * has them.
 *
 *     npm run snapshots                  octets
 *     npm run snapshots -- --board       instructions of a Cortex-M3 in QEMU, with each engine
 *
 * Exit status 2 for a wrong argument, 1 without what the firmware needs.
 */
import {
  type Connection,
  createMemoryPair,
  SeededEntropy,
  Stack,
  VirtualClock,
} from "../../hal/host/index.ts";
import type { Profile } from "../../hal/host/module.ts";
import { readOptions, runProgram } from "../command.ts";
import { COUNTED_NEEDS } from "../counted/firmware.ts";
import { checkNeeds } from "../segment/tools.ts";
import { BOARD_LOADS, countSleep } from "./board.ts";

const USAGE = [
  "npm run snapshots -- [--board]: the octets of a snapshot, by profile and by what the stack",
  "holds, or the instructions that a board takes to save and to resume one",
].join(" ");
const PROFILES: readonly Profile[] = ["tiny", "default", "host"];
const PORT = 7;
const SERVER = "10.9.0.1";
/** Handshakes are over by then, and nothing is under way. */
const SETTLE_MS = 1000;

/** What a stack may hold when it is put away. */
const LOADS = [
  { what: "no connection", connections: 0, queuedOctets: 0 },
  { what: "1, idle", connections: 1, queuedOctets: 0 },
  { what: "4, 1,000 octets queued in each", connections: 4, queuedOctets: 1000 },
] as const;

type Load = (typeof LOADS)[number];

/** Octets of the snapshot of a server under such a load. */
function measure(profile: Profile, { connections, queuedOctets }: Load): number {
  const clock = new VirtualClock();
  const [serverWire, peerWire] = createMemoryPair({ clock });
  const common = { clock, entropy: new SeededEntropy(1) };
  const server = Stack.create({ ...common, wire: serverWire, profile, address: `${SERVER}/24` });
  const peer = Stack.create({ ...common, wire: peerWire, address: "10.9.0.2/24" });
  const accepted: Connection[] = [];
  server.listen(PORT).on("connection", (connection) => accepted.push(connection));
  for (let i = 0; i < connections; i++) peer.connect(SERVER, PORT);
  clock.advance(SETTLE_MS);
  if (accepted.length !== connections) throw new Error(`${accepted.length} connections opened`);
  for (const connection of accepted) {
    const taken = queuedOctets === 0 ? 0 : connection.write(new Uint8Array(queuedOctets).fill(1));
    if (taken !== queuedOctets) throw new Error(`${taken} octets were taken`);
  }
  const { length } = server.snapshot();
  peer.close();
  return length;
}

function printSizes(): void {
  console.log(["profile", ...LOADS.map(({ what }) => what)].join("  "));
  for (const profile of PROFILES) {
    const octets = LOADS.map((load) => {
      return measure(profile, load).toLocaleString("en-US").padStart(load.what.length);
    });
    console.log([profile.padEnd("profile".length), ...octets].join("  "));
  }
}

function printBoard(): void {
  checkNeeds(COUNTED_NEEDS, "--board");
  console.log("engine  connections    octets       save     resume");
  for (const engine of ["wasm2c", "fast"] as const) {
    for (const load of BOARD_LOADS) {
      const { octets, save, resume } = countSleep(engine, load);
      const figures = [octets, save, resume].map((figure) => figure.toLocaleString("en-US"));
      const cells = figures.map((text, index) => text.padStart(index === 0 ? 8 : 9));
      console.log([engine.padEnd(6), load.what.padEnd(13), ...cells].join("  "));
    }
  }
}

function main(args: string[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const { values } = readOptions({ args, options: { board: { type: "boolean" } } });
  if (values.board === true) printBoard();
  else printSizes();
  return 0;
}

await runProgram("snapshots", main);
