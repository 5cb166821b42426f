/**
 * Scenarios about closing: each way that RFC 9293 knows, from both sides where they differ.
 */
import { LingerError } from "../../errors.ts";
import {
  type Cast,
  closeWrite,
  exchange,
  openToLinger,
  openToPeer,
  sawEnd,
  type Scenario,
  wasTold,
} from "./scenario.ts";

const CLIENT_OPENS = ["CLOSED", "SYN-SENT", "ESTABLISHED"] as const;
const SERVER_OPENS = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"] as const;
const ACTIVE_CLOSE = ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"] as const;
const PASSIVE_CLOSE = ["CLOSE-WAIT", "LAST-ACK", "CLOSED"] as const;

const passiveScenario: Scenario = {
  name: "close-passive",
  title: "Normal close, Linger passive",
  about: "The peer closes first. Linger's application has as long as it wants in CLOSE-WAIT.",
  tuple: { leftPort: 7003, rightPort: 40_003, client: "right" },
  expected: {
    left: [...SERVER_OPENS, ...PASSIVE_CLOSE],
    right: [...CLIENT_OPENS, ...ACTIVE_CLOSE],
  },
  table: "close",
  async play(cast) {
    const pair = await openToLinger(cast);
    await closeWrite(cast, pair, "right");
    await cast.stage.reach("CLOSE-WAIT", "FIN-WAIT-2");
    await sawEnd(cast, pair, "left");
    await closeWrite(cast, pair, "left");
    await cast.stage.reach("CLOSED", "TIME-WAIT");
    await wasTold(cast, pair, "left", "CLOSED");
  },
};

const simultaneousScenario: Scenario = {
  name: "close-simultaneous",
  title: "Simultaneous close",
  about: "RFC 9293 Figure 13: both call CLOSE, the FINs cross, both wait in TIME-WAIT.",
  tuple: { leftPort: 7004, rightPort: 40_004, client: "right" },
  expected: {
    left: [...SERVER_OPENS, "FIN-WAIT-1", "CLOSING", "TIME-WAIT"],
    right: [...CLIENT_OPENS, "FIN-WAIT-1", "CLOSING", "TIME-WAIT"],
  },
  table: "close",
  async play(cast) {
    const { stage } = cast;
    const pair = await openToLinger(cast);
    await closeWrite(cast, pair, "left");
    const ourFin = await stage.depart("left");
    await closeWrite(cast, pair, "right");
    const theirFin = await stage.depart("right");
    await stage.arrive(ourFin);
    await stage.arrive(theirFin);
    await stage.reach("TIME-WAIT", "TIME-WAIT");
    await wasTold(cast, pair, "left", "CLOSED");
  },
};

const halfCloseByLinger: Scenario = {
  name: "half-close-linger",
  title: "Half-close by Linger, data flows on",
  about: "Linger closes its side; the peer sends for as long as it likes, and Linger reads it all.",
  tuple: { leftPort: 50_005, rightPort: 8005, client: "left" },
  expected: {
    left: [...CLIENT_OPENS, ...ACTIVE_CLOSE],
    right: [...SERVER_OPENS, ...PASSIVE_CLOSE],
  },
  table: "close",
  async play(cast) {
    const { stage, check } = cast;
    const pair = await openToPeer(cast);
    await closeWrite(cast, pair, "left");
    await stage.reach("FIN-WAIT-2", "CLOSE-WAIT");
    const refusal = await pair.linger.send("too late").catch((error: unknown) => error);
    const isRefused = refusal instanceof LingerError && refusal.code === "CONNECTION_CLOSING";
    check("a SEND after CLOSE is refused: CONNECTION_CLOSING", isRefused);
    for (const text of ["One more thing. ", "And another."]) {
      await exchange(cast, pair, "right", text);
    }
    await closeWrite(cast, pair, "right");
    await stage.reach("TIME-WAIT", "CLOSED");
    await sawEnd(cast, pair, "left");
    await wasTold(cast, pair, "left", "CLOSED");
  },
};

