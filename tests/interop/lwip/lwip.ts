/**
 * lwIP as Linger's peer: `peer.c`, compiled here and run as a process of its own, at the other end
 * of a unix socket that carries frames.
 *
 * Used by the tests of this folder. Gives orders to the peer and keeps its reports, by connection.
 * Every frame is recorded, and `close` has tshark judge those that Linger sent.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  type Connection,
  impair,
  type ImpairedWire,
  type Impairment,
  listenStream,
  RealClock,
  Stack,
} from "../../../hal/host/index.ts";
import { Capture } from "../capture.ts";
import { deferred, sha256, until } from "../traffic.ts";

const LINGER = "10.9.0.2";
export const LWIP = "10.9.0.3";
const MAC = "02:00:00:0a:09:02";
const SUITE_TIMEOUT_MS = 80_000;
/** So short an MSL that a test can wait until TIME-WAIT has passed. */
const PASSED_MSL_MS = 500;
/** How long the peer may take to start. */
const START_MS = 20_000;

const SOURCE = fileURLToPath(new URL("peer.c", import.meta.url));
const COMPILER = [
  "-O1",
  "-g",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-I/usr/include/lwip",
  SOURCE,
  "-llwip",
];

/** For each `describe` here: ended if it hangs. */
export const suite = { timeout: SUITE_TIMEOUT_MS };

