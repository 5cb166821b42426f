/**
 * Every way to open a connection: active, passive, simultaneous; old duplicates and half-open
 * peers; refused, unreachable, unanswered. The backlog and the pools have a file of their own.
 *
 * RFC 9293 §3.4.1, §3.5 (Figures 6 to 11), §3.8.3, §3.9.2.2, §3.10.1, §3.10.7.1 to §3.10.7.3.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ArpOperation, IcmpType } from "../../hal/host/packet/index.ts";
import { Conversation } from "../support/conversation.ts";
import { statusName } from "../support/device.ts";
import { fresh, given, ROLES } from "../support/given.ts";
import { icmpErrorFrame } from "../support/icmp.ts";
import type { Rig } from "../support/rig.ts";
import { seqDistance } from "../support/sequence.ts";
import {
  onEachProfile,
  onEachVariant,
  onEachVariantWith,
  PEER_ADDRESS,
} from "../support/variants.ts";

const SYN = "<SEQ=300><CTL=SYN><MSS=1460>";
const SYN_ACK = "<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>";
const OUR_SYN = "<SEQ=100><CTL=SYN><MSS=1460>";
const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";
const OUR_ACK = "<SEQ=101><ACK=301><CTL=ACK>";

// ── The handshake ────────────────────────────────────────────────────────────────────────────────

test("Figure 6, Linger opens", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).connect().expect(OUR_SYN).state("SYN-SENT").events();
    c.call("tcpPeek", "WOULD_BLOCK");
    c.send(SYN_ACK).expect(OUR_ACK).state("ESTABLISHED").eventsWith("CONNECTED");
    c.write(10).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    assert.equal(c.reason("NONE").status("IRS"), c.irs);
  });
});

test("Figure 6, the peer opens", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen().lookup("LISTEN").send(SYN).expect(OUR_SYN_ACK);
    c.lookup("SYN-RECEIVED");
    assert.equal(c.rig.device.call("tcpAccept", c.listener), -3);
    c.send("<SEQ=301><ACK=101><CTL=ACK>").expectNothing().lookup("ESTABLISHED");
    assert.deepEqual(c.rig.eventsOf(c.listener), ["ACCEPTABLE"]);
    // Until it is accepted nobody has a handle for it, and nobody is told of it.
    assert.deepEqual(c.rig.takeAllEvents(), []);
    c.accept().state("ESTABLISHED").eventsWith("CONNECTED").lookup("ESTABLISHED");
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    // The listener stays what it was.
    c.from(6_000).lookup("LISTEN");
  });
});

test("the ACK that completes a passive open may bring data, a FIN, or both", () => {
  onEachVariant((variant) => {
    const data = given("SYN-RECEIVED", variant, { role: "passive" });
    data.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=20>").expectSoon("<SEQ=101><ACK=321><CTL=ACK>");
    data.accept().state("ESTABLISHED").read(20);
    const fin = given("SYN-RECEIVED", variant, { role: "passive" });
    fin.send("<SEQ=301><ACK=101><CTL=FIN,ACK>").expect("<SEQ=101><ACK=302><CTL=ACK>");
    fin.accept().state("CLOSE-WAIT").eventsWith("CONNECTED", "PEER_CLOSED").eof();
    const both = given("SYN-RECEIVED", variant, { role: "passive" });
    both.send("<SEQ=301><ACK=101><CTL=FIN,PSH,ACK><DATA=20>");
    both.expect("<SEQ=101><ACK=322><CTL=ACK>").accept().state("CLOSE-WAIT").read(20).eof();
    const early = given("SYN-RECEIVED", variant, { role: "passive" });
    early.send("<SEQ=296><ACK=101><CTL=PSH,ACK><DATA=10>"); // five octets before the window
    early.expectSoon("<SEQ=101><ACK=306><CTL=ACK>").accept().state("ESTABLISHED").read(5);
  });
});

test("what the peer sent before it was reset can be accepted, and tells of the reset", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "passive" });
    c.send("<SEQ=301><ACK=101><CTL=ACK>").send("<SEQ=301><CTL=RST>").lookup("LISTEN");
    c.accept().ended("RESET");
  });
});

test("a SYN,ACK may bring data and a FIN (§3.10.7.3: continue at the sixth step)", () => {
  onEachVariant((variant) => {
    const data = given("SYN-SENT", variant).send("<SEQ=300><ACK=101><CTL=SYN,ACK><DATA=5>");
    data.expectSoon("<SEQ=101><ACK=306><CTL=ACK>").state("ESTABLISHED").read(5);
    const fin = given("SYN-SENT", variant).send("<SEQ=300><ACK=101><CTL=SYN,FIN,ACK><DATA=5>");
    fin.expectSoon("<SEQ=101><ACK=307><CTL=ACK>").state("CLOSE-WAIT").read(5).eof();
  });
});

test("data on the SYN of a passive open is delivered exactly once", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen().send("<SEQ=300><CTL=SYN><MSS=1460><DATA=8>");
    const [synAck] = c.take();
    const taken = seqDistance(c.irs, synAck!.ack);
    assert.ok(taken === 1 || taken === 9, `acknowledges ${taken}`);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=8>").expectSoon("<SEQ=101><ACK=309><CTL=ACK>");
    c.accept().state("ESTABLISHED").read(8).call("tcpPeek", "WOULD_BLOCK");
  });
});

test("what was sent in SYN-SENT goes out when the connection is there", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).write(50).expectNothing();
    c.send(SYN_ACK).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=50>").state("ESTABLISHED");
  });
});

test("a lost SYN goes again after 1 s, 2 s, 4 s … 60 s, for more than 3 minutes [MUST-23]", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant);
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]) {
      c.after(gap).expect(OUR_SYN).state("SYN-SENT");
    }
    c.advance(300_000 - c.nowMs - 1)
      .expectNothing()
      .state("SYN-SENT");
    c.advance(1).expectNothing().ended("TIMED_OUT").quiet(600_000);
    // The peer wakes up too late.
    c.send(SYN_ACK).expect("<SEQ=101><CTL=RST>");
  });
});

test("a lost SYN,ACK goes again as often, then the peer is forgotten [MUST-23]", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "passive" });
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]) {
      c.after(gap).expect(OUR_SYN_ACK).state("SYN-RECEIVED");
    }
    c.advance(180_000 - c.nowMs).take();
    c.lookup("SYN-RECEIVED").advance(120_000).take();
    c.lookup("LISTEN").quiet(600_000);
    c.send("<SEQ=301><ACK=101><CTL=ACK>").expect("<SEQ=101><CTL=RST>");
  });
});

test("a record that is used again waits for its own answer, not for the one before", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen().send(SYN).expect(OUR_SYN_ACK);
    c.advance(10).send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
    c.write(10).take();
    c.send("<SEQ=301><CTL=RST>").ended("RESET").release();
    const other = c.advance(490).from(6_000).send(SYN).expect(OUR_SYN_ACK);
    other.after(1_000).expect(OUR_SYN_ACK).advance(10);
    other.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED").quiet(600_000);
  });
});

test("our SYN,ACK answers the SYN at once, and takes no turn in poll", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen();
    c.rig.device.receive(c.frame(SYN));
    assert.equal(c.rig.device.emitted.length, 1);
    c.rig.settle();
    c.expect(OUR_SYN_ACK);
  });
});

test("a SYN,ACK that the transmitter refuses is lost, and goes again in a second", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen();
    const { device } = c.rig;
    device.isBusy = () => true;
    c.send(SYN).quiet(1_500).lookup("SYN-RECEIVED");
    assert.equal(device.counter("TRANSMIT_BUSY"), 2);
    device.isBusy = () => false;
    c.after(1_500).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  });
});

test("a half-open record answers ten segments between two time-outs (RFC 5961 §7)", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "passive" });
    const answersTo = (text: string): number => {
      for (let i = 0; i < 50; i++) c.rig.deliver(c.frame(text));
      return c.take().length;
    };
    assert.equal(answersTo(SYN), 10);
    assert.equal(answersTo("<SEQ=99999><ACK=101><CTL=ACK>"), 0);
    c.after(1_000).expect(OUR_SYN_ACK);
    assert.equal(answersTo("<SEQ=99999><ACK=101><CTL=ACK>"), 10);
    assert.equal(answersTo(SYN), 0);
    assert.equal(c.rig.device.counter("CHALLENGE_ACKS_OUT"), 10);
    // The answers are no tries: the time-outs double as ever.
    c.after(2_000).expect(OUR_SYN_ACK).after(4_000).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  });
});

test("the peer's SYN, sent again, draws an answer and makes no second record", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "passive", backlog: 1 });
    for (let i = 0; i < 3; i++) {
      c.send(SYN);
      const [answer] = c.take();
      const seq = seqDistance(c.iss, answer!.seq);
      assert.ok(answer!.flags === 0x12 ? seq === 0 : answer!.flags === 0x10 && seq === 1);
      assert.equal(seqDistance(c.irs, answer!.ack), 1);
    }
    c.state("SYN-RECEIVED").send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  });
});

test("the last ACK of the handshake is lost: the first data brings it", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant, { role: "passive" }).after(1_000).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=30>").expectSoon("<SEQ=101><ACK=331><CTL=ACK>");
    c.accept().read(30);
  });
});

test("our last ACK is lost: the peer's SYN,ACK comes again and is acknowledged again", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).send(SYN_ACK).expect(OUR_ACK);
    c.state("ESTABLISHED").write(5).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=5>");
  });
});

// ── Simultaneous open ────────────────────────────────────────────────────────────────────────────

test("Figure 7, both open at once: SYN, SYN,ACK, ESTABLISHED [MUST-10]", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).connect().expect(OUR_SYN).state("SYN-SENT");
    c.send(SYN).expect(OUR_SYN_ACK).state("SYN-RECEIVED").events();
    c.send(SYN_ACK).expectNothingOr(OUR_ACK).state("ESTABLISHED").eventsWith("CONNECTED");
    c.write(10).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.send("<SEQ=301><ACK=111><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=111><ACK=311><CTL=ACK>");
  });
});

test("both open at once: an ACK, or data, completes it as well [MUST-10]", () => {
  onEachVariant((variant) => {
    const plain = given("SYN-RECEIVED", variant).send("<SEQ=301><ACK=101><CTL=ACK>");
    plain.expectNothing().state("ESTABLISHED").eventsWith("CONNECTED");
    const data = given("SYN-RECEIVED", variant).send("<SEQ=301><ACK=101><CTL=ACK><DATA=9>");
    data.expectSoon("<SEQ=101><ACK=310><CTL=ACK>").state("ESTABLISHED").read(9);
  });
});

test("both open at once with data waiting: it goes out once the SYN is acknowledged", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).write(40).send(SYN).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><ACK=101><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=40>").state("ESTABLISHED");
  });
});

test("both open at once, the answer is lost: it is sent again with its SYN", () => {
  onEachVariant((variant) => {
    const c = given("SYN-RECEIVED", variant).advance(1_000).expect(OUR_SYN_ACK);
    c.state("SYN-RECEIVED").advance(2_000).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><ACK=101><CTL=ACK>").state("ESTABLISHED");
  });
});

// ── Old duplicates and half-open connections ─────────────────────────────────────────────────────

test("Figure 8, an old duplicate SYN meets a listener", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen();
    const old = c
      .again((c.irs - 10_000) >>> 0)
      .send(SYN)
      .expect(OUR_SYN_ACK)
      .state("SYN-RECEIVED");
    old.send("<SEQ=301><CTL=RST>").expectNothing().state("LISTEN");
    const real = c.again(c.irs).send(SYN).expect(OUR_SYN_ACK);
    real.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  });
});

test("Figure 8 from the other side: a SYN,ACK of the wrong SYN is reset, ours goes on", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant);
    c.send("<SEQ=300><ACK=91><CTL=SYN,ACK>").expect("<SEQ=91><CTL=RST>").state("SYN-SENT");
    c.send(SYN_ACK).expect(OUR_ACK).state("ESTABLISHED");
  });
});

test("Figure 9, the peer crashed and opens anew: its SYN is acknowledged, its RST taken", () => {
  onEachVariant((variant) => {
    for (const seq of [-5_000, 300, 301, 400, 1_000_000]) {
      const c = given("ESTABLISHED", variant).send(`<SEQ=${seq}><CTL=SYN><MSS=1460>`);
      c.expect(OUR_ACK).state("ESTABLISHED");
      c.send("<SEQ=301><CTL=RST>").ended("RESET");
    }
  });
});

test("Figure 9 from the other side: Linger has forgotten the connection and opens anew", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant);
    c.send("<SEQ=7000><ACK=50><CTL=ACK>").expect("<SEQ=50><CTL=RST>").state("SYN-SENT");
    c.after(1_000).expect(OUR_SYN).send(SYN_ACK).expect(OUR_ACK).state("ESTABLISHED");
  });
});

test("Figure 10, data for a connection that is not there is reset", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).send("<SEQ=300><ACK=100><CTL=PSH,ACK><DATA=10>");
    c.expect("<SEQ=100><CTL=RST>").state("CLOSED");
    c.listen().send("<SEQ=300><ACK=100><CTL=PSH,ACK><DATA=10>").expect("<SEQ=100><CTL=RST>");
    c.state("LISTEN");
  });
});

// ── Refused, unreachable, unanswered ─────────────────────────────────────────────────────────────

test("refused: RST,ACK of our SYN", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).send("<SEQ=0><ACK=101><CTL=RST,ACK>");
    c.ended("REFUSED").call("tcpPeek", "CONNECTION_ENDED").quiet(600_000);
  });
});

test("not refused: an RST that does not acknowledge our SYN", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant);
    for (const reset of ["<SEQ=0><CTL=RST>", "<SEQ=0><ACK=100><CTL=RST,ACK>"]) {
      c.send(reset).expectNothing().state("SYN-SENT");
    }
    c.send("<SEQ=0><ACK=102><CTL=RST,ACK>").expectNothing().state("SYN-SENT");
    c.send(SYN_ACK).expect(OUR_ACK).state("ESTABLISHED");
  });
});

test("refused after both opened at once: RST in SYN-RECEIVED [MUST-11]", () => {
  onEachVariant((variant) => {
    given("SYN-RECEIVED", variant).send("<SEQ=301><CTL=RST>").ended("REFUSED");
    const passive = given("SYN-RECEIVED", variant, { role: "passive" });
    passive.send("<SEQ=301><CTL=RST>").state("LISTEN");
    assert.deepEqual(passive.rig.eventsOf(passive.listener), []);
  });
});

test("ICMP says that nobody listens there: refused, if it quotes our SYN [MUST-54 SHLD-26]", () => {
  onEachVariant((variant) => {
    for (const code of [2, 3]) {
      const c = given("SYN-SENT", variant);
      const deliver = (input: Partial<Parameters<typeof icmpErrorFrame>[1]>): void =>
        c.rig.deliver(icmpErrorFrame(c, { code, seq: 100, ...input }));
      deliver({ seq: 99 });
      deliver({ seq: 101 });
      deliver({ peerPort: c.peerPort ^ 1 });
      c.expectNothing().state("SYN-SENT");
      assert.equal(c.rig.device.counter("DROP_ICMP_QUOTE"), 3);
      deliver({});
      c.ended("REFUSED").quiet(600_000);
    }
  });
});

test("soft ICMP errors end nothing; the user timeout tells of them [MUST-56 SHLD-25]", () => {
  const soft: [number, number][] = [
    [IcmpType.DESTINATION_UNREACHABLE, 0],
    [IcmpType.DESTINATION_UNREACHABLE, 1],
    [IcmpType.DESTINATION_UNREACHABLE, 5],
    [IcmpType.TIME_EXCEEDED, 0],
    [IcmpType.TIME_EXCEEDED, 1],
    [IcmpType.PARAMETER_PROBLEM, 0],
  ];
  onEachVariantWith(["TROUBLE"], (variant) => {
    for (const [type, code] of soft) {
      const c = given("SYN-SENT", variant).setOption("USER_TIMEOUT_MS", 10_000);
      c.rig.deliver(icmpErrorFrame(c, { type, code, seq: 100 }));
      c.state("SYN-SENT").after(1_000).expect(OUR_SYN);
      assert.equal(c.status("SOFT_ERROR"), (type << 8) | code);
      c.advance(10_000).take();
      c.ended("UNREACHABLE");
    }
  });
});

test("a soft error that progress disproves is forgotten", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).setOption("USER_TIMEOUT_MS", 10_000);
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 100 }));
    c.send(SYN_ACK).expect(OUR_ACK);
    assert.equal(c.status("SOFT_ERROR"), 0);
    c.write(10).advance(11_000).take();
    c.ended("TIMED_OUT");
  });
});

test("nobody answers ARP: no SYN leaves, the user timeout says unreachable", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = fresh(variant, { answersArp: false });
    c.together(() => c.connect().setOption("USER_TIMEOUT_MS", 30_000));
    c.quiet(29_999).state("SYN-SENT").quiet(1).ended("UNREACHABLE");
    const asked = c.rig.takeOthers();
    assert.ok(asked.length >= 3 && asked.every(({ frame }) => frame.arp?.operation === 1));
  });
});

test("a user timeout set while ARP is asked holds from then on [MUST-21]", () => {
  onEachVariant((variant) => {
    const c = fresh(variant, { answersArp: false }).connect();
    c.setOption("USER_TIMEOUT_MS", 1_000).quiet(1_100).ended("TIMED_OUT");
  });
});

test("the answer to ARP comes late: the SYN leaves at once", () => {
  onEachVariant((variant) => {
    const c = fresh(variant, { answersArp: false }).connect().quiet(400);
    c.rig.deliver(
      c.rig.arpFrame({
        operation: ArpOperation.REPLY,
        targetMac: c.rig.device.mac,
        targetAddress: c.rig.address,
      }),
    );
    c.expect(OUR_SYN).send(SYN_ACK).expect(OUR_ACK).state("ESTABLISHED");
  });
});

// ── Initial sequence numbers, ports, tuples ──────────────────────────────────────────────────────

/** The ISS of a connection that opens now. */
function issOf(c: Conversation): number {
  c.connect().take();
  const iss = c.status("ISS");
  c.abort().release();
  return iss;
}

