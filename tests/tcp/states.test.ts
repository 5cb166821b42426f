/**
 * SEGMENT ARRIVES (RFC 9293 §3.10.7): one table per state, one row per segment, what Linger answers
 * and which state follows, taken from the RFC's text. User calls and time-outs stand in
 * state-calls.test.ts, the rest of TIME-WAIT in time-wait.test.ts.
 *
 * The numbers are those of the figures: Linger's ISS is 100, the peer's 300. EDGE is the right edge
 * of Linger's receive window.
 */
import { type Row, runTable, type Variables } from "../support/state-table.ts";

// ── CLOSED (§3.10.7.1) ───────────────────────────────────────────────────────────────────────────

runTable({
  state: "CLOSED",
  roles: ["active"],
  una: 0,
  nxt: 0,
  rcv: 300,
  rows: [
    { name: "SYN", does: "<SEQ=300><CTL=SYN>", reply: "<SEQ=0><ACK=301><CTL=RST,ACK>" },
    {
      name: "SYN with data",
      does: "<SEQ=300><CTL=SYN><DATA=5>",
      reply: "<SEQ=0><ACK=306><CTL=RST,ACK>",
    },
    { name: "SYN and FIN", does: "<SEQ=300><CTL=SYN,FIN>", reply: "<SEQ=0><ACK=302><CTL=RST,ACK>" },
    { name: "SYN,ACK", does: "<SEQ=300><ACK=500><CTL=SYN,ACK>", reply: "<SEQ=500><CTL=RST>" },
    { name: "ACK", does: "<SEQ=300><ACK=500><CTL=ACK>", reply: "<SEQ=500><CTL=RST>" },
    { name: "data", does: "<SEQ=300><ACK=500><CTL=ACK><DATA=9>", reply: "<SEQ=500><CTL=RST>" },
    { name: "FIN,ACK", does: "<SEQ=300><ACK=500><CTL=FIN,ACK>", reply: "<SEQ=500><CTL=RST>" },
    { name: "FIN without ACK", does: "<SEQ=300><CTL=FIN>", reply: "<SEQ=0><ACK=301><CTL=RST,ACK>" },
    { name: "no control bit", does: "<SEQ=300><CTL=>", reply: "<SEQ=0><ACK=300><CTL=RST,ACK>" },
    {
      name: "data without ACK",
      does: "<SEQ=300><CTL=PSH><DATA=9>",
      reply: "<SEQ=0><ACK=309><CTL=RST,ACK>",
    },
    { name: "RST", does: "<SEQ=300><CTL=RST>" },
    { name: "RST,ACK", does: "<SEQ=300><ACK=500><CTL=RST,ACK>" },
    { name: "RST with data", does: "<SEQ=300><ACK=500><CTL=RST,ACK><DATA=9>" },
  ],
});

// ── LISTEN (§3.10.7.2) ───────────────────────────────────────────────────────────────────────────

runTable({
  state: "LISTEN",
  roles: ["passive"],
  una: 0,
  nxt: 0,
  rcv: 300,
  rows: [
    { name: "RST", does: "<SEQ=300><CTL=RST>" },
    { name: "RST,ACK", does: "<SEQ=300><ACK=101><CTL=RST,ACK>" },
    { name: "RST and SYN", does: "<SEQ=300><CTL=SYN,RST>" },
    { name: "ACK", does: "<SEQ=300><ACK=101><CTL=ACK>", reply: "<SEQ=101><CTL=RST>" },
    { name: "SYN,ACK", does: "<SEQ=300><ACK=101><CTL=SYN,ACK>", reply: "<SEQ=101><CTL=RST>" },
    { name: "data", does: "<SEQ=300><ACK=101><CTL=ACK><DATA=9>", reply: "<SEQ=101><CTL=RST>" },
    { name: "FIN,ACK", does: "<SEQ=300><ACK=101><CTL=FIN,ACK>", reply: "<SEQ=101><CTL=RST>" },
    { name: "FIN without ACK", does: "<SEQ=300><CTL=FIN>" },
    { name: "data without ACK", does: "<SEQ=300><CTL=PSH><DATA=9>" },
    { name: "no control bit", does: "<SEQ=300><CTL=>" },
    {
      name: "SYN",
      does: "<SEQ=300><CTL=SYN><MSS=1460>",
      reply: "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>",
      state: "SYN-RECEIVED",
    },
    {
      name: "SYN without options",
      does: "<SEQ=300><CTL=SYN>",
      reply: "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>",
      state: "SYN-RECEIVED",
    },
    {
      name: "SYN with a window of 0",
      does: "<SEQ=300><WND=0><CTL=SYN>",
      reply: "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>",
      state: "SYN-RECEIVED",
    },
    {
      name: "SYN with PSH, URG and reserved bits of ECN",
      does: "<SEQ=300><CTL=SYN,PSH,URG,ECE,CWR>",
      reply: "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>",
      state: "SYN-RECEIVED",
    },
  ],
});

