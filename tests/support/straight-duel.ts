/**
 * Two modules, the one with the straight ways, the other without, of which each does what the other
 * does: they get the same frames of one peer and the same calls, and must agree on all that can be
 * seen of them.
 *
 * Called by tests/tcp/straight.test.ts and tests/tcp/straight-end.test.ts.
 */
import assert from "node:assert/strict";
import type { Work } from "../../hal/host/abi.ts";
import type { WasmModule } from "../../hal/host/web-assembly.ts";
import type { Seeded } from "./pattern.ts";
import { ACK, OURS, PORT, SYN, Side, StampClock, arp, build, sackOption } from "./straight-side.ts";

export class Duel {
  readonly sides: [Side, Side];
  /** The connection that `open` has made. */
  handle = 0;
  #now = 0xffff_8000;
  /** When the straight way said that it wants to be woken, if nothing has come since. */
  #wakeAt = 0;
  #isUndisturbed = false;
  #clock: StampClock | undefined;
  #hasSack = false;

  constructor(straight: WasmModule, plain: WasmModule) {
    this.sides = [new Side(straight), new Side(plain)];
  }

  /** The same call on both sides, with the same result. */
  call(name: string, ...args: number[]): number {
    this.#isUndisturbed = false;
    const [a, b] = this.sides.map(({ exports }) => exports[name]!(...args));
    assert.equal(a, b, name);
    return a!;
  }

  /** What the straight way asks for. */
  feed(frame: Uint8Array): Work {
    this.#isUndisturbed = false;
    const [work] = this.sides.map(({ exports }) => {
      new Uint8Array(exports.memory.buffer).set(frame, exports["rxSlotAddress"]!(0));
      return exports["frameReceived"]!(0, frame.length, this.#now | 0);
    });
    return work as Work;
  }

  /** Neither sleeps too long; how long they may differs by how finely the wheel knows it. */
  poll(ms: number): void {
    this.#now = (this.#now + ms) >>> 0;
    const sentBefore = this.sides[1].sent.length;
    const waits = this.sides.map(({ exports }) => exports["poll"]!(this.#now | 0) >>> 0);
    const [straightWay, generalWay] = this.sides;
    if (this.#isUndisturbed && ((this.#now - this.#wakeAt) | 0) < 0) {
      assert.equal(generalWay.sent.length, sentBefore, "one sleeps while the other has to send");
    }
    assert.equal(straightWay.sent.join(), generalWay.sent.join());
    this.#isUndisturbed = waits[0]! < 10_000;
    this.#wakeAt = (this.#now + waits[0]!) >>> 0;
  }

  open(options: number[], seq: number): void {
    this.call("init", this.#now | 0, 30_000);
    this.call("setLinkAddress", 0x0200, 1);
    this.call("setAddress", OURS, 24, 0);
    const listener = this.call("tcpListen", 0, PORT, 5);
    const text = new Uint8Array(0);
    this.feed(build({ seq, ack: 0, flags: SYN, window: 60_000, text, options }));
    this.poll(1);
    // The SYN and ACK waits for the peer's link address.
    this.feed(arp());
    this.poll(1);
    this.feed(build({ seq, ack: 0, flags: SYN, window: 60_000, text, options }));
    const last = Buffer.from(this.sides[0].sent.at(-1)!, "hex");
    const ack = (last.readUInt32BE(38) + 1) >>> 0;
    this.#clock = new StampClock(last, this.#now);
    this.#hasSack = options.includes(4, 4);
    const answer = { seq: (seq + 1) >>> 0, ack, flags: ACK, window: 60_000, text };
    this.feed(build({ ...answer, options: this.stamp() }));
    this.poll(1);
    this.handle = this.call("tcpAccept", listener);
    assert.ok(this.handle > 0, "no connection");
  }

  /** The timestamps option of the peer's next segment; nothing on a connection without. */
  stamp(): number[] {
    return this.#clock!.option(this.#now);
  }

  /** Options such as a segment may have. `flight` octets are in flight from SND.UNA `una` on. */
  randomOptions(random: Seeded, una: number, flight: number): number[] {
    const stamp = this.#clock!.randomOption(this.#now, random);
    if (!this.#hasSack || flight === 0 || random.below(12) !== 0) return stamp;
    return [...stamp, ...sackOption(una, flight, random)];
  }

  compare(what: string): void {
    const [a, b] = this.sides;
    assert.equal(a.sent.join(), b.sent.join(), what);
    assert.equal(a.image(), b.image(), what);
    a.sent.length = b.sent.length = 0;
  }

  events(): void {
    while (this.call("nextReady") !== 0) this.call("takeEvents", this.handle);
  }
}