test("ISNs of one tuple follow a clock of 4 µs, others do not [MUST-8 MUST-9 SHLD-1]", () => {
  onEachProfile((variant) => {
    const c = fresh(variant);
    const first = issOf(c);
    let before = first;
    for (const ms of [1, 10, 1_000, 100_000]) {
      c.advance(ms);
      const iss = issOf(c);
      assert.equal(seqDistance(before, iss), ms * 250);
      before = iss;
    }
    const distances = new Set<number>();
    for (let port = 1; port <= 64; port++) {
      const now = issOf(c);
      distances.add(seqDistance(now, issOf(c.from(port))) >>> 16);
    }
    // 64 draws out of 2^16: two collisions are as good as impossible unless there is a pattern.
    assert.ok(distances.size >= 62, `${64 - distances.size} collisions`);
    const otherBoot = fresh(variant, { seed: 2 });
    assert.notEqual(issOf(otherBoot), first);
  });
});

test("no two ISNs of one tuple are the same, within a millisecond neither", () => {
  onEachProfile((variant) => {
    const c = fresh(variant);
    let last = issOf(c);
    // More than the clock's 250: the next millisecond does not go back behind them.
    for (let count = 1; count <= 300; count++) {
      const iss = issOf(c);
      assert.equal(seqDistance(last, iss), 1);
      last = iss;
    }
    c.advance(1);
    assert.equal(seqDistance(last, issOf(c)), 1);
    c.advance(1);
    assert.equal(seqDistance(last, issOf(c)), 200);
  });
});

