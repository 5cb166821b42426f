/**
 * User calls and time-outs (RFC 9293 §3.10.1 to §3.10.6, §3.10.8): one table per state, one row per
 * call or expiry, what goes out and which state follows.
 *
 * A passive open gives its handle only with ESTABLISHED, so SYN-RECEIVED has calls only where both
 * opened at once. ISS is 100, the peer's 300; the numbers of each state stand in given.ts.
 */
import type { Conversation } from "../support/conversation.ts";
import type { StatusName } from "../support/device.ts";
import { type Row, runTable } from "../support/state-table.ts";

/** The three SEND calls answer this Status. */
function sendRefused(c: Conversation, status: StatusName): void {
  c.call("tcpReserve", status).call("tcpReservedAddress", status).call("tcpCommit", status, 1);
}

/** RECEIVE answers this Status. */
function receiveRefused(c: Conversation, status: StatusName): void {
  c.call("tcpPeek", status).call("tcpPeekedAddress", status).call("tcpConsume", status, 1);
}

const SEND_AFTER_CLOSE: Row = {
  name: "SEND: connection closing",
  does: (c) => sendRefused(c, "CONNECTION_CLOSING"),
};
const CLOSE_AGAIN: Row = {
  name: "CLOSE: connection closing",
  does: (c) => c.call("tcpCloseWrite", "CONNECTION_CLOSING"),
};
const RECEIVE_WAITS: Row = {
  name: "RECEIVE: nothing yet",
  does: (c) => receiveRefused(c, "WOULD_BLOCK"),
};
const RECEIVE_EOF: Row = { name: "RECEIVE: end-of-file", does: (c) => c.eof() };
/** ABORT without a word: the peer has no connection, or is about to have none. */
const ABORT_SILENTLY: Row = {
  name: "ABORT",
  does: (c) => c.abort(),
  state: "CLOSED",
  reason: "ABORTED",
  events: ["ENDED"],
};

function abortWith(reset: string): Row {
  return { ...ABORT_SILENTLY, reply: reset };
}

/** Silence for 5 minutes, whatever is sent again meanwhile. */
function userTimeout(before = (c: Conversation): unknown => c): Row {
  return {
    name: "USER TIMEOUT",
    does: (c) => {
      before(c);
      c.advance(300_000).take();
    },
    state: "CLOSED",
    reason: "TIMED_OUT",
    events: ["ENDED"],
  };
}

/** The same in a state that has nothing outstanding by itself. */
function userTimeoutAfterWriting(): Row {
  return userTimeout((c) => c.write(30).take());
}

// ── CLOSED, with the handle of a connection that has ended ───────────────────────────────────────

runTable({
  name: "CLOSED after a reset",
  state: "ESTABLISHED",
  una: 101,
  nxt: 101,
  rcv: 301,
  prelude: (c) => c.send("<SEQ=301><CTL=RST>").state("CLOSED"),
  rows: [
    { name: "SEND", does: (c) => sendRefused(c, "CONNECTION_ENDED"), state: "CLOSED" },
    { name: "RECEIVE", does: (c) => receiveRefused(c, "CONNECTION_ENDED"), state: "CLOSED" },
    { name: "CLOSE", does: (c) => c.call("tcpCloseWrite", "CONNECTION_ENDED"), state: "CLOSED" },
    { name: "full close", does: (c) => c.call("tcpClose", "CONNECTION_ENDED"), state: "CLOSED" },
    { name: "ABORT", does: (c) => c.call("tcpAbort", "CONNECTION_ENDED"), state: "CLOSED" },
    { name: "STATUS", does: (c) => c.reason("RESET"), state: "CLOSED", reason: "RESET" },
    {
      name: "release",
      does: (c) => c.release(),
      state: "CLOSED",
    },
  ],
});

// ── SYN-SENT ─────────────────────────────────────────────────────────────────────────────────────

