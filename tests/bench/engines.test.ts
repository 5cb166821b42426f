/**
 * Each engine of the benchmark that counts instructions runs both sides, notices errors, and counts
 * the same every time. What it counts is a matter of `npm run bench`.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageOf } from "../../bench/command.ts";
import { M3_NEEDS, verifyOnM3 } from "../../bench/segment/cortex-m3.ts";
import { ENGINES } from "../../bench/segment/engines.ts";
import { buildLinger } from "../../bench/segment/linger.ts";
import { buildLwip, LWIP_NEEDS, lwipFiles } from "../../bench/segment/lwip.ts";
import { SCENARIOS } from "../../bench/segment/scenarios.ts";
import { checkNeeds } from "../../bench/segment/tools.ts";
import { verify } from "../../bench/segment/verify.ts";

const find = (name: string) => SCENARIOS.find((one) => one.name === name)!;
/** The smallest one. */
const SMALLEST = { ...find("S4"), count: 256, warmUp: 0 };
/** None of the drivers knows it: an error that they count. */
const UNKNOWN = { ...SMALLEST, code: 99 };

/** Why something cannot run here, or false. */
function whatHinders(needs: readonly string[]): string | false {
  try {
    checkNeeds(needs, "skipped");
    lwipFiles(); // fetches lwIP's source
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

for (const engine of ENGINES.filter(({ unit }) => unit === "instructions")) {
  describe(engine.name, { skip: whatHinders(engine.needs) }, () => {
    test("both sides run, and count the same twice", async () => {
      for (const subject of ["linger", "lwip"] as const) {
        const once = await engine.measure(subject, SMALLEST);
        const again = await engine.measure(subject, SMALLEST);
        assert.ok(once > 0, `${subject}: ${once}`);
        assert.equal(again, once, subject);
      }
    });
    test("an error that a driver has counted is one", async () => {
      for (const subject of ["linger", "lwip"] as const) {
        await assert.rejects(engine.measure(subject, UNKNOWN), /errors [1-9]/);
      }
    });
  });
}

describe("on a Cortex-M3", { skip: whatHinders([...LWIP_NEEDS, ...M3_NEEDS]) }, () => {
  for (const program of ["ahead-linger-told", "lwip-native-told"] as const) {
    test(`what ${program} sends is right`, async () => {
      const { complaints, frames } = await verifyOnM3(program, { ...find("S3"), count: 32 });
      assert.deepEqual(complaints, []);
      assert.ok(frames > 32, `${frames}`); // and a handshake
    });
  }
});

describe("with the host's checksum", () => {
  const builds = {
    linger: [false, () => buildLinger("native-checksum")],
    lwip: [whatHinders(LWIP_NEEDS), () => buildLwip("native-checksum")],
  } as const;
  for (const [side, [skip, build]] of Object.entries(builds)) {
    test(`what ${side} sends is right`, { skip }, () => {
      for (const name of ["S1", "S3"]) {
        const { complaints, frames } = verify(build(), find(name));
        assert.deepEqual(complaints, []);
        assert.ok(frames > 0);
      }
    });
  }
});
