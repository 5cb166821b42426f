/**
 * A reader that sleeps, on either side: the sender stops at window zero, and goes on when it wakes.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { octets, receiveAll, receiveHash, sha256, until } from "../traffic.ts";
import { inNamespace, Rig } from "./rig.ts";

/** More than the rings and the kernel's buffers hold. */
const MUCH = 12_000_000;

describe("a closed window, with Linger and the kernel", inNamespace, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.open();
  });
  after(() => rig.close());

  for (const by of ["kernel", "linger"] as const) {
    test(`the kernel's application sleeps (opened by ${by})`, async () => {
      const { linger, kernel } = await rig.open(by);
      const data = octets(7, MUCH);
      const sent = linger.writeAll(data).then(() => linger.closeWrite());
      const stuck = () => linger.status().SND_WND < linger.status().SND_MSS;
      await until("the kernel's window to close", stuck, (is) => is);
      const before = rig.stack.counters().WINDOW_PROBES;
      const probes = () => rig.stack.counters().WINDOW_PROBES - before;
      await until("a window probe", probes, (count) => count > 0);
      assert.ok(linger.bytesWritten < MUCH, "all of it went, into a closed window");
      const arrived = await receiveHash(receiveAll(kernel));
      assert.deepEqual(arrived, { hash: sha256(data), length: MUCH });
      await sent;
      kernel.end();
      assert.equal(await linger.ended, "CLOSED");
    });

    test(`Linger's application sleeps (opened by ${by})`, async () => {
      const { linger, kernel } = await rig.open(by);
      const data = octets(8, MUCH);
      kernel.resume();
      kernel.end(data);
      await until(
        "Linger's window to close",
        () => linger.status().RCV_WND,
        (window) => window === 0,
      );
      assert.deepEqual(await receiveHash(linger), { hash: sha256(data), length: MUCH });
      linger.closeWrite();
      assert.equal(await linger.ended, "CLOSED");
    });
  }
});
