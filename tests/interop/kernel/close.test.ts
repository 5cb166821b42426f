/**
 * Every way in which a connection between Linger and the kernel opens and ends: both ends' true
 * states, and what each side is told.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Connection } from "../../../hal/host/index.ts";
import { endOf, octets, receiveAll, receiveHash, sha256, until } from "../traffic.ts";
import { freshPort, inNamespace, KERNEL, LINGER, Rig } from "./rig.ts";

/** So long a frame is under way where both ends must act before they hear of one another. */
const CROSSING = { delayMs: 250 };
const OPENERS = ["kernel", "linger"] as const;
/** More than both rings and the kernel's buffers hold. */
const MUCH = 3_000_000;

/** Reads a socket of the kernel to its end, whatever comes. */
function drainKernel(kernel: Socket): void {
  kernel.resume();
}

describe("closing, with Linger and the kernel", inNamespace, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.open();
  });
  after(() => rig.close());

  async function open(by: (typeof OPENERS)[number]) {
    const ends = await rig.open(by);
    await rig.reach(ends.linger, "ESTABLISHED / ESTABLISHED");
    return { ...ends, kernelEnd: endOf(ends.kernel) };
  }

  for (const by of OPENERS) {
    test(`the kernel closes first (opened by ${by})`, async () => {
      const { linger, kernel, kernelEnd } = await open(by);
      drainKernel(kernel);
      kernel.end();
      await rig.reach(linger, "CLOSE-WAIT / FIN-WAIT-2");
      assert.equal(await linger.receive(), null);
      linger.closeWrite();
      await rig.reach(linger, "CLOSED / TIME-WAIT");
      assert.deepEqual([await linger.ended, await kernelEnd], ["CLOSED", "CLOSED"]);
    });

    test(`Linger closes first, and passes TIME-WAIT (opened by ${by})`, async () => {
      const { linger, kernel, kernelEnd } = await open(by);
      drainKernel(kernel);
      linger.closeWrite();
      await rig.reach(linger, "FIN-WAIT-2 / CLOSE-WAIT");
      kernel.end();
      await rig.reach(linger, "TIME-WAIT / CLOSED");
      assert.deepEqual([await linger.ended, await kernelEnd], ["CLOSED", "CLOSED"]);
      await rig.reach(linger, "CLOSED / CLOSED");
    });

    test(`the kernel half-closes, and Linger goes on sending (opened by ${by})`, async () => {
      const { linger, kernel, kernelEnd } = await open(by);
      const data = octets(3, MUCH);
      kernel.end();
      await rig.reach(linger, "CLOSE-WAIT / FIN-WAIT-2");
      const arrived = receiveHash(receiveAll(kernel));
      await linger.writeAll(data);
      linger.closeWrite();
      assert.deepEqual(await arrived, { hash: sha256(data), length: data.length });
      assert.equal(await linger.receive(), null);
      assert.deepEqual([await linger.ended, await kernelEnd], ["CLOSED", "CLOSED"]);
    });

    test(`Linger half-closes, and the kernel goes on sending (opened by ${by})`, async () => {
      const { linger, kernel, kernelEnd } = await open(by);
      const data = octets(4, MUCH);
      linger.closeWrite();
      await rig.reach(linger, "FIN-WAIT-2 / CLOSE-WAIT");
      assert.throws(() => linger.write("x"), { code: "CONNECTION_CLOSING" });
      drainKernel(kernel);
      kernel.end(data);
      const arrived = await receiveHash(linger);
      assert.deepEqual(arrived, { hash: sha256(data), length: data.length });
      assert.deepEqual([await linger.ended, await kernelEnd], ["CLOSED", "CLOSED"]);
    });

    test(`the kernel resets (opened by ${by})`, async () => {
      const { linger, kernel } = await open(by);
      kernel.resetAndDestroy();
      assert.equal(await linger.ended, "RESET");
      assert.throws(() => linger.read(), { code: "CONNECTION_RESET" });
      assert.equal(rig.states(linger), "CLOSED / CLOSED");
    });

    test(`Linger aborts (opened by ${by})`, async () => {
      const { linger, kernel, kernelEnd } = await open(by);
      drainKernel(kernel);
      linger.abort();
      assert.equal(await kernelEnd, "ECONNRESET");
      assert.equal(await linger.ended, "ABORTED");
      assert.equal(rig.states(linger), "CLOSED / CLOSED");
    });
  }

  test("the kernel closes with data unread: Linger is told that it was lost", async () => {
    const { linger, kernel } = await open("kernel");
    await linger.writeAll("never read");
    await linger.acknowledged();
    kernel.destroy();
    assert.equal(await linger.ended, "RESET");
    await rig.reach(linger, "CLOSED / CLOSED");
  });

  test("Linger closes with data unread: the kernel is told that it was lost", async () => {
    const { linger, kernel, kernelEnd } = await open("kernel");
    drainKernel(kernel);
    kernel.write("never read");
    await new Promise<void>((resolve) => linger.once("readable", resolve));
    linger.close();
    assert.equal(await kernelEnd, "ECONNRESET");
    assert.equal(await linger.ended, "ABORTED");
    await rig.reach(linger, "CLOSED / CLOSED");
  });

  test("data after a full close of Linger: the kernel is told that it was lost", async () => {
    const { linger, kernel, kernelEnd } = await open("kernel");
    drainKernel(kernel);
    linger.close();
    await rig.reach(linger, "FIN-WAIT-2 / CLOSE-WAIT");
    kernel.write("too late");
    assert.equal(await linger.ended, "ABORTED");
    await rig.reach(linger, "CLOSED / CLOSED");
    // Behind Linger's FIN Node does not read any more: it learns of the reset by its next write.
    kernel.write("once more");
    assert.equal(await kernelEnd, "EPIPE");
  });

  test("all that was sent before a full close arrives", async () => {
    const { linger, kernel, kernelEnd } = await open("kernel");
    const data = octets(5, 30_000);
    await linger.writeAll(data);
    linger.close();
    const arrived = await receiveHash(receiveAll(kernel));
    assert.deepEqual(arrived, { hash: sha256(data), length: data.length });
    kernel.end();
    assert.deepEqual([await linger.ended, await kernelEnd], ["CLOSED", "CLOSED"]);
  });

  test("nobody listens: both sides refuse", async () => {
    assert.equal(await endOf(rig.kernelConnect(freshPort())), "ECONNREFUSED");
    const linger = rig.stack.connect(KERNEL, freshPort());
    await assert.rejects(linger.connected, { code: "CONNECTION_REFUSED" });
    assert.equal(await linger.ended, "REFUSED");
  });

  test("nobody is there: Linger is told so when its patience ends", async () => {
    // Three ARP requests, a second apart, go unanswered before that.
    const linger = rig.stack.connect("10.9.0.77", 80, { userTimeoutMs: 5000 });
    assert.equal(await linger.ended, "UNREACHABLE");
  });
});

