/** Many connections at once between Linger and the kernel. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Connection } from "../../../hal/host/index.ts";
import { endOf, receiveAll, until } from "../traffic.ts";
import { freshPort, inNamespace, KERNEL, Rig } from "./rig.ts";

const COUNT = 200;
const BACKLOG_MAX = 255;

/** Everything until the other side's FIN, as text. */
async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The client: says its line, closes, and reads what it gets back. Closes first. */
async function askFromKernel(socket: Socket, line: string): Promise<string[]> {
  const end = endOf(socket);
  socket.end(line);
  return [await textOf(receiveAll(socket)), await end];
}

async function askFromLinger(connection: Connection, line: string): Promise<string[]> {
  await connection.writeAll(line);
  connection.closeWrite();
  return [await textOf(connection), await connection.ended];
}

describe(`${COUNT} connections opened and closed at once`, inNamespace, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.open();
  });
  after(() => rig.close());

  const lines = Array.from({ length: COUNT }, (_, i) => `this is line ${i}`);
  const expected = lines.map((line) => [line.toUpperCase(), "CLOSED"]);

  test("by the kernel, to one port of Linger", async () => {
    const listener = rig.stack.listen(freshPort(), { backlog: BACKLOG_MAX });
    listener.on("connection", async (connection) => {
      await connection.writeAll((await textOf(connection)).toUpperCase());
      connection.closeWrite();
    });
    const clients = lines.map((line) => askFromKernel(rig.kernelConnect(listener.port), line));
    assert.deepEqual(await Promise.all(clients), expected);
    listener.close();
  });

  test("by Linger, to one port of the kernel", async () => {
    const port = await rig.kernelListen(async (socket) => {
      socket.end((await textOf(receiveAll(socket))).toUpperCase());
    });
    const clients = lines.map((line) => askFromLinger(rig.stack.connect(KERNEL, port), line));
    assert.deepEqual(await Promise.all(clients), expected);
  });

  test("nothing of them is left: every control block is free again", async () => {
    const { CONNECTION_COUNT } = rig.stack.limits;
    const port = await rig.kernelListen(() => undefined);
    await until(
      "room for all connections that there can be",
      () => {
        const open: Connection[] = [];
        try {
          while (open.length < CONNECTION_COUNT) open.push(rig.stack.connect(KERNEL, port));
        } catch {
          // The pool is empty: some connection of before is still there.
        }
        for (const connection of open) connection.abort();
        return open.length;
      },
      (count) => count === CONNECTION_COUNT,
    );
  });
});
