/** The datagram wire: against plain UDP sockets, and its errors. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import type { LingerError } from "../../hal/host/errors.ts";
import { openDatagram } from "../../hal/host/wires/index.ts";

async function plainSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

describe("datagram wire", { timeout: 20_000 }, () => {
  test("one datagram is one frame, both ways, whatever its length", async () => {
    const peer = await plainSocket();
    const { port } = peer.address();
    const wire = await openDatagram({ local: { port: 0 }, remote: { port } });
    for (const length of [14, 60, 1514, 9000]) {
      const frame = Uint8Array.from({ length }, (_, index) => index & 0xff);
      wire.send(frame);
      const [message] = (await once(peer, "message")) as [Buffer];
      assert.deepEqual(new Uint8Array(message), frame);
      const back = new Promise<Uint8Array>((resolve) => wire.onFrame(resolve));
      peer.send(frame, wire.localPort, "127.0.0.1");
      assert.deepEqual(await back, frame);
    }
    wire.close();
    peer.close();
  });

  test("datagrams from elsewhere are ignored", async () => {
    const peer = await plainSocket();
    const stranger = await plainSocket();
    const wire = await openDatagram({ local: { port: 0 }, remote: { port: peer.address().port } });
    const first = new Promise<Uint8Array>((resolve) => wire.onFrame(resolve));
    stranger.send(new Uint8Array(99), wire.localPort, "127.0.0.1");
    peer.send(new Uint8Array(60), wire.localPort, "127.0.0.1");
    assert.equal((await first).length, 60);
    for (const socket of [peer, stranger]) socket.close();
    wire.close();
  });

  test("a flood on loopback comes through, in order", async () => {
    const far = await plainSocket();
    const { port } = far.address();
    const sender = await openDatagram({ local: { port: 0 }, remote: { port } });
    far.close();
    await once(far, "close");
    const receiver = await openDatagram({ local: { port }, remote: { port: sender.localPort } });
    // As many as the receive buffer holds, sent before a single one is read.
    const count = 1000;
    const numbers: number[] = [];
    const done = new Promise<void>((resolve) => {
      receiver.onFrame((frame) => {
        numbers.push(new DataView(frame.buffer, frame.byteOffset).getUint32(14));
        if (numbers.length === count) resolve();
      });
    });
    for (let number = 0; number < count; number++) {
      const frame = new Uint8Array(200);
      new DataView(frame.buffer).setUint32(14, number);
      assert.equal(sender.send(frame), true);
    }
    await done;
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index),
    );
    sender.close();
    receiver.close();
  });

  test("a port that nobody has bound swallows frames, and sends nothing into close", async () => {
    const peer = await plainSocket();
    const { port } = peer.address();
    peer.close();
    const wire = await openDatagram({ local: { port: 0 }, remote: { port } });
    let told: LingerError | undefined | null = null;
    wire.onClose((error) => (told = error));
    for (let count = 0; count < 5; count++) wire.send(new Uint8Array(60));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(told, null);
    wire.send(new Uint8Array(60));
    wire.close();
    wire.close();
    assert.equal(told, undefined);
    assert.equal(wire.send(new Uint8Array(60)), true);
  });

  test("frames sent right before close still leave", async () => {
    const peer = await plainSocket();
    const wire = await openDatagram({ local: { port: 0 }, remote: { port: peer.address().port } });
    wire.send(new Uint8Array(60));
    wire.close();
    const [message] = (await once(peer, "message")) as [Buffer];
    assert.equal(message.length, 60);
    peer.close();
  });

  test("a port in use, and an address that is not ours: each its own line", async () => {
    const peer = await plainSocket();
    const { port } = peer.address();
    await assert.rejects(openDatagram({ local: { port }, remote: { port } }), {
      code: "WIRE_IN_USE",
      message: new RegExp(`^UDP 127.0.0.1:${port} is in use`),
    });
    const elsewhere = { host: "192.0.2.1", port: 0 };
    await assert.rejects(openDatagram({ local: elsewhere, remote: { port } }), {
      code: "WIRE_FAILED",
    });
    const nowhere = { host: "no-such-host.invalid", port };
    await assert.rejects(openDatagram({ local: { port: 0 }, remote: nowhere }), {
      code: "WIRE_FAILED",
      message: /no address for the host name/,
    });
    peer.close();
  });
});