// ── SYN-SENT (§3.10.7.3) ─────────────────────────────────────────────────────────────────────────

runTable({
  state: "SYN-SENT",
  roles: ["active"],
  una: 101,
  nxt: 101,
  rcv: 301,
  rows: [
    { name: "ACK of ISS", does: "<SEQ=300><ACK=100><CTL=ACK>", reply: "<SEQ=100><CTL=RST>" },
    { name: "ACK below ISS", does: "<SEQ=300><ACK=40><CTL=ACK>", reply: "<SEQ=40><CTL=RST>" },
    { name: "ACK too new", does: "<SEQ=300><ACK=102><CTL=ACK>", reply: "<SEQ=102><CTL=RST>" },
    {
      name: "SYN,ACK of ISS",
      does: "<SEQ=300><ACK=100><CTL=SYN,ACK>",
      reply: "<SEQ=100><CTL=RST>",
    },
    {
      name: "SYN,ACK too new",
      does: "<SEQ=300><ACK=102><CTL=SYN,ACK>",
      reply: "<SEQ=102><CTL=RST>",
    },
    {
      name: "FIN,ACK too new",
      does: "<SEQ=300><ACK=999><CTL=FIN,ACK>",
      reply: "<SEQ=999><CTL=RST>",
    },
    { name: "RST with an unacceptable ACK", does: "<SEQ=0><ACK=100><CTL=RST,ACK>" },
    { name: "RST with a too new ACK", does: "<SEQ=0><ACK=102><CTL=RST,ACK>" },
    { name: "RST without ACK", does: "<SEQ=300><CTL=RST>" },
    {
      name: "RST with an acceptable ACK",
      does: "<SEQ=0><ACK=101><CTL=RST,ACK>",
      state: "CLOSED",
      reason: "REFUSED",
      events: ["ENDED"],
    },
    { name: "acceptable ACK, no SYN", does: "<SEQ=300><ACK=101><CTL=ACK>" },
    { name: "data, no SYN", does: "<SEQ=300><ACK=101><CTL=PSH,ACK><DATA=9>" },
    { name: "FIN, no SYN", does: "<SEQ=300><ACK=101><CTL=FIN,ACK>" },
    { name: "data without ACK", does: "<SEQ=300><CTL=PSH><DATA=9>" },
    { name: "no control bit", does: "<SEQ=300><CTL=>" },
    {
      name: "SYN,ACK",
      does: "<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>",
      reply: "<SEQ=101><ACK=301><CTL=ACK>",
      state: "ESTABLISHED",
      events: ["CONNECTED"],
    },
    {
      name: "SYN,ACK with data",
      does: "<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><DATA=20>",
      reply: "<SEQ=101><ACK=321><CTL=ACK>",
      state: "ESTABLISHED",
      rcv: 321,
      events: ["CONNECTED", "READABLE"],
    },
    {
      name: "SYN,ACK with FIN",
      does: "<SEQ=300><ACK=101><CTL=SYN,FIN,ACK><MSS=1460>",
      reply: "<SEQ=101><ACK=302><CTL=ACK>",
      state: "CLOSE-WAIT",
      rcv: 302,
      events: ["CONNECTED", "PEER_CLOSED"],
    },
    {
      name: "SYN alone: both open at once",
      does: "<SEQ=300><CTL=SYN><MSS=1460>",
      reply: "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>",
      state: "SYN-RECEIVED",
      una: 100,
    },
  ],
});