const halfCloseByPeer: Scenario = {
  name: "half-close-peer",
  title: "Half-close by the peer, data flows on",
  about: "The peer closes its direction; Linger goes on sending in CLOSE-WAIT.",
  tuple: { leftPort: 7006, rightPort: 40_006, client: "right" },
  expected: {
    left: [...SERVER_OPENS, ...PASSIVE_CLOSE],
    right: [...CLIENT_OPENS, ...ACTIVE_CLOSE],
  },
  table: "close",
  async play(cast) {
    const { stage } = cast;
    const pair = await openToLinger(cast);
    await closeWrite(cast, pair, "right");
    await stage.reach("CLOSE-WAIT", "FIN-WAIT-2");
    await sawEnd(cast, pair, "left");
    for (const text of ["Not yet: ", "here is the rest."]) await exchange(cast, pair, "left", text);
    await closeWrite(cast, pair, "left");
    await stage.reach("CLOSED", "TIME-WAIT");
    await sawEnd(cast, pair, "right");
    await wasTold(cast, pair, "left", "CLOSED");
  },
};

const resetByLinger: Scenario = {
  name: "reset-linger",
  title: "Reset by Linger",
  about: "ABORT: RST, no FIN, no TIME-WAIT; both sides are done at once.",
  tuple: { leftPort: 7007, rightPort: 40_007, client: "right" },
  expected: { left: [...SERVER_OPENS, "CLOSED"], right: [...CLIENT_OPENS, "CLOSED"] },
  table: "close",
  async play(cast) {
    const { stage } = cast;
    const pair = await openToLinger(cast);
    await exchange(cast, pair, "right", "Are you there?");
    await stage.call("left", "ABORT", () => pair.linger.abort());
    await stage.reach("CLOSED", "CLOSED");
    await wasTold(cast, pair, "left", "ABORTED");
    await wasTold(cast, pair, "right", "RESET");
  },
};

const resetByPeer: Scenario = {
  name: "reset-peer",
  title: "Reset by the peer",
  about: "RST arrives: the connection is gone, and Linger's application is told why.",
  tuple: { leftPort: 50_008, rightPort: 8008, client: "left" },
  expected: { left: [...CLIENT_OPENS, "CLOSED"], right: [...SERVER_OPENS, "CLOSED"] },
  table: "close",
  async play(cast) {
    const { stage } = cast;
    const pair = await openToPeer(cast);
    await exchange(cast, pair, "left", "Are you there?");
    await stage.call("right", "ABORT", () => pair.peer.abort());
    await stage.reach("CLOSED", "CLOSED");
    await wasTold(cast, pair, "left", "RESET");
  },
};

/** Data that nobody will read any more, and a full close on top of it. */
async function sendUnread(cast: Cast, from: "left" | "right"): Promise<void> {
  const { stage } = cast;
  const unread = { unread: true };
  const pair = from === "left" ? await openToPeer(cast, unread) : await openToLinger(cast, unread);
  const [sender, closer] = from === "left" ? [pair.linger, pair.peer] : [pair.peer, pair.linger];
  const closing = from === "left" ? "right" : "left";
  await stage.call(from, "SEND 12 octets", () => sender.send("Please read!"));
  await stage.acknowledged();
  await stage.call(closing, "full CLOSE", () => closer.close());
  await stage.reach("CLOSED", "CLOSED");
  await wasTold(cast, pair, "left", from === "left" ? "RESET" : "ABORTED");
  if (from === "right") await wasTold(cast, pair, "right", "RESET");
}

const unreadAtLinger: Scenario = {
  name: "unread-linger",
  title: "Full close by Linger, data unread",
  about:
    "Data would be lost, so the sender must learn of it: RST instead of FIN (RFC 1122 §4.2.2.13).",
  tuple: { leftPort: 7009, rightPort: 40_009, client: "right" },
  expected: { left: [...SERVER_OPENS, "CLOSED"], right: [...CLIENT_OPENS, "CLOSED"] },
  table: "close",
  play: (cast) => sendUnread(cast, "right"),
};

const unreadAtPeer: Scenario = {
  name: "unread-peer",
  title: "Full close by the peer, data unread",
  about: "The same from the other side: Linger's application is told that it was reset.",
  tuple: { leftPort: 50_010, rightPort: 8010, client: "left" },
  expected: { left: [...CLIENT_OPENS, "CLOSED"], right: [...SERVER_OPENS, "CLOSED"] },
  table: "close",
  play: (cast) => sendUnread(cast, "left"),
};

