/**
 * Linger in the host emulator as the board's peer, over a wire of UDP datagrams that needs no
 * right, and can be held.
 *
 * Used by the tests of this folder that run everywhere.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  type Connection,
  openDatagram,
  RealClock,
  Stack,
  type Wire,
} from "../../hal/host/index.ts";
import { BoardMachine, type BoardSetup, type ProcessEngine } from "./board.ts";
import type { BuiltImage } from "../../bench/firmware/build.ts";

export const PEER_ADDRESS = "10.9.0.1";
const PEER_MAC = "02:00:00:0a:09:01";

/** Keeps the frames of both directions, and lets those of the board wait when it is told to. */
export class HeldWire implements Wire {
  readonly #wire: Wire;
  #deliver: (frame: Uint8Array) => void = () => undefined;
  #begins: ((frame: Uint8Array) => boolean) | undefined;
  readonly #held: Uint8Array[] = [];
  readonly toBoard: Uint8Array[] = [];
  readonly fromBoard: Uint8Array[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.onFrame((frame) => {
      this.fromBoard.push(frame.slice());
      if (this.#held.length > 0 || this.#begins?.(frame) === true) this.#held.push(frame);
      else this.#deliver(frame);
    });
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** The first such frame from the board, and all that follow, wait to be released. */
  holdFrom(begins: (frame: Uint8Array) => boolean): void {
    this.#begins = begins;
  }

  /** Delivers the frame that waits first. */
  releaseOne(): void {
    const frame = this.#held.shift();
    if (frame !== undefined) this.#deliver(frame);
  }

  /** Delivers all, and holds no more. */
  release(): void {
    this.#begins = undefined;
    while (this.#held.length > 0) this.releaseOne();
  }

  /** What waits is lost, and no more is held. */
  drop(): void {
    this.#begins = undefined;
    this.#held.length = 0;
  }

  send(frame: Uint8Array): boolean {
    this.toBoard.push(frame.slice());
    return this.#wire.send(frame);
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#deliver = callback;
  }

  onClose(callback: Parameters<Wire["onClose"]>[0]): void {
    this.#wire.onClose(callback);
  }

  close(): void {
    this.#wire.close();
  }
}

/** Below those that the kernel gives to whoever asks for any port. */
const PORT_MIN = 20_000;
const PORT_END = 32_000;

/** A UDP port that is free now, and that nobody is given until it is bound. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_END);
    const socket = createSocket("udp4").bind(port, "127.0.0.1");
    const isFree = await once(socket, "listening").then(
      () => true,
      () => false,
    );
    socket.close();
    if (isFree) return port;
  }
}

/** A board and its peer, connected and ready. */
export class Bench {
  readonly board: BoardMachine;
  readonly stack: Stack;
  readonly wire: HeldWire;

  static async open(built: BuiltImage, setup: BoardSetup = {}): Promise<Bench> {
    const here = "type=inet,LOCAL.host=127.0.0.1,LOCAL.port";
    const end = (name: string, port: number) => `${name}.${here.replaceAll("LOCAL", name)}=${port}`;
    return Bench.#connect((boardPort, peerPort) => {
      const netdev = `dgram,${end("local", boardPort)},${end("remote", peerPort)}`;
      return BoardMachine.inQemu(built, { netdev, ...setup });
    });
  }

  /** The same with the board that is a process. */
  static async openProcess(engine: ProcessEngine, module: string): Promise<Bench> {
    return Bench.#connect((boardPort, peerPort) =>
      BoardMachine.asProcess(engine, module, `udp:${boardPort}:${peerPort}`),
    );
  }

  static async #connect(
    start: (boardPort: number, peerPort: number) => BoardMachine,
  ): Promise<Bench> {
    const boardPort = await freePort();
    const datagrams = await openDatagram({ local: { port: 0 }, remote: { port: boardPort } });
    const board = start(boardPort, datagrams.localPort);
    const bench = new Bench(board, new HeldWire(datagrams));
    try {
      await board.says("linger: ready\n");
    } catch (error) {
      await bench.close(); // what is left open would keep the tests from ending
      throw error;
    }
    return bench;
  }

  private constructor(board: BoardMachine, wire: HeldWire) {
    this.board = board;
    this.wire = wire;
    const clock = new RealClock();
    const address = { address: `${PEER_ADDRESS}/24`, mac: PEER_MAC };
    this.stack = Stack.create({ wire, clock, ...address, mslMs: 200 });
  }

  connect(host: string, port: number): Promise<Connection> {
    const connection = this.stack.connect(host, port, { noDelay: true });
    return connection.connected.then(() => connection);
  }

  async close(): Promise<void> {
    this.stack.close();
    await this.board.close();
  }
}