// ── SYN-RECEIVED (§3.10.7.4) ─────────────────────────────────────────────────────────────────────

const SYN_RECEIVED_ROWS: readonly Row[] = [
  {
    name: "first check: data right of the window",
    does: "<SEQ=EDGE><ACK=101><CTL=ACK><DATA=9>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
  },
  {
    name: "first check: an empty segment right of the window",
    does: "<SEQ=EDGE+1><ACK=101><CTL=ACK>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
  },
  {
    name: "first check: data left of the window",
    does: "<SEQ=292><ACK=101><CTL=ACK><DATA=9>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
  },
  { name: "second check: RST right of the window", does: "<SEQ=EDGE+1><CTL=RST>" },
  { name: "second check: RST left of the window", does: "<SEQ=300><CTL=RST>" },
  {
    name: "second check: RST within the window is challenged",
    does: "<SEQ=302><CTL=RST>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
  },
  {
    name: "second check: RST at the last number of the window is challenged",
    does: "<SEQ=EDGE-1><CTL=RST>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
  },
  { name: "fifth check: no ACK", does: "<SEQ=301><CTL=PSH><DATA=9>" },
  { name: "fifth check: FIN without ACK", does: "<SEQ=301><CTL=FIN>" },
  { name: "fifth check: no control bit", does: "<SEQ=301><CTL=>" },
  { name: "ACK of ISS", does: "<SEQ=301><ACK=100><CTL=ACK>", reply: "<SEQ=100><CTL=RST>" },
  { name: "ACK too old", does: "<SEQ=301><ACK=50><CTL=ACK>", reply: "<SEQ=50><CTL=RST>" },
  { name: "ACK too new", does: "<SEQ=301><ACK=102><CTL=ACK>", reply: "<SEQ=102><CTL=RST>" },
  {
    name: "data with an ACK too new",
    does: "<SEQ=301><ACK=900><CTL=ACK><DATA=9>",
    reply: "<SEQ=900><CTL=RST>",
  },
  {
    name: "FIN with an ACK too new",
    does: "<SEQ=301><ACK=900><CTL=FIN,ACK>",
    reply: "<SEQ=900><CTL=RST>",
  },
  { name: "acceptable ACK", does: "<SEQ=301><ACK=101><CTL=ACK>", state: "ESTABLISHED", una: 101 },
  {
    name: "acceptable ACK in the last place of the window",
    does: "<SEQ=EDGE-1><ACK=101><CTL=ACK>",
    state: "ESTABLISHED",
    una: 101,
  },
  {
    name: "acceptable ACK with data",
    does: "<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=9>",
    reply: "<SEQ=101><ACK=310><CTL=ACK>",
    soon: true,
    state: "ESTABLISHED",
    una: 101,
    rcv: 310,
  },
  {
    name: "acceptable ACK with data out of order",
    does: "<SEQ=311><ACK=101><CTL=PSH,ACK><DATA=9>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
    state: "ESTABLISHED",
    una: 101,
  },
  {
    name: "acceptable ACK with data that ends beyond the window",
    does: "<SEQ=EDGE-5><ACK=101><CTL=PSH,ACK><DATA=9>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
    state: "ESTABLISHED",
    una: 101,
  },
  {
    name: "acceptable ACK with FIN",
    does: "<SEQ=301><ACK=101><CTL=FIN,ACK>",
    reply: "<SEQ=101><ACK=302><CTL=ACK>",
    state: "CLOSE-WAIT",
    una: 101,
    rcv: 302,
  },
  {
    name: "acceptable ACK with FIN out of order",
    does: "<SEQ=311><ACK=101><CTL=FIN,ACK>",
    reply: "<SEQ=101><ACK=301><CTL=ACK>",
    state: "ESTABLISHED",
    una: 101,
  },
];

