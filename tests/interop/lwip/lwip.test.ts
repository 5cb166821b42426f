/** Linger and lwIP: connections opened by either, data both ways, and every way of closing. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Connection } from "../../../hal/host/index.ts";
import { octets, receiveHash, sha256, until } from "../traffic.ts";
import { Lwip, LWIP, type LwipConnection, suite } from "./lwip.ts";

const MEGABYTE = 1_000_000;
const OPENERS = ["lwip", "linger"] as const;
/** Where a FIN may have to come again, TIME-WAIT must outlast several of lwIP's timeouts. */
const OUTLASTING_MSL_MS = 15_000;
const WIRES = [
  { name: "a clean wire", impairment: {}, mslMs: undefined },
  {
    name: "a wire that loses 2 % and reorders 5 %",
    impairment: { loss: 0.02, reorder: 0.05, reorderMs: 3, delayMs: 1 },
    mslMs: OUTLASTING_MSL_MS,
  },
];
/** So long a frame is under way where both ends must act before they hear of one another. */
const CROSSING = { delayMs: 250 };

/** Both ways at once, each side closing when it is done. */
async function exchange(linger: Connection, lwip: LwipConnection, length: number): Promise<void> {
  const fromLinger = octets(1, length);
  const fromLwip = octets(2, length);
  const sent = linger.writeAll(fromLinger).then(() => linger.closeWrite());
  lwip.send(fromLwip);
  lwip.shutdown();
  assert.deepEqual(await receiveHash(linger), { hash: sha256(fromLwip), length });
  assert.deepEqual(await lwip.received(), { hash: sha256(fromLinger), length });
  await sent;
  assert.equal(await linger.ended, "CLOSED");
  assert.equal(await lwip.ended(), "CLOSED");
}

for (const { name, impairment, mslMs } of WIRES) {
  describe(`lwIP over ${name}`, { ...suite, concurrency: true }, () => {
    let rig: Lwip;
    before(async () => {
      rig = await Lwip.open(impairment, mslMs);
    });
    after(async () => {
      const { lostCount } = rig;
      await rig.close();
      assert.equal(lostCount > 0, "loss" in impairment);
    });

    for (const by of OPENERS) {
      test(`1 MB both ways at once (opened by ${by})`, async () => {
        const { linger, lwip } = await rig.open(by);
        await exchange(linger, lwip, MEGABYTE);
      });

      test(`lwIP closes first (opened by ${by})`, async () => {
        const { linger, lwip } = await rig.open(by);
        lwip.shutdown();
        await rig.reach(linger, "CLOSE-WAIT / FIN-WAIT-2");
        assert.equal(await linger.receive(), null);
        linger.closeWrite();
        await rig.reach(linger, "CLOSED / TIME-WAIT");
        assert.deepEqual([await linger.ended, await lwip.ended()], ["CLOSED", "CLOSED"]);
      });

      const waits = mslMs === undefined ? "passes TIME-WAIT" : "stays in TIME-WAIT for lwIP's FIN";
      test(`Linger closes first, and ${waits} (opened by ${by})`, async () => {
        const { linger, lwip } = await rig.open(by);
        linger.closeWrite();
        await rig.reach(linger, "FIN-WAIT-2 / CLOSE-WAIT");
        lwip.shutdown();
        await rig.reach(linger, "TIME-WAIT / CLOSED");
        assert.deepEqual([await linger.ended, await lwip.ended()], ["CLOSED", "CLOSED"]);
        if (mslMs === undefined) await rig.reach(linger, "CLOSED / CLOSED");
      });

      test(`lwIP half-closes, and Linger goes on sending (opened by ${by})`, async () => {
        const { linger, lwip } = await rig.open(by);
        const data = octets(3, MEGABYTE / 5);
        lwip.shutdown();
        assert.equal(await linger.receive(), null);
        await linger.writeAll(data);
        linger.closeWrite();
        const arrived = await lwip.received();
        assert.deepEqual(arrived, { hash: sha256(data), length: data.length });
        assert.deepEqual([await linger.ended, await lwip.ended()], ["CLOSED", "CLOSED"]);
      });

      test(`Linger half-closes, and lwIP goes on sending (opened by ${by})`, async () => {
        const { linger, lwip } = await rig.open(by);
        const data = octets(4, MEGABYTE / 5);
        linger.closeWrite();
        assert.deepEqual(await lwip.received(), { hash: sha256(octets(0, 0)), length: 0 });
        lwip.send(data);
        lwip.shutdown();
        const arrived = await receiveHash(linger);
        assert.deepEqual(arrived, { hash: sha256(data), length: data.length });
        assert.deepEqual([await linger.ended, await lwip.ended()], ["CLOSED", "CLOSED"]);
      });
    }
  });
}

