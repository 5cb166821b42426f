/**
 * Scenarios about opening connections and serving: the handshake in each direction, both at once,
 * a refusal, echo and HTTP.
 */
import { startEcho, startHttp } from "../../apps/index.ts";
import {
  type Cast,
  closeWrite,
  exchange,
  openToPeer,
  type Pair,
  sawEnd,
  type Scenario,
  wasTold,
} from "./scenario.ts";
import { fetchTwice } from "./fetch.ts";

/** Served by applications, which close as soon as they read end-of-file. */
const SERVED = [
  "LISTEN",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "CLOSE-WAIT?",
  "LAST-ACK?",
  "CLOSED",
] as const;
const VISITED = [
  "CLOSED",
  "SYN-SENT",
  "ESTABLISHED",
  "FIN-WAIT-1?",
  "FIN-WAIT-2?",
  "TIME-WAIT",
] as const;

const echoScenario: Scenario = {
  name: "echo",
  title: "Three-way handshake, data: echo served",
  about: "A plain socket connects to Linger's echo server, sends, reads its own words and closes.",
  tuple: { leftPort: 7, rightPort: 40_001, client: "right" },
  expected: { left: SERVED, right: VISITED },
  table: "all",
  async play({ stage, linger, peer, check }) {
    const { leftPort, rightPort } = stage.tuple;
    const app = startEcho(linger.stack, { port: leftPort });
    stage.begin();
    const socket = await stage.call("right", "OPEN", () =>
      peer.connect(linger.address, leftPort, { localPort: rightPort }),
    );
    await stage.reach("ESTABLISHED", "ESTABLISHED");
    const text = "Hello, Linger!";
    await stage.call("right", `SEND ${text.length} octets`, () => socket.send(text));
    await stage.until("the echo", () => socket.received.length >= text.length);
    await stage.acknowledged();
    check("the echo came back as it was sent", socket.received === text);
    await stage.call("right", "CLOSE", () => socket.closeWrite());
    await stage.reach("CLOSED", "TIME-WAIT");
    await app.close();
  },
};

const httpScenario: Scenario = {
  name: "http",
  title: "HTTP served",
  about: "Two pages over one kept-alive connection; the client closes.",
  tuple: { leftPort: 80, rightPort: 40_080, client: "right" },
  expected: { left: SERVED, right: VISITED },
  table: "all",
  async play(cast) {
    const { stage, linger, check } = cast;
    const app = startHttp(linger.stack, { port: stage.tuple.leftPort });
    stage.begin();
    const fetched = await fetchTwice(cast);
    await stage.reach("CLOSED", "TIME-WAIT");
    check(`${fetched.by} got both pages: ${fetched.codes.join(", ")}`, fetched.isGood);
    check("over one connection", app.acceptedCount === 1);
    await app.close();
  },
};

const connectScenario: Scenario = {
  name: "close-active",
  title: "Connecting out, normal close, TIME-WAIT",
  about:
    "Linger opens and closes first (RFC 9293 Figures 6 and 12). Who closes first waits in " +
    "TIME-WAIT for 2MSL, so that a lost last ACK can be repeated.",
  tuple: { leftPort: 50_002, rightPort: 8002, client: "left" },
  expected: {
    left: ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED"],
    right: ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"],
  },
  table: "close",
  async play(cast) {
    const { stage, twoMslMs } = cast;
    const pair = await openToPeer(cast);
    await exchange(cast, pair, "left", "What time is it?");
    await exchange(cast, pair, "right", "Time to close.");
    await closeWrite(cast, pair, "left");
    await stage.reach("FIN-WAIT-2", "CLOSE-WAIT");
    await sawEnd(cast, pair, "right");
    await closeWrite(cast, pair, "right");
    await stage.reach("TIME-WAIT", "CLOSED");
    await sawEnd(cast, pair, "left");
    await wasTold(cast, pair, "left", "CLOSED");
    await stage.countDown("left", twoMslMs);
  },
};

const simultaneousScenario: Scenario = {
  name: "open-simultaneous",
  title: "Simultaneous open",
  about: "RFC 9293 Figure 7: both call OPEN, the SYNs cross, and one connection comes of it.",
  tuple: { leftPort: 50_015, rightPort: 40_015, client: "both" },
  expected: {
    left: ["CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"],
    right: [
      "CLOSED",
      "SYN-SENT",
      "SYN-RECEIVED",
      "ESTABLISHED",
      "FIN-WAIT-1",
      "FIN-WAIT-2",
      "TIME-WAIT",
    ],
  },
  table: "all",
  async play(cast) {
    const { stage } = cast;
    stage.begin();
    const pair = await openFromBothSides(cast);
    await exchange(cast, pair, "left", "Who called whom?");
    await closeWrite(cast, pair, "right");
    await stage.reach("CLOSE-WAIT", "FIN-WAIT-2");
    await closeWrite(cast, pair, "left");
    await stage.reach("CLOSED", "TIME-WAIT");
  },
};

async function openFromBothSides({ stage, linger, peer }: Cast): Promise<Pair> {
  const { leftPort, rightPort } = stage.tuple;
  const ours = await stage.call("left", "OPEN", () =>
    linger.connect(peer.address, rightPort, { localPort: leftPort }),
  );
  const ourSyn = await stage.depart("left");
  const theirs = await stage.call("right", "OPEN", () =>
    peer.connect(linger.address, leftPort, { localPort: rightPort }),
  );
  const theirSyn = await stage.depart("right");
  await stage.arrive(ourSyn);
  await stage.arrive(theirSyn);
  await stage.reach("ESTABLISHED", "ESTABLISHED");
  await stage.acknowledged();
  return { linger: ours, peer: theirs };
}

const refusedScenario: Scenario = {
  name: "refused",
  title: "A connection that is refused",
  about: "Nobody listens at the other side: it answers SYN with RST, and the application is told.",
  tuple: { leftPort: 50_016, rightPort: 9, client: "left" },
  expected: { left: ["CLOSED", "SYN-SENT", "CLOSED"], right: ["CLOSED"] },
  table: "all",
  async play(cast) {
    const { stage, linger, peer } = cast;
    const { leftPort, rightPort } = stage.tuple;
    stage.begin();
    const connection = await stage.call("left", "OPEN", () =>
      linger.connect(peer.address, rightPort, { localPort: leftPort }),
    );
    await wasTold(cast, { linger: connection, peer: connection }, "left", "REFUSED");
  },
};

export const OPEN_SCENARIOS: readonly Scenario[] = [echoScenario, httpScenario, connectScenario];

export const ODD_OPEN_SCENARIOS: readonly Scenario[] = [simultaneousScenario, refusedScenario];