runTable({
  state: "SYN-SENT",
  roles: ["active"],
  una: 101,
  nxt: 101,
  rcv: 301,
  rows: [
    { name: "SEND waits", does: (c) => c.write(30) },
    RECEIVE_WAITS,
    ABORT_SILENTLY,
    { ...ABORT_SILENTLY, name: "ABORT with data waiting", does: (c) => c.write(30).abort() },
    { ...ABORT_SILENTLY, name: "CLOSE", does: (c) => c.closeWrite() },
    { ...ABORT_SILENTLY, name: "full close", does: (c) => c.close() },
    {
      name: "CLOSE with data waiting waits too (a documented deviation)",
      does: (c) => {
        c.write(30).closeWrite().state("SYN-SENT");
        c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>");
      },
      reply: "<SEQ=101><ACK=301><CTL=FIN,PSH,ACK><DATA=30>",
      state: "FIN-WAIT-1",
      nxt: 132,
    },
    {
      name: "release",
      does: (c) => c.release().lookup("CLOSED").send("<SEQ=300><ACK=101><CTL=SYN,ACK>"),
      reply: "<SEQ=101><CTL=RST>",
      state: "CLOSED",
    },
    {
      name: "RETRANSMISSION TIMEOUT",
      does: (c) => c.after(1_000).expect("<SEQ=100><CTL=SYN><MSS=1460>").after(2_000),
      reply: "<SEQ=100><CTL=SYN><MSS=1460>",
    },
    userTimeout(),
  ],
});

// ── SYN-RECEIVED ─────────────────────────────────────────────────────────────────────────────────

runTable({
  name: "SYN-RECEIVED after both opened",
  state: "SYN-RECEIVED",
  roles: ["active"],
  una: 100,
  nxt: 101,
  rcv: 301,
  rows: [
    { name: "SEND waits", does: (c) => c.write(30) },
    RECEIVE_WAITS,
    abortWith("<SEQ=101><CTL=RST>"),
    {
      name: "CLOSE",
      does: (c) => c.closeWrite(),
      reply: "<SEQ=101><ACK=301><CTL=FIN,ACK>",
      state: "FIN-WAIT-1",
      nxt: 102,
    },
    {
      name: "CLOSE, then the ACK of our SYN, then of our FIN",
      does: (c) => {
        c.closeWrite().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
        c.send("<SEQ=301><ACK=101><CTL=ACK>").state("FIN-WAIT-1");
        c.send("<SEQ=301><ACK=102><CTL=ACK>");
      },
      state: "FIN-WAIT-2",
      una: 102,
      nxt: 102,
    },
    {
      name: "CLOSE, then the ACK of both",
      does: (c) => {
        c.closeWrite().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
        c.send("<SEQ=301><ACK=102><CTL=ACK>");
      },
      state: "FIN-WAIT-2",
      una: 102,
      nxt: 102,
    },
    {
      name: "CLOSE with data waiting waits for ESTABLISHED",
      does: (c) => {
        c.write(30).closeWrite().expectNothing();
        c.send("<SEQ=301><ACK=101><CTL=ACK>");
      },
      reply: "<SEQ=101><ACK=301><CTL=FIN,PSH,ACK><DATA=30>",
      state: "FIN-WAIT-1",
      una: 101,
      nxt: 132,
    },
    {
      name: "RETRANSMISSION TIMEOUT",
      does: (c) =>
        c.advance(1_000).expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>").advance(2_000),
      reply: "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>",
    },
    userTimeout(),
  ],
});

// ── ESTABLISHED ──────────────────────────────────────────────────────────────────────────────────

runTable({
  state: "ESTABLISHED",
  una: 101,
  nxt: 101,
  rcv: 301,
  rows: [
    {
      name: "SEND",
      does: (c) => c.write(30),
      reply: "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>",
      nxt: 131,
    },
    RECEIVE_WAITS,
    abortWith("<SEQ=101><CTL=RST>"),
    {
      name: "CLOSE",
      does: (c) => c.closeWrite(),
      reply: "<SEQ=101><ACK=301><CTL=FIN,ACK>",
      state: "FIN-WAIT-1",
      nxt: 102,
    },
    {
      name: "full close",
      does: (c) => c.close(),
      reply: "<SEQ=101><ACK=301><CTL=FIN,ACK>",
      state: "FIN-WAIT-1",
      nxt: 102,
    },
    {
      name: "release",
      does: (c) => c.release(),
      reply: "<SEQ=101><ACK=301><CTL=FIN,ACK>",
      state: "FIN-WAIT-1",
    },
    {
      name: "RETRANSMISSION TIMEOUT",
      does: (c) => {
        c.write(30).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>").after(1_000);
        c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>").after(2_000);
      },
      reply: "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>",
      nxt: 131,
    },
    { name: "no time-out while nothing is outstanding", does: (c) => c.quiet(86_400_000) },
    userTimeoutAfterWriting(),
  ],
});

// ── FIN-WAIT-1 and FIN-WAIT-2 ────────────────────────────────────────────────────────────────────

