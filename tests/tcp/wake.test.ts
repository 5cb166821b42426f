/**
 * `wake`: what a stack asks of its peers when its memory is taken up again, and what it draws.
 *
 * The probe is that of RFC 9293 §3.8.4, in every build, whatever keep-alive is set to.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LingerModule } from "../../hal/host/module.ts";
import type { Conversation, RfcState } from "../support/conversation.ts";
import { given, ROLES } from "../support/given.ts";
import { onEachProfile, onEachVariant } from "../support/variants.ts";

const PROBES: Readonly<Record<RfcState, string | undefined>> = {
  CLOSED: undefined,
  LISTEN: undefined,
  "SYN-SENT": undefined,
  "SYN-RECEIVED": undefined,
  ESTABLISHED: "<SEQ=100><ACK=301><CTL=ACK>",
  "FIN-WAIT-1": "<SEQ=101><ACK=301><CTL=ACK>",
  "FIN-WAIT-2": "<SEQ=101><ACK=301><CTL=ACK>",
  "CLOSE-WAIT": "<SEQ=100><ACK=302><CTL=ACK>",
  CLOSING: "<SEQ=101><ACK=302><CTL=ACK>",
  "LAST-ACK": "<SEQ=101><ACK=302><CTL=ACK>",
  "TIME-WAIT": undefined,
};
const STATES = Object.keys(PROBES) as RfcState[];

/** Wakes up, and polls until nothing is due. */
function wake(c: Conversation): Conversation {
  c.rig.device.inspector.allowsKeepAlive = true;
  assert.equal(c.rig.device.call("wake"), 0);
  c.rig.settle();
  return c;
}

test("each synchronised connection asks once, others never", () => {
  onEachVariant((variant) => {
    for (const state of STATES) {
      for (const role of ROLES) {
        const c = wake(given(state, variant, { role }));
        const probe = PROBES[state];
        if (probe === undefined) c.expectNothing();
        else c.expect(probe);
        assert.equal(c.rig.device.counter("KEEP_ALIVE_PROBES"), probe === undefined ? 0 : 1);
        c.state(state);
      }
    }
  });
});

test("the answer changes nothing, and nothing more is asked", () => {
  onEachVariant((variant) => {
    const c = wake(given("ESTABLISHED", variant)).expect("<SEQ=100><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><ACK=101><CTL=ACK>").expectNothing();
    for (let hours = 0; hours < 5; hours++) c.quiet(3_600_000);
    c.state("ESTABLISHED");
  });
});

test("a peer that has forgotten the connection resets it", () => {
  onEachVariant((variant) => {
    const c = wake(given("ESTABLISHED", variant)).expect("<SEQ=100><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><CTL=RST>").ended("RESET");
  });
});

test("what is owed goes first, in a segment that the peer takes", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(5);
    wake(c).expect("<SEQ=101><ACK=301><CTL=ACK,PSH><DATA=5>", "<SEQ=105><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><ACK=106><CTL=ACK>").expectNothing();
  });
});

test("while a window is probed, the question is older than the octet that was refused", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 0 }).write(5);
    c.rig.advance(1500);
    c.expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1>");
    c.send("<SEQ=301><ACK=101><WND=0><CTL=ACK>").expectNothing();
    wake(c).expect("<SEQ=100><ACK=301><CTL=ACK>");
  });
});

test("all connections ask, in as many polls as that takes", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const others = [1, 2, 3].map((index) => {
      const other = c.from(c.peerPort + index).send("<SEQ=300><CTL=SYN>");
      other.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
      return other.send("<SEQ=301><ACK=101><CTL=ACK>").expectNothing();
    });
    wake(c).expect("<SEQ=100><ACK=301><CTL=ACK>");
    for (const other of others) other.expect("<SEQ=100><ACK=301><CTL=ACK>");
  });
});

test("two words of entropy: the generator goes on elsewhere, the keys stay", () => {
  onEachProfile(({ profile }) => {
    const image = (word: number): Buffer => {
      let next = 7;
      let drawn = 0;
      const hal = { transmit: () => true, entropy: () => (drawn++, (next = next * 5 + 1) >>> 0) };
      const { calls, memory, imageOctets } = LingerModule.load(profile).instantiate(hal);
      assert.equal(calls.init(5, 0), 0);
      hal.entropy = () => (drawn++, word);
      drawn = 0;
      assert.equal(calls.wake(), 0);
      assert.equal(drawn, 2);
      return Buffer.from(memory.subarray(0, imageOctets));
    };
    const [none, some] = [image(0), image(0xffff_ffff)];
    const changed = [...none.keys()].filter((at) => none[at] !== some[at]);
    assert.equal(changed.length, 8);
    assert.equal(changed[7]! - changed[0]!, 7);
  });
});
