/**
 * Ladders: states inferred from segments alone, connections told apart, transitions named, and the
 * drawing itself, all from segments written down here as the RFC's figures write them.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  findConnections,
  findTransitions,
  formatLadder,
  formatRow,
  type InferOptions,
  inferStates,
  type LadderRow,
  sequenceBases,
  type TimedFrame,
  type TracedConnection,
} from "../../hal/host/ladder/index.ts";
import { buildFrame, parseFrame, type TcpInput } from "../../hal/host/packet/index.ts";

const A = { address: 0x0a090001, port: 40_000 };
const B = { address: 0x0a090002, port: 80 };

/** A segment of the script: who sends, its control bits, SEG.SEQ, SEG.ACK, its data. */
type Step = ["A" | "B", string, number, number?, string?];

function frameOf([from, flags, seq, ack, payload]: Step, more: TcpInput = {}): Uint8Array {
  const [source, destination] = from === "A" ? [A, B] : [B, A];
  return buildFrame({
    ipv4: { source: source.address, destination: destination.address },
    tcp: {
      sourcePort: source.port,
      destinationPort: destination.port,
      flags,
      seq: seq >>> 0,
      ack: (ack ?? 0) >>> 0,
      payload: payload ?? "",
      ...more,
    },
  });
}

/** One frame per millisecond. */
function trace(steps: readonly Step[]): TimedFrame[] {
  return steps.map((step, index) => ({ timeMs: index, octets: frameOf(step) }));
}

function connectionOf(steps: readonly Step[]): TracedConnection {
  const { connections } = findConnections(trace(steps));
  assert.equal(connections.length, 1);
  return connections[0]!;
}

/** "left/right" after each segment, the start first. */
function statesOf(steps: readonly Step[], options?: InferOptions): string[] {
  const { start, rows } = inferStates(connectionOf(steps), options);
  return [start, ...rows.map(({ states }) => states)].map(({ left, right }) => `${left}/${right}`);
}

const OPEN: Step[] = [
  ["A", "SYN", 100],
  ["B", "SYN,ACK", 300, 101],
  ["A", "ACK", 101, 301],
];
const OPENED = [
  "CLOSED/LISTEN",
  "SYN-SENT/SYN-RECEIVED",
  "ESTABLISHED/SYN-RECEIVED",
  "ESTABLISHED/ESTABLISHED",
];