runTable({
  state: "FIN-WAIT-1",
  una: 101,
  nxt: 102,
  rcv: 301,
  rows: [
    SEND_AFTER_CLOSE,
    RECEIVE_WAITS,
    CLOSE_AGAIN,
    { name: "full close", does: (c) => c.close() },
    abortWith("<SEQ=102><CTL=RST>"),
    { name: "release", does: (c) => c.release() },
    {
      name: "RETRANSMISSION TIMEOUT",
      does: (c) => c.after(1_000).expect("<SEQ=101><ACK=301><CTL=FIN,ACK>").after(2_000),
      reply: "<SEQ=101><ACK=301><CTL=FIN,ACK>",
    },
    userTimeout(),
  ],
});

runTable({
  state: "FIN-WAIT-2",
  una: 102,
  nxt: 102,
  rcv: 301,
  rows: [
    SEND_AFTER_CLOSE,
    RECEIVE_WAITS,
    CLOSE_AGAIN,
    { name: "full close", does: (c) => c.close() },
    abortWith("<SEQ=102><CTL=RST>"),
    { name: "release", does: (c) => c.release() },
    { name: "no time-out", does: (c) => c.quiet(86_400_000) },
    {
      name: "USER TIMEOUT after a full close",
      does: (c) => c.close().advance(301_000).take(),
      state: "CLOSED",
      reason: "TIMED_OUT",
    },
  ],
});

// ── CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT ─────────────────────────────────────────────────────

runTable({
  state: "CLOSE-WAIT",
  una: 101,
  nxt: 101,
  rcv: 302,
  rows: [
    {
      name: "SEND",
      does: (c) => c.write(30),
      reply: "<SEQ=101><ACK=302><CTL=PSH,ACK><DATA=30>",
      nxt: 131,
    },
    RECEIVE_EOF,
    {
      name: "CLOSE",
      does: (c) => c.closeWrite(),
      reply: "<SEQ=101><ACK=302><CTL=FIN,ACK>",
      state: "LAST-ACK",
      nxt: 102,
    },
    {
      name: "full close",
      does: (c) => c.close(),
      reply: "<SEQ=101><ACK=302><CTL=FIN,ACK>",
      state: "LAST-ACK",
      nxt: 102,
    },
    {
      name: "release",
      does: (c) => c.release(),
      reply: "<SEQ=101><ACK=302><CTL=FIN,ACK>",
      state: "LAST-ACK",
    },
    abortWith("<SEQ=101><CTL=RST>"),
    { name: "no time-out while nothing is outstanding", does: (c) => c.quiet(86_400_000) },
    userTimeoutAfterWriting(),
  ],
});

runTable({
  state: "CLOSING",
  una: 101,
  nxt: 102,
  rcv: 302,
  rows: [
    SEND_AFTER_CLOSE,
    RECEIVE_EOF,
    CLOSE_AGAIN,
    ABORT_SILENTLY,
    { name: "release", does: (c) => c.release() },
    {
      name: "RETRANSMISSION TIMEOUT",
      does: (c) => c.after(1_000).expect("<SEQ=101><ACK=302><CTL=FIN,ACK>").after(2_000),
      reply: "<SEQ=101><ACK=302><CTL=FIN,ACK>",
    },
    userTimeout(),
  ],
});

runTable({
  state: "LAST-ACK",
  una: 101,
  nxt: 102,
  rcv: 302,
  rows: [
    SEND_AFTER_CLOSE,
    RECEIVE_EOF,
    CLOSE_AGAIN,
    ABORT_SILENTLY,
    { name: "release", does: (c) => c.release() },
    {
      name: "RETRANSMISSION TIMEOUT",
      does: (c) => c.after(1_000).expect("<SEQ=101><ACK=302><CTL=FIN,ACK>").after(2_000),
      reply: "<SEQ=101><ACK=302><CTL=FIN,ACK>",
    },
    userTimeout(),
  ],
});

runTable({
  state: "TIME-WAIT",
  una: 102,
  nxt: 102,
  rcv: 302,
  rows: [
    SEND_AFTER_CLOSE,
    RECEIVE_EOF,
    CLOSE_AGAIN,
    { name: "ABORT", does: (c) => c.abort(), state: "CLOSED", reason: "CLOSED" },
    { name: "release", does: (c) => c.release() },
    { name: "before TIME-WAIT TIMEOUT", does: (c) => c.quiet(59_999) },
    { name: "TIME-WAIT TIMEOUT", does: (c) => c.quiet(60_000), state: "CLOSED", reason: "CLOSED" },
  ],
});
