/**
 * The straight ways (assembly/netif/straight-in, straight-stamped, straight-out) do what the
 * general way does, and the calls that copy (assembly/socket/copying) what those do that work in
 * the rings: two modules, one of which has none of them, get the same random traffic and calls, and
 * must send the same frames, and agree on every counter, every field of STATUS, every event, every
 * octet that is received and all that a connection's record holds.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Counter, Option, Parameter, State, Work } from "../../hal/host/abi.ts";
import type { WasmModule } from "../../hal/host/web-assembly.ts";
import { Seeded } from "../support/pattern.ts";
import { Duel } from "../support/straight-duel.ts";
import {
  ACK,
  FIN,
  KINDS,
  LINUX,
  MSS,
  ODDITIES,
  OURS,
  PSH,
  URG,
  arp,
  build,
  compileBoth,
} from "../support/straight-side.ts";

const STEPS = 1_500;
/** The text of the longest segment, without options. */
const FULL_OCTETS = 1_460;
/** How many of them follow a call after which nothing is as usual. */
const LAST_STEPS = 150;
const ENDS = ["tcpCloseWrite", "tcpClose", "tcpAbort", "tcpUrgent"];
let plain: WasmModule;
let straight: WasmModule;

before(() => {
  [straight, plain] = compileBoth();
});

class Traffic extends Duel {
  quietFrames = 0;

  /** Where it asks for nothing, the general way has told the application nothing. */
  feedQuietly(frame: Uint8Array): void {
    this.events();
    if (this.feed(frame) !== Work.NONE) return;
    this.quietFrames += 1;
    assert.equal(this.sides[1].exports["nextReady"]!(), 0, "an event that nobody was told of");
  }

  /** RECEIVE: the one side into its buffer, the other piece by piece out of the ring. */
  receive(octets: number): void {
    const [copying, plainly] = this.sides;
    const handle = this.handle;
    const at = copying.exports["buffer"]!();
    const count = copying.exports["tcpReceive"]!(handle, at, octets);
    const copied = Buffer.from(copying.exports.memory.buffer, at, Math.max(count, 0));
    const pieces: Buffer[] = [];
    let piece = 0;
    for (let left = octets; left > 0; left -= piece) {
      const whole = plainly.exports["tcpPeek"]!(handle);
      if (pieces.length === 0 && whole <= 0) assert.equal(count, whole);
      if (whole <= 0) break;
      piece = Math.min(whole, left);
      const from = plainly.exports["tcpPeekedAddress"]!(handle);
      pieces.push(Buffer.from(plainly.exports.memory.buffer.slice(from, from + piece)));
      assert.equal(plainly.exports["tcpConsume"]!(handle, piece), 0);
    }
    assert.ok(copied.equals(Buffer.concat(pieces)), "what was received differs");
  }

  /** SEND: the one side out of its buffer, the other piece by piece into the ring. */
  send(octets: number, random: Seeded): void {
    const [copying, plainly] = this.sides;
    const handle = this.handle;
    const text = Uint8Array.from({ length: octets }, () => random.below(256));
    const at = copying.exports["buffer"]!();
    new Uint8Array(copying.exports.memory.buffer).set(text, at);
    const count = copying.exports["tcpSend"]!(handle, at, octets);
    let sent = 0;
    while (sent < octets) {
      const room = plainly.exports["tcpReserve"]!(handle);
      if (sent === 0 && room < 0) assert.equal(count, room);
      if (room < 0) break;
      const part = text.subarray(sent, sent + room);
      const to = plainly.exports["tcpReservedAddress"]!(handle);
      new Uint8Array(plainly.exports.memory.buffer).set(part, to);
      assert.equal(plainly.exports["tcpCommit"]!(handle, part.length), 0);
      sent += part.length;
    }
    assert.equal(Math.max(count, 0), sent);
  }

  read(octets: number): void {
    const count = Math.min(this.call("tcpPeek", this.handle), octets);
    if (count <= 0) return;
    const [a, b] = this.sides.map(({ exports }) =>
      Buffer.from(exports.memory.buffer, exports["tcpPeekedAddress"]!(this.handle), count),
    );
    assert.ok(a!.equals(b!), "what was received differs");
    this.call("tcpConsume", this.handle, count);
  }