describe("inferred states", () => {
  it("follows the handshake and the normal close (RFC 9293 Figures 6 and 12)", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "ACK", 301, 102],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
    ];
    assert.deepEqual(statesOf(steps, { traceEndMs: 10 }), [
      ...OPENED,
      "FIN-WAIT-1/CLOSE-WAIT",
      "FIN-WAIT-2/CLOSE-WAIT",
      "TIME-WAIT/LAST-ACK",
      "TIME-WAIT/CLOSED",
    ]);
  });

  it("ends TIME-WAIT 2MSL after the last FIN, if the trace lasts so long", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
    ];
    const { rows } = inferStates(connectionOf(steps), { timeWaitMs: 2000, traceEndMs: 2006 });
    const last = rows.at(-1)!;
    assert.deepEqual([last.kind, last.timeMs], ["note", 2006]);
    assert.deepEqual(last.states, { left: "CLOSED", right: "CLOSED" });
    const { rows: shorter } = inferStates(connectionOf(steps), {
      timeWaitMs: 2000,
      traceEndMs: 2005,
    });
    assert.deepEqual(shorter.at(-1)!.states, { left: "TIME-WAIT", right: "CLOSED" });
  });

  it("follows a simultaneous close (Figure 13)", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "FIN,ACK", 301, 101],
      ["A", "ACK", 102, 302],
      ["B", "ACK", 302, 102],
    ];
    const { rows } = inferStates(connectionOf(steps), { traceEndMs: 10 });
    const seen = rows.slice(3).map((row) => {
      assert.equal(row.kind, "segment");
      return `${row.from} ${row.flight} ${row.states.left}/${row.states.right}`;
    });
    // B's FIN does not acknowledge A's: the two crossed.
    assert.deepEqual(seen, [
      "left departs FIN-WAIT-1/ESTABLISHED",
      "right whole CLOSING/FIN-WAIT-1",
      "left arrives CLOSING/CLOSING",
      "left whole CLOSING/TIME-WAIT",
      "right whole TIME-WAIT/TIME-WAIT",
    ]);
  });

  it("follows a simultaneous open (Figure 7)", () => {
    const steps: Step[] = [
      ["A", "SYN", 100],
      ["B", "SYN", 300],
      ["A", "SYN,ACK", 100, 301],
      ["B", "SYN,ACK", 300, 101],
    ];
    assert.deepEqual(statesOf(steps), [
      "CLOSED/CLOSED",
      "SYN-SENT/CLOSED",
      "SYN-RECEIVED/SYN-SENT",
      "SYN-RECEIVED/SYN-RECEIVED",
      "SYN-RECEIVED/ESTABLISHED",
      "ESTABLISHED/ESTABLISHED",
    ]);
  });

  it("keeps a half-closed connection open for the other side's data", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "ACK", 301, 102, "more"],
      ["A", "ACK", 102, 305],
      ["B", "FIN,ACK", 305, 102],
    ];
    assert.deepEqual(statesOf(steps, { traceEndMs: 10 }).slice(4), [
      "FIN-WAIT-1/CLOSE-WAIT",
      "FIN-WAIT-2/CLOSE-WAIT",
      "FIN-WAIT-2/CLOSE-WAIT",
      "TIME-WAIT/LAST-ACK",
    ]);
  });

  it("waits for the data before a FIN that came early", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 105, 301],
      ["B", "ACK", 301, 101],
      ["A", "ACK", 101, 301, "data"],
    ];
    assert.deepEqual(statesOf(steps).slice(4), [
      "FIN-WAIT-1/ESTABLISHED",
      "FIN-WAIT-1/ESTABLISHED",
      "FIN-WAIT-1/CLOSE-WAIT",
    ]);
  });

  it("takes a reset at RCV.NXT only (RFC 5961)", () => {
    assert.deepEqual(statesOf([...OPEN, ["B", "RST", 301]]).at(-1), "CLOSED/CLOSED");
    const blind: Step[] = [...OPEN, ["B", "RST", 302], ["A", "ACK", 101, 301]];
    assert.equal(statesOf(blind).at(-1), "ESTABLISHED/CLOSED");
  });

  it("ends a refused connection", () => {
    assert.deepEqual(
      statesOf([
        ["A", "SYN", 100],
        ["B", "RST,ACK", 0, 101],
      ]),
      ["CLOSED/CLOSED", "SYN-SENT/CLOSED", "CLOSED/CLOSED"],
    );
  });

  it("leaves a listener in LISTEN until the SYN that it answers", () => {
    const steps: Step[] = [["A", "SYN", 100], ...OPEN];
    assert.deepEqual(statesOf(steps).slice(0, 3), [
      "CLOSED/LISTEN",
      "SYN-SENT/LISTEN",
      "SYN-SENT/SYN-RECEIVED",
    ]);
  });

  it("tells a lost FIN from one that arrived", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "ACK", 301, 101, "x"],
      ["A", "ACK", 102, 302],
      ["A", "FIN,ACK", 101, 302],
      ["B", "ACK", 302, 102],
    ];
    assert.deepEqual(statesOf(steps).slice(4), [
      "FIN-WAIT-1/ESTABLISHED",
      "FIN-WAIT-1/ESTABLISHED",
      "FIN-WAIT-1/ESTABLISHED",
      "FIN-WAIT-1/CLOSE-WAIT",
      "FIN-WAIT-2/CLOSE-WAIT",
    ]);
  });

  it("tells that a FIN's acknowledgement was lost when the FIN comes again", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
    ];
    assert.deepEqual(statesOf(steps, { traceEndMs: 0 }).slice(5), [
      "TIME-WAIT/LAST-ACK",
      "TIME-WAIT/LAST-ACK",
      "TIME-WAIT/LAST-ACK",
      "TIME-WAIT/CLOSED",
    ]);
  });

  it("works with numbers that wrap", () => {
    const steps: Step[] = [
      ["A", "SYN", -1],
      ["B", "SYN,ACK", -2, 0],
      ["A", "ACK", 0, -1],
      ["B", "ACK", -1, 0, "abc"],
      ["B", "FIN,ACK", 2, 0],
      ["A", "ACK", 0, 3],
    ];
    assert.deepEqual(statesOf(steps).slice(4), [
      "ESTABLISHED/ESTABLISHED",
      "CLOSE-WAIT/FIN-WAIT-1",
      "CLOSE-WAIT/FIN-WAIT-2",
    ]);
  });

  it("says ? for what a trace that begins late cannot tell", () => {
    assert.deepEqual(statesOf([["B", "ACK", 301, 101, "x"]]), ["?/?", "ESTABLISHED/ESTABLISHED"]);
  });

  it("counts a segment with a bad checksum as lost, unless the sender's are all bad", () => {
    const frames = trace([...OPEN, ["A", "ACK", 101, 301, "x"]]);
    const fin = frameOf(["B", "FIN,ACK", 301, 101], { checksum: 1 });
    frames.push({ timeMs: 9, octets: fin });
    const [connection] = findConnections(frames).connections;
    const last = inferStates(connection!).rows.at(-1)!;
    assert.deepEqual(last.states, { left: "ESTABLISHED", right: "FIN-WAIT-1" });
    assert.ok(last.kind === "segment" && last.flight === "lost");

    const offloaded = [...OPEN, ["B", "FIN,ACK", 301, 101] as Step].map((step, timeMs) => ({
      timeMs,
      octets: frameOf(step, step[0] === "B" ? { checksum: 1 } : {}),
    }));
    const [captured] = findConnections(offloaded).connections;
    assert.equal(inferStates(captured!).rows.at(-1)!.states.left, "CLOSE-WAIT");
  });
});