test("ephemeral ports are dynamic ones, different for each connection and each boot", () => {
  onEachProfile((variant) => {
    const portsOf = (seed: number): number[] => {
      const { device } = fresh(variant, { seed }).rig;
      return Array.from({ length: 200 }, () => {
        const handle = device.call("tcpConnect", 0x0a090001, 80, 0, 0);
        const port = device.status(handle, "LOCAL_PORT");
        device.call("tcpRelease", handle);
        return port;
      });
    };
    const ports = portsOf(1);
    assert.ok(ports.every((port) => port >= 49_152 && port <= 65_535));
    assert.equal(new Set(ports).size, ports.length);
    assert.notDeepEqual(portsOf(2), ports);
  });
});

test("a tuple is used once: OPEN again is refused, another peer port is not", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const open = (peerPort: number): number =>
      c.rig.device.call("tcpConnect", c.peerAddress, peerPort, 0, c.localPort);
    assert.equal(open(c.peerPort), -7);
    assert.ok(open(c.peerPort + 1) > 0);
    c.abort().expect("<SEQ=101><CTL=RST>");
    assert.ok(open(c.peerPort) > 0);
  });
});

test("LISTEN on a port that connections use leaves them alone [MUST-41]", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    c.listen().state("ESTABLISHED");
    assert.equal(c.rig.device.call("tcpListen", 0, c.localPort, 1), -7);
    c.from(6_000).send(SYN).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
  });
});

