/**
 * The Linux kernel as one TCP of the demonstration: its sockets are driven in a process of their
 * own (kernel-agent.ts), its states are read from /proc/net/tcp.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { StateName } from "../../ladder/index.ts";
import type { Order, Report } from "./kernel-agent.ts";
import { kernelState, readKernelTable } from "./proc-net-tcp.ts";
import type { EndConnection, OpenOptions, TcpEnd, Told } from "./tcp-end.ts";

/** An order without the number that `#order` gives it. */
type OrderBody = Order extends infer O ? (O extends Order ? Omit<O, "id"> : never) : never;

const TOLD: Record<string, Told> = {
  ECONNRESET: "RESET",
  EPIPE: "RESET",
  ECONNREFUSED: "REFUSED",
  ETIMEDOUT: "TIMED_OUT",
  EHOSTUNREACH: "UNREACHABLE",
  ENETUNREACH: "UNREACHABLE",
};

export class KernelEnd implements TcpEnd {
  readonly name = "Linux";
  readonly address: string;
  readonly #agent: ChildProcess;
  readonly #answers = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  readonly #connections = new Map<number, KernelConnection>();
  readonly #arrived = new Map<number, KernelConnection[]>();
  readonly #waiting = new Map<number, ((connection: KernelConnection) => void)[]>();
  #nextOrder = 1;
  #nextSocket = 1;

  constructor(address: string) {
    this.address = address;
    // The same kind of file as this one: a source under tsx, JavaScript in the package.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
    const path = fileURLToPath(new URL(`kernel-agent${extension}`, import.meta.url));
    this.#agent = fork(path, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#agent.on("message", (message) => this.#take(message as Report));
    this.#agent.on("exit", (code) => {
      const error = new Error(`the process with the kernel's sockets ended with ${code}`);
      for (const { reject } of this.#answers.values()) reject(error);
    });
  }

  listen(port: number, options: { unread?: boolean } = {}): Promise<void> {
    return this.order({ op: "listen", port, unread: options.unread === true });
  }

  async accepted(port: number): Promise<EndConnection> {
    const arrived = this.#arrived.get(port)?.shift();
    if (arrived !== undefined) return arrived;
    return new Promise((resolve) => {
      this.#waiting.set(port, [...(this.#waiting.get(port) ?? []), resolve]);
    });
  }

  async connect(host: string, port: number, options: OpenOptions): Promise<EndConnection> {
    const socket = this.#nextSocket++;
    const connection = this.#adopt(socket);
    const { localPort, unread = false } = options;
    await this.order({ op: "connect", socket, host, port, localPort, unread });
    return connection;
  }

  stateOf(localPort: number, remoteHost: string, remotePort: number): StateName {
    return kernelState(readKernelTable(), localPort, remoteHost, remotePort);
  }

  async reset(): Promise<void> {
    await this.order({ op: "forget" });
    this.#connections.clear();
    this.#arrived.clear();
    this.#waiting.clear();
  }

  /** Ends the process with the sockets. */
  close(): void {
    this.#agent.disconnect();
  }

  /** Gives an order and waits until it was carried out. */
  order(order: OrderBody): Promise<void> {
    const id = this.#nextOrder++;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.#agent.send({ id, ...order }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  #adopt(socket: number): KernelConnection {
    const connection = new KernelConnection(this, socket);
    this.#connections.set(socket, connection);
    return connection;
  }

  #take(message: Report): void {
    if (message.kind === "done") {
      const answer = this.#answers.get(message.id);
      this.#answers.delete(message.id);
      if (message.error === undefined) answer?.resolve();
      else answer?.reject(new Error(message.error));
    } else if (message.kind === "accepted") {
      const connection = this.#adopt(message.socket);
      const waiter = this.#waiting.get(message.port)?.shift();
      if (waiter !== undefined) waiter(connection);
      else
        this.#arrived.set(message.port, [...(this.#arrived.get(message.port) ?? []), connection]);
    } else {
      this.#connections.get(message.socket)?.take(message);
    }
  }
}

class KernelConnection implements EndConnection {
  received = "";
  sawEnd = false;
  told: Told | undefined;
  readonly #end: KernelEnd;
  readonly #socket: number;
  #aborted = false;

  constructor(end: KernelEnd, socket: number) {
    this.#end = end;
    this.#socket = socket;
  }

  take(message: Report): void {
    if (message.kind === "data") this.received += message.text;
    if (message.kind === "end") this.sawEnd = true;
    if (message.kind === "error") this.told ??= TOLD[message.code] ?? "?";
    if (message.kind === "closed") this.told ??= this.#aborted ? "ABORTED" : "CLOSED";
  }

  send(text: string): Promise<void> {
    return this.#end.order({ op: "send", socket: this.#socket, text });
  }

  closeWrite(): Promise<void> {
    return this.#end.order({ op: "end", socket: this.#socket });
  }

  close(): Promise<void> {
    return this.#end.order({ op: "destroy", socket: this.#socket });
  }

  abort(): Promise<void> {
    this.#aborted = true;
    return this.#end.order({ op: "reset", socket: this.#socket });
  }
}
