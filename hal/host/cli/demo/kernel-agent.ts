/**
 * A process of its own that drives plain kernel sockets (node:net) as the demonstration tells it:
 * one order in, one answer out, events as they come. It is apart from the demonstration, so that a
 * socket's events never wait for the wire that the demonstration holds.
 *
 * Started by kernel-end.ts. Does nothing that it was not told to; ends when its parent does.
 */
import { connect, createServer, type Server, Socket } from "node:net";

/** An order; `id` comes back with the answer. */
export type Order = { id: number } & (
  | { op: "listen"; port: number; unread: boolean }
  | {
      op: "connect";
      socket: number;
      host: string;
      port: number;
      localPort: number;
      unread: boolean;
    }
  | { op: "send"; socket: number; text: string }
  | { op: "end" | "destroy" | "reset"; socket: number }
  | { op: "forget" }
);

export type Report =
  | { kind: "done"; id: number; error?: string }
  | { kind: "accepted"; socket: number; port: number }
  | { kind: "data"; socket: number; text: string }
  | { kind: "end"; socket: number }
  | { kind: "error"; socket: number; code: string }
  | { kind: "closed"; socket: number };

/** Accepted sockets are numbered from here, the parent numbers those that it opens. */
const FIRST_ACCEPTED = 1_000_000;

const sockets = new Map<number, Socket>();
const servers: Server[] = [];
let nextAccepted = FIRST_ACCEPTED;

function report(message: Report): void {
  process.send?.(message);
}

function adopt(number: number, socket: Socket, unread: boolean): void {
  sockets.set(number, socket);
  socket.setNoDelay(true);
  socket.on("error", (error: NodeJS.ErrnoException) => {
    report({ kind: "error", socket: number, code: error.code ?? "?" });
  });
  socket.on("close", () => report({ kind: "closed", socket: number }));
  if (unread) return;
  socket.on("data", (data) => report({ kind: "data", socket: number, text: data.toString() }));
  socket.on("end", () => report({ kind: "end", socket: number }));
}

function listen(port: number, unread: boolean): Promise<void> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: unread }, (socket) => {
    const number = nextAccepted++;
    adopt(number, socket, unread);
    report({ kind: "accepted", socket: number, port });
  });
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Over IPv4 alone: /proc/net/tcp does not show the sockets that serve both.
    server.listen(port, "0.0.0.0", () => resolve());
  });
}

function obey(order: Order): Promise<void> | void {
  switch (order.op) {
    case "listen":
      return listen(order.port, order.unread);
    case "connect": {
      const { host, port, localPort } = order;
      const socket = connect({ host, port, localPort, allowHalfOpen: true });
      if (order.unread) socket.pause();
      adopt(order.socket, socket, order.unread);
      // Node calls the kernel in its next tick.
      return new Promise((resolve) => setImmediate(resolve));
    }
    case "send":
      return void sockets.get(order.socket)!.write(order.text);
    case "end":
      return after("finish", sockets.get(order.socket)!, (socket) => socket.end());
    case "destroy":
      return after("close", sockets.get(order.socket)!, (socket) => socket.destroy());
    case "reset":
      return after("close", sockets.get(order.socket)!, (socket) => socket.resetAndDestroy());
    case "forget":
      return forget();
  }
}

/** Acts, and waits until the kernel was called: Node closes a socket a little later. */
function after(event: string, socket: Socket, act: (socket: Socket) => void): Promise<void> | void {
  if (socket.destroyed) return;
  return new Promise((resolve) => {
    socket.once(event, () => resolve());
    socket.once("close", () => resolve());
    act(socket);
  });
}

function forget(): void {
  for (const server of servers.splice(0)) server.close();
  for (const socket of sockets.values()) if (!socket.destroyed) socket.resetAndDestroy();
  sockets.clear();
}

process.on("message", (order: Order) => {
  Promise.resolve()
    .then(() => obey(order))
    .then(
      () => report({ kind: "done", id: order.id }),
      (error: Error) => report({ kind: "done", id: order.id, error: error.message }),
    );
});
process.on("disconnect", () => process.exit());
// The terminal's interrupt goes to the whole group; the parent decides when this one ends.
process.on("SIGINT", () => undefined);
