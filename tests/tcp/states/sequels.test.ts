/**
 * What follows a call or a silence in a state, where one row of a table cannot tell it: calls
 * before the handshake is complete (RFC 9293 §3.10.2, §3.10.4), and states that may last long.
 */
import { test } from "node:test";
import type { RfcState } from "../../support/conversation.ts";
import { given } from "../../support/given.ts";
import { onEachVariant } from "../../support/variants.ts";

const DAY_MS = 86_400_000;

test("SEND in SYN-RECEIVED leaves with ESTABLISHED", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "active" });
    c.write(30).expectNothing().send("<SEQ=301><ACK=101><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>").state("ESTABLISHED");
  });
});

test("CLOSE after SEND in SYN-RECEIVED waits for ESTABLISHED", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "active" });
    c.write(30).closeWrite().expectNothing().send("<SEQ=301><ACK=101><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=FIN,PSH,ACK><DATA=30>").state("FIN-WAIT-1");
  });
});

test("CLOSE after SEND in SYN-SENT waits as well (a documented deviation)", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).write(30).closeWrite().state("SYN-SENT");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>");
    c.expect("<SEQ=101><ACK=301><CTL=FIN,PSH,ACK><DATA=30>").state("FIN-WAIT-1");
  });
});

test("after a release in SYN-SENT the peer's answer is reset", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).release().lookup("CLOSED");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK>").expect("<SEQ=101><CTL=RST>");
  });
});

const LASTING: readonly RfcState[] = ["LISTEN", "ESTABLISHED", "FIN-WAIT-2", "CLOSE-WAIT"];
for (const state of LASTING) {
  test(`${state} lasts while nothing is outstanding`, () => {
    onEachVariant((variant) => {
      given(state, variant).quiet(DAY_MS).state(state);
    });
  });
}