runTable({
  name: "SYN-RECEIVED after a passive OPEN",
  state: "SYN-RECEIVED",
  roles: ["passive"],
  una: 100,
  nxt: 101,
  rcv: 301,
  rows: [
    ...SYN_RECEIVED_ROWS,
    { name: "second check: RST", does: "<SEQ=301><CTL=RST>", state: "LISTEN" },
    { name: "second check: RST,ACK", does: "<SEQ=301><ACK=101><CTL=RST,ACK>", state: "LISTEN" },
    { name: "fourth check: SYN in the window", does: "<SEQ=301><CTL=SYN>", state: "LISTEN" },
    {
      name: "SYN right of the window",
      does: "<SEQ=EDGE+9><CTL=SYN>",
      reply: "<SEQ=101><ACK=301><CTL=ACK>",
    },
  ],
});

runTable({
  name: "SYN-RECEIVED after both opened",
  state: "SYN-RECEIVED",
  roles: ["active"],
  una: 100,
  nxt: 101,
  rcv: 301,
  rows: [
    ...SYN_RECEIVED_ROWS,
    {
      name: "second check: RST",
      does: "<SEQ=301><CTL=RST>",
      state: "CLOSED",
      reason: "REFUSED",
      events: ["ENDED"],
    },
    {
      name: "second check: RST,ACK",
      does: "<SEQ=301><ACK=101><CTL=RST,ACK>",
      state: "CLOSED",
      reason: "REFUSED",
    },
    {
      name: "fourth check: SYN in the window is challenged",
      does: "<SEQ=301><CTL=SYN>",
      reply: "<SEQ=101><ACK=301><CTL=ACK>",
    },
    {
      name: "the peer's SYN and the ACK of ours (Figure 7, line 6)",
      does: "<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>",
      reply: "<SEQ=101><ACK=301><CTL=ACK>",
      optional: true,
      state: "ESTABLISHED",
      una: 101,
      events: ["CONNECTED"],
    },
  ],
});

// ── The synchronized states (§3.10.7.4): what they have in common ────────────────────────────────

/** SND.UNA, SND.NXT and RCV.NXT of a state, and the ACK that says how things stand. */
function standing({ una, nxt, rcv }: Variables): { ack: string; reply: string } {
  return { ack: `<ACK=${una}>`, reply: `<SEQ=${nxt}><ACK=${rcv}><CTL=ACK>` };
}

/** First check: the sequence number. */
function sequenceRows(at: Variables): Row[] {
  const { rcv } = at;
  const { ack, reply } = standing(at);
  return [
    {
      name: "first check: data left of the window",
      does: `<SEQ=${rcv - 9}>${ack}<CTL=ACK><DATA=9>`,
      reply,
    },
    {
      name: "first check: data right of the window",
      does: `<SEQ=EDGE>${ack}<CTL=ACK><DATA=9>`,
      reply,
    },
    { name: "first check: FIN right of the window", does: `<SEQ=EDGE>${ack}<CTL=FIN,ACK>`, reply },
    {
      name: "first check: an empty segment one below",
      does: `<SEQ=${rcv - 1}>${ack}<CTL=ACK>`,
      reply,
    },
    {
      name: "first check: an empty segment far above",
      does: `<SEQ=EDGE+99>${ack}<CTL=ACK>`,
      reply,
    },
    { name: "first check: no control bit, far below", does: `<SEQ=${rcv - 5000}><CTL=>`, reply },
  ];
}