  write(octets: number, random: Seeded): void {
    const count = Math.min(this.call("tcpReserve", this.handle), octets);
    if (count <= 0) return;
    const value = random.below(256);
    for (const { exports } of this.sides) {
      const at = exports["tcpReservedAddress"]!(this.handle);
      new Uint8Array(exports.memory.buffer, at, count).fill(value);
    }
    this.call("tcpCommit", this.handle, count);
  }

  option(which: number, value: number): void {
    this.call("tcpSetOption", this.handle, which, value);
  }

  /** The next segment, with so many octets, which acknowledges everything. */
  feedExpected(octets: number): void {
    const [, truth] = this.sides;
    const [seq, ack] = [truth.field("RCV_NXT"), truth.field("SND_NXT")];
    const text = new Uint8Array(octets);
    this.feed(build({ seq, ack, flags: ACK, window: 60_000, text, options: this.stamp() }));
  }

  /** The call comes between two frames that are just what is expected. */
  turn(call: string, random: Seeded): void {
    const [, truth] = this.sides;
    this.receive(60_000);
    this.events();
    this.poll(0);
    this.feedExpected(10);
    this.receive(60_000); // what is unread would be answered by an RST
    this.write(100, random);
    if (truth.field("STATE") === State.ESTABLISHED) this.call(call, this.handle);
    this.feedExpected(10);
    this.compare(`after ${call}`);
    this.poll(0);
    this.feedExpected(0);
    this.compare(`after ${call}, acknowledged`);
  }

  /** `beyond`: so that the FIN lies so far behind the right edge of the window. */
  fin(octets: number, window: number, beyond?: number): void {
    const [, truth] = this.sides;
    if (beyond !== undefined) octets = truth.field("RCV_WND") + beyond;
    const text = Uint8Array.from({ length: octets }, (_, i) => i & 0xff);
    const [seq, ack] = [truth.field("RCV_NXT"), truth.field("SND_NXT")];
    const segment = { seq, ack, flags: ACK | FIN, window, text, options: this.stamp() };
    this.feed(build(segment));
    this.compare("after the FIN");
    this.poll(0);
    this.feed(build(segment));
    this.compare("after the FIN once more");
    this.poll(0);
    this.receive(60_000);
    this.events();
    this.poll(0);
    this.compare("after everything was read");
  }

  /** CLOSE, and the acknowledgement of it. */
  end(): void {
    this.call("tcpClose", this.handle);
    this.poll(0);
    this.feedExpected(0);
    this.events();
    this.poll(0);
    this.compare("after the end");
  }

  /** A segment about where the connection is: mostly the expected one. */
  segment(random: Seeded): Uint8Array {
    const [, truth] = this.sides;
    const next = truth.field("RCV_NXT");
    const una = truth.field("SND_UNA");
    const nxt = truth.field("SND_NXT");
    const isOdd = (times: number) => random.below(times) === 0;
    const flight = (nxt - una) >>> 0;
    const ack = isOdd(3) ? una + random.below(flight + 1) : isOdd(40) ? nxt + 5 : nxt;
    const most = FULL_OCTETS - this.stamp().length;
    const length = isOdd(2) ? 0 : isOdd(3) ? most : random.below(most + 1);
    const shift = isOdd(8) ? random.below(3_000) - 1_000 : 0;
    const flags = ACK | (isOdd(2) ? PSH : 0) | (isOdd(60) ? URG : 0) | (isOdd(4_000) ? FIN : 0);
    const window = isOdd(8) ? random.below(65_536) : isOdd(40) ? 0 : 60_000;
    const text = Uint8Array.from({ length }, (_, i) => (next + shift + i) & 0xff);
    const odd = isOdd(12) ? ODDITIES[random.below(ODDITIES.length)]! : "";
    const seq = (next + shift) >>> 0;
    const options = isOdd(30) ? [1, 1, 1, 0] : this.randomOptions(random, una, flight);
    return build({ seq, ack: ack >>> 0, flags, window, text, options }, odd);
  }