describe("crossing segments, with Linger and the kernel", inNamespace, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.open({ impairment: CROSSING });
  });
  after(() => rig.close());

  test("both close at once", async () => {
    const { linger, kernel } = await rig.open("kernel");
    const kernelEnd = endOf(kernel);
    drainKernel(kernel);
    kernel.end();
    linger.closeWrite();
    await rig.reach(linger, "CLOSING / CLOSING");
    await rig.reach(linger, "TIME-WAIT / TIME-WAIT");
    assert.deepEqual([await linger.ended, await kernelEnd], ["CLOSED", "CLOSED"]);
    await rig.reach(linger, "CLOSED / TIME-WAIT");
  });

  test("both open at once", async () => {
    const [lingerPort, kernelPort] = [freshPort(), freshPort()];
    const kernel = rig.kernelConnect(lingerPort, kernelPort);
    const linger = rig.stack.connect(KERNEL, kernelPort, { localPort: lingerPort });
    await until(
      "both SYNs under way",
      () => rig.states(linger),
      (now) => now === "SYN-SENT / SYN-SENT",
    );
    await rig.reach(linger, "ESTABLISHED / ESTABLISHED");
    await linger.connected;
    kernel.write("from the kernel");
    assert.equal(Buffer.from((await linger.receive())!).toString(), "from the kernel");
    await linger.writeAll("from Linger");
    const arrived = receiveHash(receiveAll(kernel));
    linger.closeWrite();
    assert.deepEqual(await arrived, { hash: sha256(Buffer.from("from Linger")), length: 11 });
    kernel.end();
    assert.equal(await linger.ended, "CLOSED");
  });
});

describe("the same tuple again, with Linger and the kernel", inNamespace, () => {
  let rig: Rig;
  before(async () => {
    // TIME-WAIT lasts a minute here: without its reuse the second connection would not come.
    rig = await Rig.open({ mslMs: 30_000 });
  });
  after(() => rig.close());

  test("a new SYN reopens it out of Linger's TIME-WAIT", async () => {
    const [lingerPort, kernelPort] = [freshPort(), freshPort()];
    const listener = rig.stack.listen(lingerPort);
    const accepted: Connection[] = [];
    listener.on("connection", (connection) => accepted.push(connection));
    for (let time = 1; time <= 3; time++) {
      const kernel = rig.kernelConnect(lingerPort, kernelPort);
      const kernelEnd = endOf(kernel);
      drainKernel(kernel);
      await until(
        "a connection",
        () => accepted.length,
        (count) => count === time,
      );
      const linger = accepted[time - 1]!;
      linger.closeWrite();
      await rig.reach(linger, "FIN-WAIT-2 / CLOSE-WAIT");
      kernel.end();
      await rig.reach(linger, "TIME-WAIT / CLOSED");
      assert.equal(await kernelEnd, "CLOSED");
    }
    assert.equal(rig.stack.counters().TIME_WAIT_REOPENED, 2);
    assert.equal(LINGER, accepted[2]!.localHost);
  });
});

describe("the wire goes dead", inNamespace, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.open();
  });
  after(() => rig.close());

  test("Linger gives up after its user timeout, data or FIN unanswered", async () => {
    const withData = await rig.open("linger");
    const withFin = await rig.open("kernel");
    rig.setImpairment({ loss: 1 });
    withData.linger.setUserTimeout(1500);
    withFin.linger.setUserTimeout(1500);
    await withData.linger.writeAll("nobody hears this");
    withFin.linger.closeWrite();
    assert.equal(await withData.linger.ended, "TIMED_OUT");
    assert.equal(await withFin.linger.ended, "TIMED_OUT");
  });
});