function compile(path: string): void {
  const { status, stderr } = spawnSync("cc", [...COMPILER, "-o", path], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** One of lwIP's connections, told by its number. */
export class LwipConnection {
  localPort = 0;
  remotePort = 0;
  /** What its `eof` and `ended` reports said. */
  isAtEof = false;
  end: string | undefined;
  readonly #number: number;
  readonly #peer: Lwip;

  constructor(number: number, peer: Lwip) {
    this.#number = number;
    this.#peer = peer;
  }

  /** SEND, once: all of it, as there is room. */
  send(data: Uint8Array): void {
    const path = join(this.#peer.folder, `${this.#number}.sent`);
    writeFileSync(path, data);
    this.#order("send", path);
  }

  /** CLOSE once all is sent; receiving goes on. */
  shutdown(): void {
    this.#order("shutdown");
  }

  /** Full close once all is sent: lwIP reports nothing more of it. */
  close(): void {
    this.#order("close");
  }

  abort(): void {
    this.#order("abort");
  }

  /** What comes from then on does not open the window again. */
  async hold(): Promise<void> {
    const held = this.#peer.report(`held ${this.#number}`);
    this.#order("hold");
    await held;
  }

  /** What was held back is taken. */
  take(): void {
    this.#order("take");
  }

  /** What came until the peer's FIN, as its hash and length. */
  async received(): Promise<{ hash: string; length: number }> {
    await until(
      "lwIP's end-of-file",
      () => this.isAtEof,
      (is) => is,
    );
    const octets = readFileSync(join(this.#peer.folder, `${this.#number}`));
    return { hash: sha256(octets), length: octets.length };
  }

  /** How it ended for its application. */
  async ended(): Promise<string> {
    await until(
      "the end of lwIP's connection",
      () => this.end,
      (end) => end !== undefined,
    );
    return this.end!;
  }

  #order(word: string, rest = ""): void {
    this.#peer.order(`${word} ${this.#number} ${rest}`);
  }
}

export class Lwip {
  readonly stack: Stack;
  readonly folder: string;
  readonly #wire: ImpairedWire;
  readonly #process: ChildProcess;
  readonly #capture: Capture;
  readonly #connections = new Map<number, LwipConnection>();
  #nextNumber = 0;
  #nextTag = 0;
  #nextPort = 7000;
  /** Who waits for a report that begins so. */
  readonly #awaited = new Map<string, (words: string[]) => void>();

  static async open(impairment: Impairment = {}, mslMs = PASSED_MSL_MS): Promise<Lwip> {
    const folder = mkdtempSync(join(tmpdir(), "linger-lwip-"));
    compile(join(folder, "peer"));
    const clock = new RealClock();
    const server = await listenStream({ path: join(folder, "wire") });
    const peer = spawn(join(folder, "peer"), [join(folder, "wire"), LWIP, folder], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const timer = setTimeout(() => peer.kill("SIGKILL"), START_MS);
    const stream = await server.accept();
    clearTimeout(timer);
    server.close();
    const capture = new Capture(stream, clock);
    const both = { inbound: impairment, outbound: impairment };
    const wire = impair(capture.wire, { clock, seed: 5, ...both });
    const parameters = { rtoMinMs: 200 };
    const stack = Stack.create({ wire, address: `${LINGER}/24`, mac: MAC, mslMs, parameters });
    return new Lwip(stack, { folder, wire, process: peer, capture });
  }

  private constructor(
    stack: Stack,
    own: { folder: string; wire: ImpairedWire; process: ChildProcess; capture: Capture },
  ) {
    this.stack = stack;
    this.folder = own.folder;
    this.#wire = own.wire;
    this.#process = own.process;
    this.#capture = own.capture;
    createInterface({ input: own.process.stdout! }).on("line", (line) => this.#hear(line));
  }

  order(line: string): void {
    this.#process.stdin!.write(`${line}\n`);
  }

  /** Other impairments from now on, both ways. */
  setImpairment(impairment: Impairment): void {
    this.#wire.setImpairment({ inbound: impairment, outbound: impairment });
  }

  /** Frames that the wire has lost so far. */
  get lostCount(): number {
    return this.#wire.inbound.lost + this.#wire.outbound.lost;
  }

  /** A port that no test has used before. */
  freshPort(): number {
    return this.#nextPort++;
  }

  /** lwIP's active OPEN; `connected` and `ended` tell what comes of it. */
  lwipConnect(port: number): { lwip: LwipConnection; connected: Promise<void> } {
    const number = this.#nextNumber++;
    const lwip = new LwipConnection(number, this);
    this.#connections.set(number, lwip);
    const connected = this.report(`connected ${number}`).then(([local, remote]) => {
      lwip.localPort = Number(local);
      lwip.remotePort = Number(remote);
    });
    this.order(`connect ${number} ${LINGER} ${port}`);
    return { lwip, connected };
  }

  /** Opens a connection, by the active OPEN of one side, and gives both ends. */
  async open(by: "lwip" | "linger"): Promise<{ linger: Connection; lwip: LwipConnection }> {
    const port = this.freshPort();
    if (by === "lwip") {
      const arrived = deferred<Connection>();
      const listener = this.stack.listen(port, { noDelay: true });
      listener.once("connection", arrived.resolve);
      const { lwip, connected } = this.lwipConnect(port);
      const [linger] = await Promise.all([arrived.promise, connected]);
      listener.close();
      return { linger, lwip };
    }
    const listening = this.report(`listening ${port}`);
    this.order(`listen ${port}`);
    await listening;
    const accepted = this.report(`accepted ${port}`);
    const linger = this.stack.connect(LWIP, port, { noDelay: true });
    await linger.connected;
    const [number, remote] = await accepted;
    const lwip = this.#connections.get(Number(number))!;
    lwip.localPort = port;
    lwip.remotePort = Number(remote);
    return { linger, lwip };
  }

  /** Waits until both ends are in these states ("TIME-WAIT / CLOSED"): Linger's, lwIP's. */
  async reach({ localPort, remotePort }: Connection, states: string): Promise<void> {
    const look = async () => {
      const tag = this.#nextTag++;
      const answer = this.report(`state ${tag}`);
      this.order(`state ${tag} ${remotePort} ${localPort}`);
      const [lwip] = await answer;
      const linger = this.stack.lookup(LWIP, remotePort, localPort);
      return `${linger} / ${lwip}`.replaceAll("_", "-");
    };
    await until(`the states ${states}`, look, (now) => now === states);
  }

  /** Closes everything, and fails if a frame that Linger sent is broken. */
  async close(): Promise<void> {
    const died = this.stack.isClosed;
    this.stack.close();
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    const { exitCode, signalCode } = this.#process;
    const isAlive = exitCode === null && signalCode === null;
    if (isAlive && this.#process.kill("SIGKILL")) await ended;
    rmSync(this.folder, { recursive: true });
    await this.#capture.judge(MAC);
    assert.equal(died, false, "the stack has died");
    assert.ok(isAlive, `lwIP's process has ended: ${signalCode ?? exitCode}`);
  }

  /** The words after those of `beginning`, once such a report comes. */
  report(beginning: string): Promise<string[]> {
    const { promise, resolve } = deferred<string[]>();
    this.#awaited.set(beginning, resolve);
    return promise;
  }

  #hear(line: string): void {
    const [word = "", first = "", ...rest] = line.split(" ");
    const connection = this.#connections.get(Number(first));
    if (word === "accepted") {
      const number = Number(first);
      this.#connections.set(number, new LwipConnection(number, this));
      return this.#tell(`accepted ${rest[0]}`, [first, rest[1]!]);
    }
    if (word === "eof") connection!.isAtEof = true;
    else if (word === "ended") connection!.end = rest[0];
    else this.#tell(`${word} ${first}`, rest);
  }

  #tell(beginning: string, rest: string[]): void {
    this.#awaited.get(beginning)?.(rest);
    this.#awaited.delete(beginning);
  }
}