  step(random: Seeded): void {
    const kind = random.below(20);
    if (kind < 11) this.feedQuietly(this.segment(random));
    else if (kind < 12) this.read(random.below(3_000));
    else if (kind < 13) this.receive(1 + random.below(3_000));
    else if (kind < 15) this.write(1 + random.below(2_000), random);
    else if (kind < 16) this.send(1 + random.below(2_000), random);
    else if (kind < 17) this.feed(arp(1, random.below(10) === 0 ? 3 : 2));
    else if (kind < 19) this.poll(random.below(30));
    else this.poll(random.below(20) === 0 ? random.below(5_000) : 0);
    if (random.below(200) === 0) this.option(Option.NO_DELAY, random.below(2));
    if (random.below(300) === 0) this.option(Option.DELAYED_ACK, random.below(2));
    if (random.below(200) === 0) this.option(Option.KEEP_ALIVE, random.below(2));
    if (random.below(900) === 0) this.option(Option.TTL, 1 + random.below(255));
    if (random.below(300) === 0) this.option(Option.DSCP, random.below(64));
    if (random.below(100) === 0) this.call("setParameter", Parameter.TTL, 1 + random.below(255));
    if (random.below(500) === 0) this.call("setAddress", OURS, 16 + random.below(9), 0);
    const busy = random.below(40) === 0 ? 1 : 0;
    for (const side of this.sides) side.busy = busy;
    this.events();
    for (let polls = random.below(4); polls > 0; polls--) this.poll(random.below(40));
  }
}

for (const [what, options] of Object.entries(KINDS)) {
  test(`random traffic on a connection with ${what}: both ways agree`, () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Seeded(seed);
      const duel = new Traffic(straight, plain);
      duel.open(options, 0xffff_f000 + seed);
      duel.compare("after the handshake");
      for (let step = 0; step < STEPS; step++) {
        if (step === STEPS - LAST_STEPS) duel.turn(ENDS[seed % ENDS.length]!, random);
        duel.step(random);
        duel.compare(`seed ${seed}, step ${step}`);
      }
      assert.ok(duel.quietFrames > 0, "no frame asked for nothing");
    }
  });
}

/** What the segment with the FIN has: octets of text, a window, how far it reaches. */
const FINS: Readonly<Record<string, [octets: number, window: number, beyond?: number]>> = {
  "without text": [0, 60_000],
  "behind text": [700, 60_000],
  "with another window": [0, 50_000],
  "with a window that is too small to be usual": [10, 100],
  "as the last octet of the window": [0, 60_000, -1],
  "just behind the window": [0, 60_000, 0],
};

for (const [what, [octets, window, beyond]] of Object.entries(FINS)) {
  test(`the peer's FIN ${what}: both ways agree`, () => {
    for (const options of [MSS, KINDS[LINUX]!]) {
      for (const written of [0, 1_000]) {
        const random = new Seeded(7);
        const duel = new Traffic(straight, plain);
        duel.open(options, 0xffff_fff0);
        duel.feedExpected(beyond === undefined ? 0 : FULL_OCTETS - duel.stamp().length);
        duel.write(written, random);
        duel.poll(1);
        duel.fin(octets, window, beyond);
        duel.end();
      }
    }
  });
}

/** What the user does while a loss probe (RFC 8985 §7.3) waits for the transmitter. */
const MEANWHILE: Readonly<Record<string, (duel: Traffic, random: Seeded) => void>> = {
  "more text": (duel, random) => duel.write(2 * FULL_OCTETS, random),
  "a CLOSE": (duel) => void duel.call("tcpCloseWrite", duel.handle),
};

for (const [what, happen] of Object.entries(MEANWHILE)) {
  test(`a loss probe is due, and then comes ${what}: both ways agree`, () => {
    const random = new Seeded(7);
    const duel = new Traffic(straight, plain);
    duel.open(KINDS[LINUX]!, 1_000);
    duel.write(700, random);
    duel.poll(1);
    duel.feedExpected(0); // a round trip is known
    duel.write(700, random);
    duel.poll(1);
    for (const side of duel.sides) side.busy = 1;
    duel.poll(400);
    happen(duel, random);
    for (const side of duel.sides) side.busy = 0;
    duel.poll(0);
    assert.equal(duel.sides[1].counter(Counter.LOSS_PROBES), 1);
    duel.compare("the probe");
    duel.feedExpected(0);
    duel.poll(0);
    duel.compare("acknowledged");
  });
}