const lateData: Scenario = {
  name: "late-data",
  title: "Data after a full close by Linger",
  about: "FIN first, as all was read; what the peer sends later is answered with RST.",
  tuple: { leftPort: 7011, rightPort: 40_011, client: "right" },
  expected: {
    left: [...SERVER_OPENS, "FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"],
    right: [...CLIENT_OPENS, "CLOSE-WAIT", "CLOSED"],
  },
  table: "close",
  async play(cast) {
    const { stage } = cast;
    const pair = await openToLinger(cast);
    await stage.call("left", "full CLOSE", () => pair.linger.close());
    await stage.reach("FIN-WAIT-2", "CLOSE-WAIT");
    await stage.call("right", "SEND 12 octets", () => pair.peer.send("Anybody in?\n"));
    await stage.reach("CLOSED", "CLOSED");
    await wasTold(cast, pair, "left", "ABORTED");
    // A program that has read end-of-file learns of the reset with its next SEND.
    if (cast.peerIsKernel) await stage.call("right", "SEND 1 octet", () => pair.peer.send("?"));
    await wasTold(cast, pair, "right", "RESET");
  },
};

const lostAck: Scenario = {
  name: "lost-ack",
  title: "The last ACK is lost",
  about: "What TIME-WAIT is for: the FIN comes again, is acknowledged again, and 2MSL starts anew.",
  tuple: { leftPort: 50_012, rightPort: 8012, client: "left" },
  expected: {
    left: [...CLIENT_OPENS, ...ACTIVE_CLOSE],
    right: [...SERVER_OPENS, ...PASSIVE_CLOSE],
  },
  table: "close",
  async play(cast) {
    const { stage } = cast;
    const pair = await openToPeer(cast);
    await closeWrite(cast, pair, "left");
    await stage.reach("FIN-WAIT-2", "CLOSE-WAIT");
    await closeWrite(cast, pair, "right");
    await stage.reach("TIME-WAIT", "LAST-ACK");
    await stage.lose("left");
    await stage.reach("TIME-WAIT", "CLOSED");
    await wasTold(cast, pair, "left", "CLOSED");
  },
};

const reopened: Scenario = {
  name: "reopen",
  title: "Reopening a tuple out of TIME-WAIT",
  about:
    "The same client port connects again while Linger is in TIME-WAIT: a fresh SYN with a larger " +
    "sequence number is welcome (RFC 9293 §3.6.1), with an ISS above the old SND.NXT.",
  tuple: { leftPort: 7013, rightPort: 40_013, client: "right" },
  expected: {
    left: [...SERVER_OPENS, ...ACTIVE_CLOSE, "SYN-RECEIVED", "ESTABLISHED", ...PASSIVE_CLOSE],
    right: [...CLIENT_OPENS, ...PASSIVE_CLOSE, "SYN-SENT", "ESTABLISHED", ...ACTIVE_CLOSE],
  },
  table: "all",
  async play(cast) {
    const { stage, linger, peer, check } = cast;
    const { leftPort, rightPort } = stage.tuple;
    const before = linger.stack.counters().TIME_WAIT_REOPENED;
    const first = await openToLinger(cast);
    await closeWrite(cast, first, "left");
    await stage.reach("FIN-WAIT-2", "CLOSE-WAIT");
    await sawEnd(cast, first, "right");
    await closeWrite(cast, first, "right");
    await stage.reach("TIME-WAIT", "CLOSED");
    const again = await stage.call("right", "OPEN", () =>
      peer.connect(linger.address, leftPort, { localPort: rightPort }),
    );
    await stage.reach("ESTABLISHED", "ESTABLISHED");
    const second = { linger: await linger.accepted(leftPort), peer: again };
    await exchange(cast, second, "right", "Here again.");
    const reopenedCount = linger.stack.counters().TIME_WAIT_REOPENED - before;
    check("Linger counted one tuple reopened out of TIME-WAIT", reopenedCount === 1);
    await closeWrite(cast, second, "right");
    await stage.reach("CLOSE-WAIT", "FIN-WAIT-2");
    await closeWrite(cast, second, "left");
    await stage.reach("CLOSED", "TIME-WAIT");
  },
};

export const CLOSE_SCENARIOS: readonly Scenario[] = [
  passiveScenario,
  simultaneousScenario,
  halfCloseByLinger,
  halfCloseByPeer,
  resetByLinger,
  resetByPeer,
  unreadAtLinger,
  unreadAtPeer,
  lateData,
  lostAck,
  reopened,
];
