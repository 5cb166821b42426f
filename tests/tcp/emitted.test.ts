/**
 * What holds for every kind of segment that leaves: checksum, MSS option, identification.
 *
 * RFC 9293 §3.1, §3.2, §3.7.1, §3.8.1. The Inspector holds some of this in every test; here each
 * kind of segment is made on purpose.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checksumHolds,
  findOption,
  type Frame,
  IpProtocol,
  pseudoHeaderSum,
} from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import { fresh, given } from "../support/given.ts";
import { complete, opening, OPENINGS } from "../support/option-peer.ts";
import { seqDistance } from "../support/sequence.ts";
import { onEachProfile, onEachVariant, type Variant } from "../support/variants.ts";

/** A frame of Linger's, and which kind of segment it holds. */
interface Kind {
  name: string;
  frame: Frame;
}

/** Names the segments that have just come out; there must be some. */
function taken(name: string, c: Conversation): Kind[] {
  const frames = c.takeTimed().map(({ frame }) => frame);
  assert.notEqual(frames.length, 0, `no ${name}`);
  return frames.map((frame) => ({ name, frame }));
}

/** A connection with each set of options that a peer may agree to, from its first SYN to a RST. */
function kindsWith(variant: Variant, offers: boolean): Kind[] {
  const found: Kind[] = [];
  for (const kind of OPENINGS) {
    const offer = { opening: kind, timestamps: offers, sack: offers };
    const peer = opening(variant, offers ? { ...offer, shift: 2 } : offer);
    const { c } = peer;
    const note = (name: string): void => void found.push(...taken(`${name}, ${kind} open`, c));
    if (kind !== "passive") {
      c.advance(1_000);
      note("SYN, sent again");
    }
    complete(peer);
    peer.send("<SEQ=401><ACK=101><CTL=ACK><DATA=100>");
    note("ACK that reports a hole");
    for (const octets of [1, 2, 99]) {
      c.write(octets);
      note(`text of ${octets} octets`);
      peer.send(`<SEQ=301><ACK=${101 + c.written}><CTL=ACK>`);
    }
    c.closeWrite();
    note("FIN");
    c.advance(1_000);
    note("FIN, sent again");
    c.abort();
    note("RST");
  }
  return found;
}

/** What is answered without a connection, and the SYN and ACK, which comes from a small record. */
function kindsWithoutTcb(variant: Variant): Kind[] {
  const closed = fresh(variant);
  closed.send("<SEQ=300><CTL=SYN>");
  const refused = taken("RST,ACK for a SYN", closed);
  closed.send("<SEQ=300><ACK=500><CTL=ACK>");
  const stray = taken("RST for an ACK", closed);
  const listening = fresh(variant).listen().send("<SEQ=300><CTL=SYN>");
  const synAck = taken("SYN,ACK", listening);
  const waiting = given("TIME-WAIT", variant).send("<SEQ=301><ACK=102><CTL=FIN,ACK>");
  return [...refused, ...stray, ...synAck, ...taken("ACK of TIME-WAIT", waiting)];
}

/** Every kind of segment that Linger sends. */
function everyKind(variant: Variant): Kind[] {
  const options = [false, true].flatMap((offers) => kindsWith(variant, offers));
  return [...options, ...kindsWithoutTcb(variant)];
}

function holdsChecksum({ ipv4 }: Frame): boolean {
  const { source, destination, payload } = ipv4!;
  const pseudo = pseudoHeaderSum(source, destination, IpProtocol.TCP, payload.length);
  return checksumHolds(payload, pseudo);
}

test("every kind of segment leaves with the right checksum [MUST-2]", () => {
  onEachVariant((variant) => {
    for (const { name, frame } of everyKind(variant)) assert.ok(holdsChecksum(frame), name);
  });
});

/** One segment of two octets of text, the same each time but for the text. */
function twoOctets(variant: Variant, text: number): Frame {
  const c = given("ESTABLISHED", variant);
  const { device } = c.rig;
  c.checksData = false;
  assert.ok(device.call("tcpReserve", c.handle) >= 2);
  const at = device.call("tcpReservedAddress", c.handle);
  device.view(at, 2).set([text >>> 8, text & 0xff]);
  c.call("tcpCommit", "OK", 2);
  const [segment, ...more] = c.takeTimed();
  assert.equal(more.length, 0);
  return segment!.frame;
}

test("a checksum of zero, and text from both ends of the ring [MUST-2]", () => {
  onEachVariant((variant) => {
    // Text that equals the checksum of the same segment with zeros makes the sum all ones.
    const { checksum } = twoOctets(variant, 0).tcp!;
    const full = twoOctets(variant, checksum);
    assert.equal(full.tcp!.checksum, 0);
    assert.ok(holdsChecksum(full));
    const c = given("ESTABLISHED", variant, { window: 65_535 });
    const ring = c.rig.device.limit("SEND_RING_SIZE");
    // Pieces of 333 octets cross the end of the ring at odd places.
    while (c.written < 4 * ring) {
      c.write(333);
      for (const { frame } of c.takeTimed()) assert.ok(holdsChecksum(frame));
      c.send(`<SEQ=301><ACK=${101 + c.written}><CTL=ACK>`);
    }
  });
});

test("the MSS option leaves in SYNs and nowhere else [MUST-65]", () => {
  onEachVariant((variant) => {
    for (const { name, frame } of everyKind(variant)) {
      const isThere = findOption(frame.tcp!, "mss") !== undefined;
      assert.equal(isThere, name.startsWith("SYN"), name);
    }
  });
});

test("the MSS that we offer is what the MTU leaves, and a segment of it is taken [MUST-67]", () => {
  onEachVariant((variant) => {
    // 1,500 octets less two headers of 20.
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const taken = Math.min(1_460, c.rig.device.limit("RECEIVE_RING_SIZE"));
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=1460>");
    assert.ok(c.rig.advanceUntilEmitted(499, () => c.hasPending));
    assert.equal(seqDistance((c.irs + 1) >>> 0, c.take()[0]!.ack), taken);
    c.read(taken);
  });
});

test("a segment that goes again has the identification that it had [MAY-4]", () => {
  onEachProfile((variant) => {
    // Without path MTU discovery routers may fragment, and each datagram has a number of its own.
    if (variant.profile === "tiny") return;
    const c = given("ESTABLISHED", variant).write(30);
    const first = c.takeTimed()[0]!.frame;
    const again = c.advance(1_000).takeTimed()[0]!.frame;
    assert.deepEqual(again.ipv4!.payload, first.ipv4!.payload);
    assert.equal(again.ipv4!.identification, first.ipv4!.identification);
    // It is never fragmented, so nobody will ever ask which datagram a piece belongs to (RFC 6864).
    assert.ok(again.ipv4!.dontFragment && first.ipv4!.dontFragment);
  });
});