describe("connections of a trace", () => {
  it("tells incarnations of a tuple apart, not repeated SYNs", () => {
    const steps: Step[] = [
      ["A", "SYN", 100],
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
      ["B", "SYN", 900],
      ["A", "SYN,ACK", 700, 901],
    ];
    const { connections } = findConnections(trace(steps));
    assert.deepEqual(
      connections.map(({ left, segments }) => [left.port, segments.length]),
      [
        [40_000, 7],
        [80, 2],
      ],
    );
    assert.deepEqual(sequenceBases(connections[1]!.segments), { left: 900, right: 700 });
  });

  it("keeps the opener left when the trace begins with SYN,ACK", () => {
    const { left } = connectionOf(OPEN.slice(1));
    assert.equal(left.port, A.port);
    assert.equal(statesOf(OPEN.slice(1)).at(-1), "ESTABLISHED/ESTABLISHED");
  });

  it("counts what is no TCP and what is broken", () => {
    const arp = buildFrame({ arp: { senderAddress: A.address } });
    const cut = frameOf(["A", "SYN", 1]).subarray(0, 40);
    const contents = findConnections([
      { timeMs: 0, octets: arp },
      { timeMs: 1, octets: cut },
      { timeMs: 2, octets: new Uint8Array(0) },
    ]);
    assert.deepEqual([contents.otherCount, contents.brokenCount], [1, 2]);
    assert.match(contents.brokenReason!, /^frame 2: IPv4: /);
  });
});

describe("transitions", () => {
  it("names both ends' ways through a close as Figure 5 does", () => {
    const steps: Step[] = [
      ...OPEN,
      ["A", "FIN,ACK", 101, 301],
      ["B", "ACK", 301, 102],
      ["B", "FIN,ACK", 301, 102],
      ["A", "ACK", 102, 302],
    ];
    const { start, rows } = inferStates(connectionOf(steps), { timeWaitMs: 1 });
    const ways = findTransitions(start, rows).map(
      ({ side, start: from, action, next }) => `${side}: ${from} | ${action} | ${next}`,
    );
    assert.deepEqual(ways, [
      "left: CLOSED | snd SYN | SYN-SENT",
      "right: LISTEN | rcv SYN | SYN-RECEIVED",
      "left: SYN-SENT | rcv SYN,ACK | ESTABLISHED",
      "right: SYN-RECEIVED | rcv ACK | ESTABLISHED",
      "left: ESTABLISHED | snd FIN | FIN-WAIT-1",
      "right: ESTABLISHED | rcv FIN | CLOSE-WAIT",
      "left: FIN-WAIT-1 | rcv ACK of FIN | FIN-WAIT-2",
      "right: CLOSE-WAIT | snd FIN | LAST-ACK",
      "left: FIN-WAIT-2 | rcv FIN | TIME-WAIT",
      "right: LAST-ACK | rcv ACK of FIN | CLOSED",
      "left: TIME-WAIT | 2MSL over (0.001 s assumed) | CLOSED",
    ]);
  });

  it("joins a user call with the segment that it led to, whichever changed the state", () => {
    const fin = parseFrame(frameOf(["A", "FIN,ACK", 101, 301])).tcp!;
    const open = { left: "ESTABLISHED", right: "ESTABLISHED" } as const;
    const closing = { left: "FIN-WAIT-1", right: "ESTABLISHED" } as const;
    const call = { kind: "note", timeMs: 0, side: "left", text: "CLOSE" } as const;
    const sent = { kind: "segment", timeMs: 1, from: "left", segment: fin } as const;
    const byCall: LadderRow[] = [
      { ...call, states: closing },
      { ...sent, flight: "departs", states: closing },
    ];
    const bySegment: LadderRow[] = [
      { ...call, states: open },
      { ...sent, flight: "departs", states: closing },
    ];
    for (const rows of [byCall, bySegment]) {
      const [only, ...others] = findTransitions(open, rows);
      assert.equal(only?.action, "CLOSE, snd FIN");
      assert.equal(others.length, 0);
    }
  });
});

