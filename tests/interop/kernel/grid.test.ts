/**
 * SACK, timestamps, window scaling and ECN, each on and off on the kernel's side: every combination
 * is really what both ends use, and every octet arrives, over a clean wire and over bad ones.
 *
 * All connections of a wire are opened one after the other, each under its own switches, and then
 * run at once: what they wait for is mostly a retransmission timeout. The wire is clean until then:
 * the tests of the handshake under loss are in `tests/tcp`.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import {
  describeSwitches,
  GRID,
  type GridWire,
  impairmentOf,
  lingerParameters,
  prepareKernel,
  setKernelSwitches,
  type Switches,
} from "../../../bench/interop/grid.ts";
import { agreement, type Carried, Watch } from "../../../bench/interop/watch.ts";
import { type Connection, Negotiated } from "../../../hal/host/index.ts";
import { endOf, exchange } from "../traffic.ts";
import { inNamespace, Rig } from "./rig.ts";

const LENGTH = 1_000_000;
const OPENERS = ["kernel", "linger"] as const;
/** RFC 9293 §3.1: without scaling the window is what its 16 bits hold. */
const PLAIN_WINDOW_MAX = 65_535;

/** The same as STATUS has it. */
function negotiatedBits({ timestamps, windowScaling, sack, ecn }: Switches): number {
  return (
    (timestamps ? Negotiated.TIMESTAMPS : 0) |
    (windowScaling ? Negotiated.WINDOW_SCALE : 0) |
    (sack ? Negotiated.SACK : 0) |
    (ecn ? Negotiated.ECN : 0)
  );
}

/** What the segments after the handshake show of that. */
function checkUse(carried: Carried, switches: Switches, wire: GridWire): void {
  assert.ok(carried.data > LENGTH / 1460);
  assert.equal(carried.timestamps, switches.timestamps ? carried.count : 0, "timestamps");
  // So much is reordered that each side has something to report. On a clean wire it may have:
  // the kernel probes for lost tails (RFC 8985 §7), and hears of a duplicate (RFC 2883).
  if (!switches.sack || wire.loss > 0) assert.equal(carried.sack > 0, switches.sack, "SACK");
  assert.equal(carried.ectData > 0, switches.ecn, "ECT on data");
  assert.equal(carried.ectBare, 0, "ECT on segments without data");
  assert.equal(carried.ece > 0, switches.ecn && wire.mark > 0, "ECE");
  // Whoever is slowed down says so, for another reason too (RFC 3168 §6.1.2).
  if (!switches.ecn || wire.mark > 0) assert.equal(carried.cwr > 0, switches.ecn, "CWR");
}

for (const wire of GRID) {
  describe(`1 MB both ways over ${wire.name}`, { ...inNamespace, concurrency: true }, () => {
    const watch = new Watch();
    const opened = new Map<string, { linger: Connection; kernel: Socket }>();
    let rig: Rig;
    before(async () => {
      prepareKernel();
      rig = await Rig.open({ watch });
      for (const switches of wire.combinations) {
        setKernelSwitches(switches);
        rig.stack.setParameters(lingerParameters(switches));
        for (const by of OPENERS) {
          opened.set(`${describeSwitches(switches)} ${by}`, await rig.open(by));
        }
      }
      rig.setImpairment(impairmentOf(wire), impairmentOf(wire));
    });
    after(async () => {
      const { lost, reordered } = rig.fates;
      await rig.close();
      assert.equal(lost > 0, wire.loss > 0);
      assert.equal(reordered > 0, wire.loss > 0);
    });

    for (const switches of wire.combinations) {
      for (const by of OPENERS) {
        const name = describeSwitches(switches);
        test(`${name} (opened by ${by})`, async () => {
          const { linger, kernel } = opened.get(`${name} ${by}`)!;
          const kernelEnd = endOf(kernel);
          await exchange(linger, kernel, LENGTH);
          assert.equal(await kernelEnd, "CLOSED");
          const fromLinger = watch.carried(linger.localPort, linger.remotePort);
          const fromKernel = watch.carried(linger.remotePort, linger.localPort);
          const [first, second] =
            by === "linger" ? [fromLinger, fromKernel] : [fromKernel, fromLinger];
          assert.deepEqual(agreement(first, second), switches);
          assert.equal(linger.status().NEGOTIATED, negotiatedBits(switches));
          checkUse(fromLinger, switches, wire);
          checkUse(fromKernel, switches, wire);
          const isWide = linger.status().SND_WND > PLAIN_WINDOW_MAX;
          assert.equal(isWide, switches.windowScaling, "a window beyond 65,535");
        });
      }
    }
  });
}
