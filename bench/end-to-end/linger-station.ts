/**
 * A station of Node on the TAP for `npm run bench -- --end-to-end`: Linger in the host emulator
 * with a sink and a source, or no stack at all, which gives back each datagram: the limit of Node's
 * wire.
 *
 *     node linger-station.ts TAP linger|wire
 *
 * Started by run.ts; prints `ready`, ends when it is killed.
 */
import { type Connection, openTap, Stack, type Wire } from "../../hal/host/index.ts";
import { startDiscard } from "../../hal/host/apps/discard.ts";

const ADDRESS = "10.9.0.2/24";
const MAC = "02:00:00:0a:09:02";
const SOURCE_PORT = 19;
const BLOCK_OCTETS = 4 * 1460;
const UDP = 17;

/** Sends as fast as the peer takes it, until it resets the connection. */
async function send(connection: Connection): Promise<void> {
  const block = new Uint8Array(BLOCK_OCTETS);
  try {
    for (;;) await connection.writeAll(block);
  } catch {
    connection.release();
  }
}

function runLinger(wire: Wire): void {
  const stack = Stack.create({ wire, address: ADDRESS, mac: MAC, mslMs: 500 });
  startDiscard(stack);
  stack.listen(SOURCE_PORT).on("connection", (connection: Connection) => void send(connection));
}

function swap(frame: Uint8Array, one: number, other: number, octets: number): void {
  const kept = frame.slice(one, one + octets);
  frame.copyWithin(one, other, other + octets);
  frame.set(kept, other);
}

/** Source and destination change places everywhere, which leaves the sums as they are. */
function runEcho(wire: Wire): void {
  wire.onFrame((frame) => {
    if (frame.length < 42 || frame[12] !== 8 || frame[13] !== 0 || frame[23] !== UDP) return;
    swap(frame, 0, 6, 6);
    swap(frame, 26, 30, 4);
    swap(frame, 34, 36, 2);
    wire.send(frame);
  });
}

const [tap = "", mode] = process.argv.slice(2);
const wire = await openTap(tap);
if (mode === "linger") runLinger(wire);
else runEcho(wire);
console.log("ready");