/** Second check: RST, exactly at RCV.NXT or challenged (RFC 5961 §3). */
function resetRows(at: Variables): Row[] {
  const { nxt, rcv } = at;
  const { ack, reply } = standing(at);
  return [
    { name: "second check: RST one below the window", does: `<SEQ=${rcv - 1}><CTL=RST>` },
    { name: "second check: RST right of the window", does: "<SEQ=EDGE+1><CTL=RST>" },
    // An empty segment is taken there (a documented deviation), so its RST may be challenged.
    { name: "second check: RST at the edge", does: "<SEQ=EDGE><CTL=RST>", reply, optional: true },
    {
      name: "second check: RST in the window is challenged",
      does: `<SEQ=${rcv + 1}><CTL=RST>`,
      reply,
    },
    {
      name: "second check: RST at the window's end is challenged",
      does: "<SEQ=EDGE-1><CTL=RST>",
      reply,
    },
    {
      name: "second check: RST,ACK in the window is challenged",
      does: `<SEQ=${rcv + 1}>${ack}<CTL=RST,ACK>`,
      reply,
    },
    {
      name: "second check: RST",
      does: `<SEQ=${rcv}><CTL=RST>`,
      state: "CLOSED",
      reason: "RESET",
      events: ["ENDED"],
    },
    {
      name: "second check: RST with data and any ACK",
      does: `<SEQ=${rcv}><ACK=${nxt + 900}><CTL=RST,ACK><DATA=9>`,
      state: "CLOSED",
      reason: "RESET",
    },
  ];
}

/** Fourth check: a SYN is challenged, wherever it lies (RFC 5961 §4). */
function synRows(at: Variables): Row[] {
  const { rcv } = at;
  const { ack, reply } = standing(at);
  return [
    { name: "fourth check: SYN at RCV.NXT is challenged", does: `<SEQ=${rcv}><CTL=SYN>`, reply },
    {
      name: "fourth check: SYN in the window is challenged",
      does: `<SEQ=${rcv + 9}><CTL=SYN>`,
      reply,
    },
    { name: "fourth check: SYN below the window", does: `<SEQ=${rcv - 99}><CTL=SYN>`, reply },
    { name: "fourth check: SYN above the window", does: "<SEQ=EDGE+99><CTL=SYN>", reply },
    { name: "fourth check: SYN,ACK", does: `<SEQ=${rcv}>${ack}<CTL=SYN,ACK>`, reply },
    { name: "fourth check: the peer's first SYN,ACK", does: `<SEQ=300>${ack}<CTL=SYN,ACK>`, reply },
  ];
}

/** Fifth check: the ACK field, as far as no state differs. */
function ackRows(at: Variables): Row[] {
  const { una, nxt, rcv } = at;
  const { ack, reply } = standing(at);
  return [
    { name: "fifth check: no control bit", does: `<SEQ=${rcv}><CTL=>` },
    { name: "fifth check: data without ACK", does: `<SEQ=${rcv}><CTL=PSH><DATA=9>` },
    { name: "fifth check: FIN without ACK", does: `<SEQ=${rcv}><CTL=FIN>` },
    {
      name: "fifth check: ACK of what was never sent",
      does: `<SEQ=${rcv}><ACK=${nxt + 1}><CTL=ACK>`,
      reply,
    },
    {
      name: "fifth check: the same with data",
      does: `<SEQ=${rcv}><ACK=${nxt + 1}><CTL=ACK><DATA=9>`,
      reply,
    },
    {
      name: "fifth check: the same with FIN",
      does: `<SEQ=${rcv}><ACK=${nxt + 9}><CTL=FIN,ACK>`,
      reply,
    },
    {
      name: "fifth check: an ACK older than any window, with data",
      does: `<SEQ=${rcv}><ACK=${una - 4097}><CTL=ACK><DATA=9>`,
      reply,
    },
    { name: "fifth check: the same ACK again", does: `<SEQ=${rcv}>${ack}<CTL=ACK>` },
    { name: "fifth check: the same ACK at the window's end", does: `<SEQ=EDGE-1>${ack}<CTL=ACK>` },
    { name: "fifth check: an older ACK", does: `<SEQ=${rcv}><ACK=${una - 1}><CTL=ACK>` },
  ];
}

/** What no synchronized state does otherwise: the answer is how things stand, or nothing. */
function commonRows(una: number, nxt: number, rcv: number): Row[] {
  const at = { una, nxt, rcv };
  return [...sequenceRows(at), ...resetRows(at), ...synRows(at), ...ackRows(at)];
}

