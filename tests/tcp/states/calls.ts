/**
 * The user calls that a state may meet: the rows of each table of calls (RFC 9293 §3.10.1 to
 * §3.10.6). Where the RFC has one CLOSE, Linger has a half close and a full one.
 *
 * Each returns what Linger has returned: the name of a Status, or `EOF` for RECEIVE at the end of
 * the file. Read by calls.test.ts.
 */
import assert from "node:assert/strict";
import type { Conversation } from "../../support/conversation.ts";
import { type CallName, statusName } from "../../support/device.ts";

/** What a call returns; a handle or a number of octets counts as OK. */
type Returned = string;
type Call = (c: Conversation) => Returned;

/** Octets of each SEND, and of each text of the peer's. */
const OCTETS = 9;

export const CALLS: readonly (readonly [name: string, call: Call])[] = [
  ["passive OPEN again", openPassive],
  ["active OPEN again", openActive],
  ["active OPEN elsewhere", openAnother],
  ["SEND", send],
  ["SEND, Nagle off", (c) => option(c, "NO_DELAY", 1) ?? send(c)],
  ["RECEIVE", receive],
  ["RECEIVE of text", (c) => arrival(c) ?? receive(c)],
  ["CLOSE", (c) => plain(c, "tcpCloseWrite")],
  [
    "CLOSE after SEND",
    (c) =>
      together(
        c,
        () => send(c),
        () => plain(c, "tcpCloseWrite"),
      ),
  ],
  ["full close", closeFully],
  ["full close, unread", (c) => arrival(c) ?? closeFully(c)],
  ["full close, then text", closeBeforeText],
  ["ABORT", (c) => plain(c, "tcpAbort")],
  [
    "ABORT after SEND",
    (c) =>
      together(
        c,
        () => send(c),
        () => plain(c, "tcpAbort"),
      ),
  ],
  ["STATUS", status],
  ["release", release],
  ["CLOSE of the listener", closeListener],
];

/** The handle that the user has: of the connection, or of the listener. */
function handleOf(c: Conversation): number {
  return c.handle === 0 ? c.listener : c.handle;
}

function name(value: number): Returned {
  return value > 0 ? "OK" : String(statusName(value));
}

function plain(c: Conversation, call: CallName, ...args: number[]): Returned {
  const returned = name(c.rig.device.call(call, handleOf(c), ...args));
  c.rig.settle();
  return returned;
}

/** The first passive OPEN succeeds, unless there has been one, and a second one is refused. */
function openPassive(c: Conversation): Returned {
  if (c.listener === 0) c.listen();
  return name(c.rig.device.call("tcpListen", 0, c.localPort, 1));
}

function openActive(c: Conversation): Returned {
  const { peerAddress, peerPort, localPort } = c;
  const handle = c.rig.device.call("tcpConnect", peerAddress, peerPort, 0, localPort);
  if (handle > 0) c.handle = handle;
  c.rig.settle();
  return name(handle);
}

/** The same local port, and a port of the peer's that nobody uses. */
function openAnother(c: Conversation): Returned {
  c.on(c.localPort, c.peerPort + 1, c.irs)
    .connect()
    .expect("<SEQ=100><CTL=SYN><MSS=1460>");
  return "OK";
}

/** All three calls of SEND say the same if they refuse. */
function send(c: Conversation): Returned {
  const { device } = c.rig;
  const handle = handleOf(c);
  const refused = name(device.call("tcpReserve", handle));
  if (refused === "OK") {
    c.write(OCTETS);
    return "OK";
  }
  assert.equal(name(device.call("tcpReservedAddress", handle)), refused);
  assert.equal(name(device.call("tcpCommit", handle, 1)), refused);
  return refused;
}

/** All three calls of RECEIVE say the same if they refuse. */
function receive(c: Conversation): Returned {
  const { device } = c.rig;
  const handle = handleOf(c);
  const peeked = device.call("tcpPeek", handle);
  if (peeked === 0) return "EOF";
  if (peeked > 0) {
    c.read(OCTETS);
    return "OK";
  }
  assert.equal(name(device.call("tcpPeekedAddress", handle)), name(peeked));
  assert.equal(name(device.call("tcpConsume", handle, 1)), name(peeked));
  return name(peeked);
}

/** The peer's next text comes and is acknowledged; a Status if no connection can take it. */
function arrival(c: Conversation): Returned | undefined {
  if (c.handle === 0) return plain(c, "tcpPeek");
  const seq = c.variable("RCV_NXT");
  const ack = c.variable("SND_UNA");
  const nxt = c.variable("SND_NXT");
  c.send(`<SEQ=${seq}><ACK=${ack}><CTL=PSH,ACK><DATA=${OCTETS}>`);
  c.expectSoon(`<SEQ=${nxt}><ACK=${seq + OCTETS}><CTL=ACK>`);
  return undefined;
}

function closeFully(c: Conversation): Returned {
  const returned = plain(c, "tcpClose");
  if (c.handle === 0) c.listener = 0;
  return returned;
}

/** The answer to the close itself is another row's. */
function closeBeforeText(c: Conversation): Returned {
  const returned = closeFully(c);
  c.take();
  const seq = c.variable("RCV_NXT");
  c.send(`<SEQ=${seq}><ACK=${c.variable("SND_UNA")}><CTL=PSH,ACK><DATA=${OCTETS}>`);
  return returned;
}

/** State and variables are looked at after every call: here the sockets. */
function status(c: Conversation): Returned {
  const returned = plain(c, "tcpStatus");
  if (returned !== "OK") return returned;
  assert.equal(c.rig.device.status(handleOf(c), "LOCAL_PORT"), c.localPort);
  if (c.handle === 0) return returned;
  assert.equal(c.status("LOCAL_ADDRESS"), c.rig.address);
  assert.equal(c.status("REMOTE_ADDRESS"), c.peerAddress);
  assert.equal(c.status("REMOTE_PORT"), c.peerPort);
  return returned;
}

/** From then on the handle is nobody's. */
function release(c: Conversation): Returned {
  const handle = handleOf(c);
  const returned = plain(c, "tcpRelease");
  if (c.handle === 0) c.listener = 0;
  c.handle = 0;
  if (handle !== 0) assert.equal(name(c.rig.device.call("tcpStatus", handle)), "BAD_HANDLE");
  return returned;
}

/** Where there is a listener. */
function closeListener(c: Conversation): Returned {
  if (c.listener !== 0) c.unlisten();
  return "OK";
}

function option(c: Conversation, which: "NO_DELAY", value: number): Returned | undefined {
  if (c.handle !== 0) c.setOption(which, value);
  return undefined;
}

/** Two calls before the next poll; what the first one returns if it refuses. */
function together(c: Conversation, first: () => Returned, second: () => Returned): Returned {
  let returned = "OK";
  c.together(() => {
    returned = first();
    if (returned === "OK") returned = second();
  });
  return returned;
}