test("LISTEN on a port on which a connection is being opened, by either side [MUST-42]", () => {
  onEachProfile((variant) => {
    const opening = given("SYN-SENT", variant).listen().state("SYN-SENT");
    opening.from(6_000).send(SYN).expect(OUR_SYN_ACK).state("SYN-RECEIVED");
    opening.send(SYN_ACK).expect(OUR_ACK).state("ESTABLISHED");
    const both = given("SYN-RECEIVED", variant).listen().state("SYN-RECEIVED");
    both.from(6_000).send(SYN).expect(OUR_SYN_ACK).state("SYN-RECEIVED");
    both.send("<SEQ=301><ACK=101><CTL=ACK>").expectNothing().state("ESTABLISHED");
    // A second listener on the port, by our name; the first one's half-open record goes on.
    const half = given("SYN-RECEIVED", variant, { role: "passive" });
    const named = half.from(6_000);
    named.listener = half.rig.device.call("tcpListen", half.rig.address, half.localPort, 1);
    assert.ok(named.listener > 0);
    named.send(SYN).expect(OUR_SYN_ACK).send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    half.state("SYN-RECEIVED").send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
    named.state("ESTABLISHED");
  });
});

// ── Our address ──────────────────────────────────────────────────────────────────────────────────

const OTHER_ADDRESS = 0x0a09_0063;