// ── ESTABLISHED ──────────────────────────────────────────────────────────────────────────────────

runTable({
  name: "ESTABLISHED, 10 of 30 octets in flight, 20 received",
  state: "ESTABLISHED",
  una: 121,
  nxt: 131,
  rcv: 321,
  prelude: (c) => {
    c.write(20).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=20>");
    c.send("<SEQ=301><ACK=121><CTL=PSH,ACK><DATA=20>").expectSoon("<SEQ=121><ACK=321><CTL=ACK>");
    c.read(20).write(10).expect("<SEQ=121><ACK=321><CTL=PSH,ACK><DATA=10>");
  },
  rows: [
    ...commonRows(121, 131, 321),
    { name: "ACK of a part", does: "<SEQ=321><ACK=125><CTL=ACK>", una: 125 },
    {
      name: "ACK of all",
      does: "<SEQ=321><ACK=131><CTL=ACK>",
      una: 131,
      events: ["ALL_ACKNOWLEDGED"],
    },
    {
      name: "data in order",
      does: "<SEQ=321><ACK=121><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=330><CTL=ACK>",
      soon: true,
      rcv: 330,
      events: ["READABLE"],
    },
    {
      name: "data in order, ACK of all",
      does: "<SEQ=321><ACK=131><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=330><CTL=ACK>",
      soon: true,
      una: 131,
      rcv: 330,
    },
    {
      name: "data in order, an old ACK",
      does: "<SEQ=321><ACK=101><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=330><CTL=ACK>",
      soon: true,
      rcv: 330,
    },
    {
      name: "data that is old in part",
      does: "<SEQ=316><ACK=121><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=325><CTL=ACK>",
      soon: true,
      rcv: 325,
    },
    {
      name: "data out of order",
      does: "<SEQ=331><ACK=121><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=321><CTL=ACK>",
    },
    {
      name: "data out of order, ACK of all",
      does: "<SEQ=331><ACK=131><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=321><CTL=ACK>",
      una: 131,
    },
    {
      name: "data that ends beyond the window",
      does: "<SEQ=EDGE-5><ACK=121><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=321><CTL=ACK>",
    },
    {
      name: "data with URG is data",
      does: "<SEQ=321><ACK=121><CTL=PSH,URG,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=330><CTL=ACK>",
      soon: true,
      rcv: 330,
    },
    {
      name: "FIN",
      does: "<SEQ=321><ACK=121><CTL=FIN,ACK>",
      reply: "<SEQ=131><ACK=322><CTL=ACK>",
      state: "CLOSE-WAIT",
      rcv: 322,
      events: ["PEER_CLOSED"],
    },
    {
      name: "FIN, ACK of all",
      does: "<SEQ=321><ACK=131><CTL=FIN,ACK>",
      reply: "<SEQ=131><ACK=322><CTL=ACK>",
      state: "CLOSE-WAIT",
      una: 131,
      rcv: 322,
    },
    {
      name: "FIN with data",
      does: "<SEQ=321><ACK=121><CTL=FIN,PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=331><CTL=ACK>",
      state: "CLOSE-WAIT",
      rcv: 331,
      events: ["READABLE", "PEER_CLOSED"],
    },
    {
      name: "FIN with data that is old in part",
      does: "<SEQ=316><ACK=121><CTL=FIN,PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=326><CTL=ACK>",
      state: "CLOSE-WAIT",
      rcv: 326,
    },
    {
      name: "FIN with data that ends beyond the window: cut off",
      does: "<SEQ=EDGE-5><ACK=121><CTL=FIN,PSH,ACK><DATA=9>",
      reply: "<SEQ=131><ACK=321><CTL=ACK>",
    },
    {
      name: "FIN out of order",
      does: "<SEQ=331><ACK=121><CTL=FIN,ACK>",
      reply: "<SEQ=131><ACK=321><CTL=ACK>",
    },
  ],
});

// ── FIN-WAIT-1 ───────────────────────────────────────────────────────────────────────────────────

