/**
 * Character generator (RFC 864): lines of 72 printing characters, each line shifted by one, as fast
 * as the peer reads, until it closes. What it sends is thrown away.
 *
 * Started by `linger serve chargen`. Never has more than one line waiting.
 */
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import { type App, type AppOptions, serve } from "./serve.ts";

export const CHARGEN_PORT = 19;

/** ASCII's printing characters: space to tilde. */
const FIRST_CHARACTER = 0x20;
const CHARACTER_COUNT = 95;
const LINE_CHARACTERS = 72;
const LINE_OCTETS = LINE_CHARACTERS + 2;
/** The pattern repeats after 95 lines. */
const CYCLE_OCTETS = LINE_OCTETS * CHARACTER_COUNT;

export function startChargen(stack: Stack, options: AppOptions = {}): App {
  return serve(stack, { name: "chargen", port: CHARGEN_PORT, handler: chargen }, options);
}

/** All 95 lines of the pattern, CR LF included. */
export function chargenCycle(): Uint8Array {
  const cycle = new Uint8Array(CYCLE_OCTETS);
  for (let line = 0; line < CHARACTER_COUNT; line++) {
    const at = line * LINE_OCTETS;
    for (let column = 0; column < LINE_CHARACTERS; column++) {
      cycle[at + column] = FIRST_CHARACTER + ((line + column) % CHARACTER_COUNT);
    }
    cycle[at + LINE_CHARACTERS] = 0x0d;
    cycle[at + LINE_CHARACTERS + 1] = 0x0a;
  }
  return cycle;
}

/** Where it stands follows from how much was written: a connection that slept goes on there. */
async function chargen(connection: Connection): Promise<void> {
  const cycle = chargenCycle();
  let closed = false;
  const emptied = (async () => {
    while ((await connection.receive()) !== null);
    closed = true;
    // Even if a line waits for room: the peer has said that it wants no more.
    connection.closeWrite();
  })();
  emptied.catch(() => undefined);
  try {
    while (!closed) {
      const at = connection.bytesWritten % CYCLE_OCTETS;
      await connection.writeAll(cycle.subarray(at, at + LINE_OCTETS - (at % LINE_OCTETS)));
    }
  } catch (error) {
    if (!closed) throw error;
  }
  await emptied;
}