/** The addresses of the one segment that has come out. */
function addressesOf(c: Conversation): { source: number; destination: number } {
  const [emitted, ...more] = c.takeTimed();
  assert.equal(more.length, 0);
  const { source, destination } = emitted!.frame.ipv4!;
  return { source, destination };
}

test("LISTEN on our address by name, and on two ports at once", () => {
  onEachProfile((variant) => {
    const c = fresh(variant).listen();
    const named = new Conversation(c.rig, { localPort: 4_100, peerPort: 6_000 }, 77);
    named.listener = c.rig.device.call("tcpListen", c.rig.address, named.localPort, 2);
    assert.equal(c.rig.device.call("tcpListen", OTHER_ADDRESS, 4_200, 2), -8);
    named.send(SYN).expect(OUR_SYN_ACK).send("<SEQ=301><ACK=101><CTL=ACK>");
    c.send(SYN).expect(OUR_SYN_ACK).send("<SEQ=301><ACK=101><CTL=ACK>");
    named.accept().state("ESTABLISHED");
    c.accept().state("ESTABLISHED");
    assert.notEqual(named.handle, c.handle);
  });
});

test("OPEN for one address is for no other one, either way [MUST-43]", () => {
  onEachProfile((variant) => {
    const any = fresh(variant).listen();
    const { device, address } = any.rig;
    const named = new Conversation(any.rig, { localPort: 4_100, peerPort: 6_000 }, 77);
    named.listener = device.call("tcpListen", address, named.localPort, 2);
    const open = (local: number): number => {
      return device.call("tcpConnect", PEER_ADDRESS, 6_001, local, 4_200);
    };
    assert.equal(statusName(open(OTHER_ADDRESS)), "BAD_ADDRESS");
    device.readdress(OTHER_ADDRESS);
    named.send(SYN).expect("<SEQ=0><ACK=301><CTL=RST,ACK>");
    any.send(SYN).expect(OUR_SYN_ACK);
    assert.equal(statusName(open(address)), "BAD_ADDRESS");
    const active = any.on(4_200, 6_001, 5);
    active.handle = open(OTHER_ADDRESS);
    any.rig.settle();
    assert.deepEqual(addressesOf(active), { source: OTHER_ADDRESS, destination: PEER_ADDRESS });
    assert.equal(active.status("LOCAL_ADDRESS"), OTHER_ADDRESS);
  });
});