runTable({
  state: "FIN-WAIT-1",
  una: 101,
  nxt: 102,
  rcv: 301,
  rows: [
    ...commonRows(101, 102, 301),
    {
      name: "ACK of our FIN",
      does: "<SEQ=301><ACK=102><CTL=ACK>",
      state: "FIN-WAIT-2",
      una: 102,
      events: ["ALL_ACKNOWLEDGED"],
    },
    {
      name: "data",
      does: "<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=310><CTL=ACK>",
      soon: true,
      rcv: 310,
      events: ["READABLE"],
    },
    {
      name: "data, ACK of our FIN",
      does: "<SEQ=301><ACK=102><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=310><CTL=ACK>",
      soon: true,
      state: "FIN-WAIT-2",
      una: 102,
      rcv: 310,
    },
    {
      name: "data out of order, ACK of our FIN",
      does: "<SEQ=311><ACK=102><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=301><CTL=ACK>",
      state: "FIN-WAIT-2",
      una: 102,
    },
    {
      name: "FIN",
      does: "<SEQ=301><ACK=101><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=302><CTL=ACK>",
      state: "CLOSING",
      rcv: 302,
      events: ["PEER_CLOSED"],
    },
    {
      name: "FIN, ACK of our FIN",
      does: "<SEQ=301><ACK=102><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=302><CTL=ACK>",
      state: "TIME-WAIT",
      reason: "CLOSED",
      events: ["PEER_CLOSED", "ENDED"],
    },
    {
      name: "FIN with data",
      does: "<SEQ=301><ACK=101><CTL=FIN,PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=311><CTL=ACK>",
      state: "CLOSING",
      rcv: 311,
    },
    {
      name: "FIN with data, ACK of our FIN",
      does: "<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=311><CTL=ACK>",
      state: "TIME-WAIT",
    },
    {
      name: "FIN out of order",
      does: "<SEQ=311><ACK=101><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=301><CTL=ACK>",
    },
    {
      name: "FIN out of order, ACK of our FIN",
      does: "<SEQ=311><ACK=102><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=301><CTL=ACK>",
      state: "FIN-WAIT-2",
      una: 102,
    },
  ],
});

// ── FIN-WAIT-2 ───────────────────────────────────────────────────────────────────────────────────

runTable({
  state: "FIN-WAIT-2",
  una: 102,
  nxt: 102,
  rcv: 301,
  rows: [
    ...commonRows(102, 102, 301),
    {
      name: "data",
      does: "<SEQ=301><ACK=102><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=310><CTL=ACK>",
      soon: true,
      rcv: 310,
      events: ["READABLE"],
    },
    {
      name: "data out of order",
      does: "<SEQ=311><ACK=102><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=301><CTL=ACK>",
    },
    {
      name: "data that ends beyond the window",
      does: "<SEQ=EDGE-5><ACK=102><CTL=PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=301><CTL=ACK>",
    },
    {
      name: "FIN",
      does: "<SEQ=301><ACK=102><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=302><CTL=ACK>",
      state: "TIME-WAIT",
      reason: "CLOSED",
      events: ["PEER_CLOSED", "ENDED"],
    },
    {
      name: "FIN with data",
      does: "<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=9>",
      reply: "<SEQ=102><ACK=311><CTL=ACK>",
      state: "TIME-WAIT",
    },
    {
      name: "FIN out of order",
      does: "<SEQ=311><ACK=102><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=301><CTL=ACK>",
    },
  ],
});

// ── CLOSE-WAIT, CLOSING, LAST-ACK: the peer has closed ───────────────────────────────────────────

/** Text should not occur and is ignored; the peer's FIN again is a duplicate. */
function afterFinRows(una: number, nxt: number): Row[] {
  const reply = `<SEQ=${nxt}><ACK=302><CTL=ACK>`;
  return [
    { name: "the peer's FIN again", does: `<SEQ=301><ACK=${una}><CTL=FIN,ACK>`, reply },
    { name: "data", does: `<SEQ=302><ACK=${una}><CTL=PSH,ACK><DATA=9>`, reply, optional: true },
    {
      name: "data further on",
      does: `<SEQ=399><ACK=${una}><CTL=PSH,ACK><DATA=9>`,
      reply,
      optional: true,
    },
    { name: "another FIN", does: `<SEQ=302><ACK=${una}><CTL=FIN,ACK>`, reply, optional: true },
  ];
}

