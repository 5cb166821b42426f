/**
 * The datagram wire: whatever comes as one datagram is one frame, of any length, also none; what
 * comes from elsewhere is not; and the wire stays open.
 *
 * An input is a list of datagrams, as lengths; those from a stranger are negative. Used by the
 * command and the tests; opens sockets on loopback.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { openDatagram } from "../../../hal/host/wires/index.ts";
import type { Random } from "../random.ts";
import type { HostTarget } from "./target.ts";

const DATAGRAMS_MAX = 12;
const LENGTHS = [0, 1, 13, 14, 59, 60, 1_514, 1_515, 9_000, 65_507];
const HOST = "127.0.0.1";
/** Sent last, so that all before it have come or never will: loopback keeps the order. */
const LAST_OCTETS = 2_500;

export const datagramTarget: HostTarget = {
  name: "datagram",
  perMillion: 20,
  make: (random: Random) => {
    return Array.from({ length: 1 + random.below(DATAGRAMS_MAX) }, () => {
      const length = random.oneIn(2) ? random.pick(LENGTHS) : random.below(2_000);
      return random.oneIn(4) ? -length : length;
    }).join(" ");
  },
  attempt: async (input) => {
    const lengths = input.split(" ").map(Number);
    const [peer, stranger] = [await openSocket(), await openSocket()];
    const { port } = peer.address();
    const wire = await openDatagram({ local: { port: 0 }, remote: { port } });
    const got: number[] = [];
    let closed: Error | undefined;
    wire.onClose((error) => (closed = error));
    const done = new Promise<void>((resolve) => {
      wire.onFrame((frame) => {
        if (frame.length === LAST_OCTETS) resolve();
        else got.push(frame.length);
      });
    });
    for (const length of lengths) {
      const isStrange = length < 0 || Object.is(length, -0);
      await sendOne(isStrange ? stranger : peer, Math.abs(length), wire.localPort);
    }
    await sendOne(peer, LAST_OCTETS, wire.localPort);
    await done;
    wire.close();
    for (const socket of [peer, stranger]) socket.close();
    const wanted = lengths.filter((length) => length > 0 || Object.is(length, 0));
    if (closed !== undefined) return `the wire closed: ${closed.message}`;
    return got.join() === wanted.join() ? undefined : `${got.join()} came of ${wanted.join()}`;
  },
};

async function openSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, HOST);
  await once(socket, "listening");
  return socket;
}

function sendOne(socket: Socket, octets: number, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(new Uint8Array(octets), port, HOST, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