describe("lwIP: resets, refusals and closed windows", suite, () => {
  let rig: Lwip;
  before(async () => {
    rig = await Lwip.open();
  });
  after(() => rig.close());

  for (const by of OPENERS) {
    test(`lwIP aborts (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      lwip.abort();
      assert.equal(await linger.ended, "RESET");
      await rig.reach(linger, "CLOSED / CLOSED");
    });

    test(`Linger aborts (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      linger.abort();
      assert.equal(await lwip.ended(), "RESET");
      assert.equal(await linger.ended, "ABORTED");
      await rig.reach(linger, "CLOSED / CLOSED");
    });

    test(`lwIP closes with data unread: Linger is told (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      await lwip.hold();
      await linger.writeAll("never read");
      await linger.acknowledged();
      lwip.close();
      assert.equal(await linger.ended, "RESET");
      await rig.reach(linger, "CLOSED / CLOSED");
    });

    test(`Linger closes with data unread: lwIP is told (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      lwip.send(octets(5, 100));
      await new Promise<void>((resolve) => linger.once("readable", resolve));
      linger.close();
      assert.equal(await lwip.ended(), "RESET");
      assert.equal(await linger.ended, "ABORTED");
    });

    test(`lwIP's application sleeps (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      const data = octets(6, MEGABYTE / 2);
      await lwip.hold();
      const sent = linger.writeAll(data).then(() => linger.closeWrite());
      const before = rig.stack.counters().WINDOW_PROBES;
      const probes = () => rig.stack.counters().WINDOW_PROBES - before;
      await until("a window probe", probes, (count) => count > 0);
      assert.ok(linger.bytesWritten < data.length, "all of it went, into a closed window");
      lwip.take();
      const arrived = await lwip.received();
      assert.deepEqual(arrived, { hash: sha256(data), length: data.length });
      await sent;
      lwip.shutdown();
      assert.equal(await linger.ended, "CLOSED");
    });

    test(`Linger's application sleeps (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      const data = octets(7, MEGABYTE / 2);
      lwip.send(data);
      lwip.shutdown();
      await until(
        "Linger's window to close",
        () => linger.status().RCV_WND,
        (window) => window === 0,
      );
      assert.deepEqual(await receiveHash(linger), { hash: sha256(data), length: data.length });
      await rig.reach(linger, "CLOSE-WAIT / FIN-WAIT-2");
      linger.closeWrite();
      assert.deepEqual([await linger.ended, await lwip.ended()], ["CLOSED", "CLOSED"]);
    });
  }

  test("nobody listens: both sides refuse", async () => {
    const linger = rig.stack.connect(LWIP, rig.freshPort());
    assert.equal(await linger.ended, "REFUSED");
    assert.equal(await rig.lwipConnect(rig.freshPort()).lwip.ended(), "RESET");
  });

  test("ping", async () => {
    assert.ok((await rig.stack.ping(LWIP, { octets: 1000 })) >= 0);
  });

  for (const by of OPENERS) {
    test(`both close at once (opened by ${by})`, async () => {
      const { linger, lwip } = await rig.open(by);
      rig.setImpairment(CROSSING);
      lwip.shutdown();
      linger.closeWrite();
      await rig.reach(linger, "CLOSING / CLOSING");
      await rig.reach(linger, "TIME-WAIT / TIME-WAIT");
      rig.setImpairment({});
      assert.deepEqual([await linger.ended, await lwip.ended()], ["CLOSED", "CLOSED"]);
      await rig.reach(linger, "CLOSED / TIME-WAIT");
    });
  }
});
