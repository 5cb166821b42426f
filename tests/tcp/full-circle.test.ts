/**
 * A connection that outlives its sequence space, and segments whose own number decides.
 *
 * The first test sends 2^32 octets, too many for the harness, which judges each frame: here only
 * the numbers are read. The others are rows that no table of states has.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { State, StatusField } from "../../hal/host/abi.ts";
import { buildFrame, Flag, type TcpOption } from "../../hal/host/packet/index.ts";
import { LINGER_ADDRESS, LINGER_MAC } from "../support/device.ts";
import { given } from "../support/given.ts";
import { instantiate, type Loan } from "../support/modules.ts";
import { onEachVariant, PEER_ADDRESS } from "../support/variants.ts";

const CIRCLE = 2 ** 32;
const PORT = 80;
const PEER_PORT = 5_000;
const PEER_NEXT = 1_001;
const PEER_MAC = "02:00:00:00:00:02";

/** Where the fields lie in a frame of Linger's. */
const ETHERTYPE = 12;
const TOTAL_LENGTH = 16;
const SEQ = 38;
const DATA_OFFSET = 46;
const CONTROL = 47;
const IP_HEADER_OCTETS = 20;
const HEADERS_MAX = 94;

/** A sender without end, whose peer acknowledges all of it at once. */
class Stream {
  readonly frames: DataView[] = [];
  readonly loan: Loan;
  iss = 0;
  handle = 0;
  nowMs = 1_000;

  constructor() {
    this.loan = instantiate("host", {
      transmit: (at, length) => {
        const end = at + Math.min(length, HEADERS_MAX);
        this.frames.push(new DataView(this.loan.exports.memory.buffer.slice(at, end)));
        return 0;
      },
      entropy: () => 7,
    });
    const { exports } = this.loan;
    exports.init(this.nowMs, 0);
    exports.setLinkAddress(0x0200, 1);
    exports.setAddress(LINGER_ADDRESS, 24, 0);
    const listener = exports.tcpListen(0, PORT, 1);
    const options: TcpOption[] = [{ kind: "mss", value: 1_460 }];
    this.answerArp();
    this.send({ seq: PEER_NEXT - 1, ack: 0, flags: Flag.SYN, options });
    this.iss = this.frames
      .find((frame) => (frame.getUint8(CONTROL) & Flag.SYN) !== 0)!
      .getUint32(SEQ);
    this.frames.length = 0;
    this.acknowledge(1);
    this.handle = exports.tcpAccept(listener);
    assert.ok(this.handle > 0);
  }

  send(tcp: { seq: number; ack: number; flags: number; options?: TcpOption[] }): void {
    const { exports } = this.loan;
    const frame = buildFrame({
      ethernet: { source: PEER_MAC, destination: LINGER_MAC },
      ipv4: { source: PEER_ADDRESS, destination: LINGER_ADDRESS },
      tcp: { sourcePort: PEER_PORT, destinationPort: PORT, window: 65_535, ...tcp },
    });
    new Uint8Array(exports.memory.buffer).set(frame, exports.rxSlotAddress(0));
    exports.frameReceived(0, frame.length, this.nowMs);
  }

  answerArp(): void {
    const { exports } = this.loan;
    const frame = buildFrame({
      ethernet: { source: PEER_MAC, destination: LINGER_MAC },
      arp: {
        operation: 2,
        senderMac: PEER_MAC,
        senderAddress: PEER_ADDRESS,
        targetMac: LINGER_MAC,
        targetAddress: LINGER_ADDRESS,
      },
    });
    new Uint8Array(exports.memory.buffer).set(frame, exports.rxSlotAddress(0));
    exports.frameReceived(0, frame.length, this.nowMs);
  }

  /** Acknowledges all up to ISS + `octets`. */
  acknowledge(octets: number): void {
    this.send({ seq: PEER_NEXT, ack: (this.iss + octets) % CIRCLE, flags: Flag.ACK });
  }

  /** Fills the send ring and polls; returns how far SND.NXT is from ISS, counted in `sent`. */
  advance(sent: number): number {
    const { exports } = this.loan;
    for (let n = exports.tcpReserve(this.handle); n > 0; n = exports.tcpReserve(this.handle)) {
      exports.tcpCommit(this.handle, n);
    }
    exports.poll(this.nowMs);
    let far = sent;
    for (const frame of this.frames) {
      if (frame.getUint16(ETHERTYPE) !== 0x0800) continue;
      assert.equal(frame.getUint8(CONTROL) & (Flag.SYN | Flag.FIN | Flag.RST), 0, `at ${sent}`);
      const headers = IP_HEADER_OCTETS + (frame.getUint8(DATA_OFFSET) >> 4) * 4;
      const ahead = (frame.getUint32(SEQ) - this.iss - (sent % CIRCLE)) | 0;
      assert.ok(ahead >= 0 && ahead < 65_536, `a segment ${ahead} from what was acknowledged`);
      far = Math.max(far, sent + ahead + frame.getUint16(TOTAL_LENGTH) - headers);
    }
    this.frames.length = 0;
    return far;
  }

  get state(): number {
    const { exports } = this.loan;
    const at = exports.tcpStatus(this.handle);
    return new DataView(exports.memory.buffer).getUint32(at + 4 * StatusField.STATE, true);
  }
}

test("2^32 octets: ISS comes round and means nothing, wherever the peer acknowledges", () => {
  const stream = new Stream();
  let sent = 1;
  for (let round = 0; sent < CIRCLE - 40_000; ++round) {
    const far = stream.advance(sent);
    assert.ok(far > sent, "the stream goes on");
    sent = far;
    stream.acknowledge(sent);
    if (round % 200 === 0) stream.nowMs += 1;
    if (round % 5_000 === 0) stream.answerArp();
  }
  for (let far = stream.advance(sent); far < CIRCLE + 3_000; far = stream.advance(sent)) {
    sent = Math.min(far, CIRCLE - 1);
    stream.acknowledge(sent);
  }
  // SND.UNA exactly at ISS, one behind it, and on, with more in flight each time.
  for (const octets of [CIRCLE, CIRCLE + 1, CIRCLE + 3_000]) {
    stream.acknowledge(octets);
    sent = octets;
    stream.advance(sent);
    assert.equal(stream.state, State.ESTABLISHED);
  }
  stream.acknowledge(CIRCLE + 6_000);
  assert.ok(stream.advance(CIRCLE + 6_000) > CIRCLE + 6_000, "and it goes on");
});

test("an RST with text is judged by its own number, not its text's end (RFC 5961 §3)", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=292><CTL=RST><DATA=20>").expectNothing().state("ESTABLISHED");
  });
});

test("a SYN with text that reaches into the window is challenged, its text refused", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><DATA=20>");
    c.expect("<SEQ=101><ACK=301><CTL=ACK>").state("ESTABLISHED");
    assert.equal(c.status("RECEIVE_QUEUED"), 0);
  });
});

test("an acknowledgement after a refused probe lies within the peer's closed window", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 0 }).write(30);
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1>");
    c.send("<SEQ=301><ACK=101><CTL=ACK>").expectNothing();
    c.send("<SEQ=302><ACK=101><CTL=PSH,ACK><DATA=5>");
    c.expect("<SEQ=101><ACK=301><CTL=ACK>");
  });
});