runTable({
  name: "CLOSE-WAIT with 10 of 30 octets in flight",
  state: "CLOSE-WAIT",
  una: 121,
  nxt: 131,
  rcv: 302,
  prelude: (c) => {
    c.write(20).expect("<SEQ=101><ACK=302><CTL=PSH,ACK><DATA=20>");
    c.send("<SEQ=302><ACK=121><CTL=ACK>");
    c.write(10).expect("<SEQ=121><ACK=302><CTL=PSH,ACK><DATA=10>");
  },
  rows: [
    ...commonRows(121, 131, 302),
    ...afterFinRows(121, 131),
    { name: "ACK of a part", does: "<SEQ=302><ACK=125><CTL=ACK>", una: 125 },
    {
      name: "ACK of all",
      does: "<SEQ=302><ACK=131><CTL=ACK>",
      una: 131,
      events: ["ALL_ACKNOWLEDGED"],
    },
  ],
});

runTable({
  state: "CLOSING",
  una: 101,
  nxt: 102,
  rcv: 302,
  rows: [
    ...commonRows(101, 102, 302),
    ...afterFinRows(101, 102),
    {
      name: "ACK of our FIN",
      does: "<SEQ=302><ACK=102><CTL=ACK>",
      state: "TIME-WAIT",
      reason: "CLOSED",
      events: ["ALL_ACKNOWLEDGED", "ENDED"],
    },
    {
      name: "the peer's FIN again, now with the ACK of ours",
      does: "<SEQ=301><ACK=102><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=302><CTL=ACK>",
    },
  ],
});

runTable({
  state: "LAST-ACK",
  una: 101,
  nxt: 102,
  rcv: 302,
  rows: [
    ...commonRows(101, 102, 302),
    ...afterFinRows(101, 102),
    {
      name: "ACK of our FIN",
      does: "<SEQ=302><ACK=102><CTL=ACK>",
      state: "CLOSED",
      reason: "CLOSED",
      events: ["ALL_ACKNOWLEDGED", "ENDED"],
    },
    {
      name: "ACK of our FIN with data nobody may send",
      does: "<SEQ=302><ACK=102><CTL=PSH,ACK><DATA=9>",
      state: "CLOSED",
      reason: "CLOSED",
    },
  ],
});

// ── TIME-WAIT ────────────────────────────────────────────────────────────────────────────────────

/** RST is ignored (RFC 1337, a deviation); SYNs above the window reopen where somebody listens. */
const TIME_WAIT_COMMON = commonRows(102, 102, 302).filter(({ name }) => {
  return !name.startsWith("second check") && !name.startsWith("fourth check: SYN");
});

runTable({
  state: "TIME-WAIT",
  una: 102,
  nxt: 102,
  rcv: 302,
  rows: [
    // Only the peer's FIN means anything here, so nothing else needs an answer.
    ...TIME_WAIT_COMMON.map((row) => (row.reply === undefined ? row : { ...row, optional: true })),
    {
      name: "the peer's FIN again",
      does: "<SEQ=301><ACK=102><CTL=FIN,ACK>",
      reply: "<SEQ=102><ACK=302><CTL=ACK>",
    },
    { name: "SYN below", does: "<SEQ=200><CTL=SYN>", reply: "<SEQ=102><ACK=302><CTL=ACK>" },
    { name: "RST", does: "<SEQ=302><CTL=RST>" },
    { name: "RST in the window", does: "<SEQ=310><CTL=RST>" },
    { name: "RST left of the window", does: "<SEQ=300><CTL=RST>" },
    { name: "RST,ACK", does: "<SEQ=302><ACK=102><CTL=RST,ACK>" },
  ],
});
