/**
 * A process in a network of its own, the other end of a kernel-to-kernel measurement: plain kernel
 * sockets that do what the measurement orders.
 *
 * Started by far.ts; ends when its parent does.
 */
import { spawnSync } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { prepareKernel, setKernelSwitches, type Switches } from "./grid.ts";
import { FAR_SEED, prepareTransfers, socketEnd, transfer } from "./transfer.ts";

/** An order; its answer is a Report with the same `id`. */
export type Order = { id: number } & (
  | { op: "prepare"; device: string; address: string; port: number; length: number }
  | { op: "switches"; switches: Switches }
  /** The next connection that arrives; answered when all has come, with the time. */
  | { op: "transfer"; length: number }
);

export interface Report {
  id: number;
  error?: string;
  atMs?: number;
}

const arrived: Socket[] = [];
const waiting: ((socket: Socket) => void)[] = [];

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.trim()}`);
}

function prepare({ device, address, port, length }: Order & { op: "prepare" }): Promise<void> {
  prepareKernel();
  prepareTransfers(length);
  ip("addr", "add", `${address}/24`, "dev", device);
  ip("link", "set", device, "up");
  const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
  const server = createServer(options, (socket) => {
    socket.on("error", () => undefined);
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(socket);
    else waiter(socket);
  });
  return new Promise((resolve) => server.listen(port, address, resolve));
}

async function transferNext(length: number): Promise<number> {
  const next = arrived.shift();
  const socket = next ?? (await new Promise<Socket>((resolve) => waiting.push(resolve)));
  return transfer(socketEnd(socket), length, FAR_SEED);
}

async function obey(order: Order): Promise<Omit<Report, "id">> {
  if (order.op === "prepare") await prepare(order);
  else if (order.op === "switches") setKernelSwitches(order.switches);
  else return { atMs: await transferNext(order.length) };
  return {};
}

process.on("message", (order: Order) => {
  obey(order).then(
    (report) => process.send?.({ id: order.id, ...report }),
    (error: Error) => process.send?.({ id: order.id, error: error.message }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ id: 0 } satisfies Report);
