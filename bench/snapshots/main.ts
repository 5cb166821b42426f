/**
 * `npm run snapshots`: how many octets a snapshot has, by profile and by what the stack holds: the
 * same figures in each run. `docs/snapshots.md` has them.
 *
 * Exit status 2 for a wrong argument.
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

const USAGE = "npm run snapshots: the octets of a snapshot, by profile and by what the stack holds";
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

function main(args: string[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  readOptions({ args, options: {} });
  console.log(["profile", ...LOADS.map(({ what }) => what)].join("  "));
  for (const profile of PROFILES) {
    const octets = LOADS.map((load) => {
      return measure(profile, load).toLocaleString("en-US").padStart(load.what.length);
    });
    console.log([profile.padEnd("profile".length), ...octets].join("  "));
  }
  return 0;
}

await runProgram("snapshots", main);