test("without a local address, the interface's is chosen before the SYN leaves [MUST-44]", () => {
  onEachProfile((variant) => {
    const gateway = 0x0a09_00fe;
    for (const peerAddress of [PEER_ADDRESS, 0xc633_6407]) {
      const { rig } = fresh(variant, { gateway });
      const c = new Conversation(rig, { localPort: 4_000, peerPort: 80, peerAddress }, 5);
      c.together(() => {
        c.connect();
        assert.equal(c.status("LOCAL_ADDRESS"), rig.address);
      });
      if (peerAddress !== PEER_ADDRESS) announce(rig, gateway);
      assert.deepEqual(addressesOf(c), { source: rig.address, destination: peerAddress });
    }
  });
});

/** A neighbour says where it is. */
function announce(rig: Rig, senderAddress: number): void {
  const target = { targetMac: rig.device.mac, targetAddress: rig.address };
  rig.deliver(rig.arpFrame({ operation: ArpOperation.REPLY, senderAddress, ...target }));
}

test("a connection keeps its address though the interface gets another one [MUST-45]", () => {
  onEachVariant((variant) => {
    for (const role of ROLES) {
      const c = given("ESTABLISHED", variant, { role });
      const { device, address } = c.rig;
      const expected = { source: address, destination: PEER_ADDRESS };
      device.readdress(OTHER_ADDRESS);
      c.write(10);
      assert.deepEqual(addressesOf(c), expected);
      c.advance(1_000);
      assert.deepEqual(addressesOf(c), expected);
      device.readdress(address);
      c.send("<SEQ=301><ACK=111><CTL=ACK>").eventsWith("ALL_ACKNOWLEDGED");
      device.readdress(OTHER_ADDRESS);
      c.closeWrite();
      assert.deepEqual(addressesOf(c), expected);
      c.abort();
      assert.deepEqual(addressesOf(c), expected);
    }
  });
});