describe("the drawing", () => {
  const frame = { left: "A 10.9.0.1:40000", right: "B 10.9.0.2:80", columns: 80 };

  it("looks like this", () => {
    const connection = connectionOf([...OPEN, ["B", "PSH,ACK", 301, 101, "hello"]]);
    const { start, rows } = inferStates(connection);
    const bases = sequenceBases(connection.segments);
    assert.deepEqual(formatLadder(start, rows, { ...frame, bases }), [
      "          A 10.9.0.1:40000                                         B 10.9.0.2:80",
      "          CLOSED                                                    LISTEN",
      "    0.000 SYN-SENT     ─► <SEQ=0><CTL=SYN>                       ─► SYN-RECEIVED",
      "    0.001 ESTABLISHED  ◄─ <SEQ=0><ACK=1><CTL=SYN,ACK>            ◄─ SYN-RECEIVED",
      "    0.002 ESTABLISHED  ─► <SEQ=1><ACK=1><CTL=ACK>                ─► ESTABLISHED",
      "    0.003 ESTABLISHED  ◄─ <SEQ=1><ACK=1><CTL=PSH,ACK><DATA=5>    ◄─ ESTABLISHED",
    ]);
  });

  it("never gets wider than asked for, whatever the segment", () => {
    const options: TcpInput["options"] = [
      { kind: "mss", value: 65_535 },
      { kind: "window-scale", shift: 14 },
      { kind: "timestamps", value: 0xffffffff, echo: 0xffffffff },
      { kind: "sack-permitted" },
    ];
    const octets = frameOf(["A", "SYN,FIN,RST,PSH,URG,ACK,ECE,CWR", -1, -1], { options });
    const [connection] = findConnections([{ timeMs: 0, octets }]).connections;
    const { rows } = inferStates(connection!);
    for (const columns of [80, 90, 100, 200]) {
      const line = formatRow(rows[0]!, { ...frame, columns });
      assert.ok(line.length <= columns, `${line.length} > ${columns}: ${line}`);
    }
    assert.match(formatRow(rows[0]!, { ...frame, columns: 200 }), /<MSS=65535><WS=14><TS=/);
  });

  it("shows segments under way, arriving late and lost", () => {
    const segment = parseFrame(frameOf(["B", "FIN,ACK", 1, 1])).tcp!;
    const row = { kind: "segment", timeMs: 0, segment } as const;
    const states = { left: "ESTABLISHED", right: "FIN-WAIT-1" } as const;
    const arrows = (["departs", "arrives", "lost"] as const).flatMap((flight) =>
      (["left", "right"] as const).map((from) =>
        formatRow({ ...row, from, flight, states }, frame).replace(
          /^.{23}(..).*(..) FIN.*$/,
          "$1 $2",
        ),
      ),
    );
    assert.deepEqual(arrows, ["─► ··", "·· ◄─", "·· ─►", "◄─ ··", "─►  ×", "×  ◄─"]);
  });

  it("cuts long runs of data in the middle and adds them up", () => {
    const data = Array.from({ length: 20 }, (_, index): Step => [
      "A",
      "ACK",
      101 + 4 * index,
      301,
      "data",
    ]);
    const { start, rows } = inferStates(connectionOf([...OPEN, ...data]));
    const lines = formatLadder(start, rows, { ...frame, collapseAfter: 6 });
    assert.equal(lines.length, 2 + 3 + 3 + 1 + 3);
    assert.match(lines[8]!, /⋮ 14 more segments: 56 octets ─►, 0 octets ◄─/);
    assert.equal(formatLadder(start, rows, frame).length, 2 + 23);
  });
});
