/** Linger and libslirp's TCP, over QEMU's stream wire. Needs no right at all. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Connection } from "../../../hal/host/index.ts";
import { endOf, exchange, octets, receiveAll, receiveHash, sha256 } from "../traffic.ts";
import { FORWARDED_PORT, GATEWAY, Slirp, suite } from "./slirp.ts";

const MEGABYTE = 1_000_000;

const WIRES = [
  { name: "a clean wire", length: 5 * MEGABYTE, impairment: {} },
  {
    name: "a wire that loses 3 % and reorders 10 %",
    length: MEGABYTE / 4,
    impairment: { loss: 0.03, reorder: 0.1, reorderMs: 3 },
  },
];

for (const { name, length, impairment } of WIRES) {
  describe(`libslirp over ${name}`, suite, () => {
    let slirp: Slirp;
    let arrived: AsyncIterator<Connection>;
    before(async () => {
      slirp = await Slirp.open(impairment);
      arrived = slirp.stack.listen(FORWARDED_PORT, { backlog: 64 })[Symbol.asyncIterator]();
    });
    after(() => slirp.close());

    /** A connection that the host opens; slirp continues it to Linger. */
    async function accept(): Promise<{ host: Socket; linger: Connection }> {
      const host = slirp.connectToLinger();
      return { host, linger: (await arrived.next()).value as Connection };
    }

    /** A connection that Linger opens; slirp continues it to the host. */
    async function open(): Promise<{ host: Socket; linger: Connection }> {
      let take: (socket: Socket) => void = () => undefined;
      const accepted = new Promise<Socket>((resolve) => (take = resolve));
      const linger = slirp.stack.connect(GATEWAY, await slirp.listen((socket) => take(socket)));
      // slirp opens its side first, and answers Linger's SYN once that has worked.
      const [host] = await Promise.all([accepted, linger.connected]);
      return { linger, host };
    }

    test(`${length / MEGABYTE} MB both ways, slirp opens`, async () => {
      const { host, linger } = await accept();
      await exchange(linger, host, length);
    });

    test(`${length / MEGABYTE} MB both ways, Linger opens`, async () => {
      const { host, linger } = await open();
      await exchange(linger, host, length);
    });

    test("half-close: Linger has closed, and goes on receiving", async () => {
      const { host, linger } = await open();
      linger.closeWrite();
      assert.deepEqual(await receiveHash(receiveAll(host)), {
        hash: sha256(octets(0, 0)),
        length: 0,
      });
      const data = octets(3, length / 5);
      host.end(data);
      assert.deepEqual(await receiveHash(linger), { hash: sha256(data), length: data.length });
      assert.equal(await linger.ended, "CLOSED");
    });

    test("half-close: the other side has closed, and Linger goes on sending", async () => {
      const { host, linger } = await accept();
      host.end();
      assert.equal(await linger.receive(), null);
      const data = octets(4, length / 5);
      const received = receiveHash(receiveAll(host));
      await linger.writeAll(data);
      linger.closeWrite();
      assert.deepEqual(await received, { hash: sha256(data), length: data.length });
      assert.equal(await linger.ended, "CLOSED");
    });

    test("Linger aborts: the other side is told", async () => {
      const { host, linger } = await open();
      host.resume();
      const end = endOf(host);
      linger.abort();
      assert.equal(await linger.ended, "ABORTED");
      // slirp passes a reset on as the end of the stream.
      host.end();
      await end;
    });

    test("nobody listens: Linger is refused", async () => {
      const linger = slirp.stack.connect(GATEWAY, await slirp.closedPort());
      assert.equal(await linger.ended, "REFUSED");
    });
  });
}

describe("libslirp, many at once", suite, () => {
  let slirp: Slirp;
  before(async () => {
    slirp = await Slirp.open();
  });
  after(() => slirp.close());

  test("50 connections out of Linger, each with its own line", async () => {
    const port = await slirp.listen(async (socket) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of receiveAll(socket)) chunks.push(chunk);
      socket.end(Buffer.concat(chunks).toString().toUpperCase());
    });
    const ask = async (line: string) => {
      const connection = slirp.stack.connect(GATEWAY, port);
      await connection.writeAll(line);
      connection.closeWrite();
      const answer = Buffer.from(await connection.receiveAll()).toString();
      return [answer, await connection.ended];
    };
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    const expected = lines.map((line) => [line.toUpperCase(), "CLOSED"]);
    assert.deepEqual(await Promise.all(lines.map(ask)), expected);
  });

  test("ping", async () => {
    assert.ok((await slirp.stack.ping(GATEWAY, { octets: 1000 })) >= 0);
  });
});
