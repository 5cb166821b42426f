/**
 * How connections end on the straight ways (assembly/netif/straight-end, and the FIN that
 * straight-out sends): a module with these ways and one without get the same random ends, with
 * either side first, and must do the same. Most frames are just what the state waits for; some come
 * twice, damaged, late, with text, before our FIN has left or while it is sent again.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Option, State } from "../../hal/host/abi.ts";
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
  PSH,
  URG,
  arp,
  build,
  compileBoth,
  unreachable,
} from "../support/straight-side.ts";

const SEEDS = 1_000;
const STEPS = 40;
const RST = 0x04;
const CLOSING_CALLS = ["tcpCloseWrite", "tcpClose", "tcpRelease"];
/** Outcomes that some ends must have come to, for the comparison to mean something. */
const STATES = [State.FIN_WAIT_2, State.CLOSE_WAIT, State.LAST_ACK, State.TIME_WAIT];

let plain: WasmModule;
let straight: WasmModule;

before(() => {
  [straight, plain] = compileBoth();
});

class End extends Duel {
  readonly #random: Seeded;
  #isHeld = true;
  /** Where the two stood while STATUS could still be asked. */
  #seq = 0;
  #una = 0;
  #nxt = 0;

  constructor(seed: number, options: number[]) {
    super(straight, plain);
    this.#random = new Seeded(seed);
    this.open(options, 0xffff_f000 + seed);
    this.feed(this.frame({ flags: ACK | PSH, length: 10 }));
    this.poll(0);
    this.#read();
    this.poll(200);
    this.compare("before the end");
  }

  #isOdd(times: number): boolean {
    return this.#random.below(times) === 0;
  }

  state(): number {
    return this.sides[1].field("STATE");
  }

  #lookAt(): void {
    if (this.state() === 0) return;
    const [, truth] = this.sides;
    this.#seq = truth.field("RCV_NXT");
    this.#una = truth.field("SND_UNA");
    this.#nxt = truth.field("SND_NXT");
  }

  frame({
    flags = ACK,
    length = 0,
    shift = 0,
    ack = -1,
    window = 60_000,
    odd = "",
    options = this.stamp(),
  }): Uint8Array {
    this.#lookAt();
    const seq = (this.#seq + shift) >>> 0;
    const text = Uint8Array.from({ length }, (_, i) => (seq + i) & 0xff);
    return build({ seq, ack: ack < 0 ? this.#nxt : ack, flags, window, text, options }, odd);
  }

  /** Mostly what the state waits for. */
  #segment(): Uint8Array {
    this.#lookAt();
    const random = this.#random;
    const flight = (this.#nxt - this.#una) >>> 0;
    const beyond = this.#isOdd(20) ? 1 + random.below(3) : 0;
    const ack = (this.#isOdd(6) ? this.#una + random.below(flight + 1) : this.#nxt + beyond) >>> 0;
    const unusual = this.#isOdd(40) ? URG : this.#isOdd(60) ? RST : 0;
    const flags = ACK | unusual | (this.#isOdd(3) ? FIN : 0) | (this.#isOdd(2) ? PSH : 0);
    const shift = this.#isOdd(8) ? random.below(3_000) - 1_000 : 0;
    const length = this.#isOdd(shift > 0 ? 2 : 6) ? 1 + random.below(1_460) : 0;
    const window = this.#isOdd(5) ? this.#window() : 60_000;
    const odd = this.#isOdd(8) ? ODDITIES[random.below(ODDITIES.length)]! : "";
    const options = this.randomOptions(random, this.#una, flight);
    return this.frame({ flags, length, shift, ack, window, odd, options });
  }

  /** Some are just as large as what is to be sent. */
  #window(): number {
    const queued = this.sides[1].field("SEND_QUEUED");
    if (this.#isOdd(3)) return queued + this.#random.below(3);
    return this.#random.below(this.#isOdd(2) ? 65_536 : 2_000);
  }

  #read(): void {
    for (;;) {
      const count = this.call("tcpPeek", this.handle);
      if (count <= 0) return;
      this.call("tcpConsume", this.handle, count);
    }
  }

  write(octets: number): void {
    const count = Math.min(this.call("tcpReserve", this.handle), octets);
    if (count > 0) this.call("tcpCommit", this.handle, count);
  }

  #close(): void {
    const call = CLOSING_CALLS[this.#random.below(CLOSING_CALLS.length)]!;
    this.#read(); // what is unread would be answered by an RST
    this.call(call, this.handle);
    if (call === "tcpRelease") this.#isHeld = false;
  }

  #use(): void {
    const kind = this.#random.below(10);
    if (kind < 3) this.#close();
    else if (kind < 5) this.#read();
    else if (kind < 7) this.write(1 + this.#random.below(2_000));
    else if (kind < 8) this.call("tcpUrgent", this.handle);
    else if (this.#isOdd(4)) this.#option(Option.KEEP_ALIVE, this.#random.below(2));
    else if (this.#isOdd(2)) this.#option(Option.TTL, 1 + this.#random.below(255));
    else this.#option(Option.USER_TIMEOUT_MS, 1_000 + this.#random.below(20_000));
  }

  #option(option: Option, value: number): void {
    this.call("tcpSetOption", this.handle, option, value);
  }

  step(): void {
    const kind = this.#random.below(16);
    if (kind < 8) {
      const segment = this.#segment();
      this.feed(segment);
      if (this.#isOdd(8)) this.feed(segment);
    } else if (kind < 12) {
      if (this.#isHeld) this.#use();
    } else if (kind < 13) {
      const busy = this.#isOdd(3) ? 1 : 0;
      for (const side of this.sides) side.busy = busy;
    } else if (kind < 14) {
      if (this.#isOdd(20)) this.feed(arp(1, 3));
      if (this.#isOdd(3)) this.poll(this.#random.below(70_000));
    } else {
      this.poll(this.#isOdd(3) ? this.#random.below(3_000) : this.#random.below(30));
    }
    if (this.#isHeld) this.events();
    if (this.#isOdd(2)) this.poll(0);
  }
}

for (const [what, options] of Object.entries(KINDS)) {
  test(`random ends of a connection with ${what}: both ways agree`, () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const end = new End(seed, options);
      for (let step = 0; step < STEPS; step++) {
        end.step();
        end.compare(`seed ${seed}, step ${step}`);
        seen.add(end.state());
      }
    }
    for (const state of STATES) assert.ok(seen.has(state), `no connection was in state ${state}`);
  });
}

/** What happens around our CLOSE, before the FIN leaves. */
const CLOSES: Readonly<Record<string, (end: End, close: () => void) => void>> = {
  "about which nothing is unusual": (_, close) => close(),
  "before text that comes early": (end, close) => {
    close();
    end.feed(end.frame({ shift: 100, length: 50 }));
  },
  "on a path that takes small segments only": (end, close) => {
    end.write(2_000);
    end.poll(0);
    const [, truth] = end.sides;
    end.feed(unreachable({ host: 1, port: 40_000 }, truth.field("SND_UNA"), 4, 300));
    for (let i = 0; i < 6; i++) {
      end.poll(0);
      end.feed(end.frame({}));
    }
    close();
  },
  "while the transmitter is BUSY for longer than the user waits": (end, close) => {
    for (const side of end.sides) side.busy = 1;
    end.call("tcpSetOption", end.handle, Option.USER_TIMEOUT_MS, 5_000);
    close();
    end.poll(0);
    end.poll(6_000);
    assert.equal(end.state(), State.CLOSED);
  },
};

for (const [what, happen] of Object.entries(CLOSES)) {
  test(`a CLOSE ${what}: both ways agree`, () => {
    for (const octets of [0, 700]) {
      const end = new End(1, MSS);
      happen(end, () => {
        end.write(octets);
        end.call("tcpCloseWrite", end.handle);
      });
      end.poll(0);
      end.compare("our FIN");
      end.feed(end.frame({}));
      end.poll(0);
      end.compare("acknowledged");
      end.feed(end.frame({ flags: ACK | FIN }));
      end.poll(0);
      end.compare("the peer's FIN");
    }
  });
}

test("a frame that is shorter than it says, in a slot that holds the rest: both ways agree", () => {
  for (const options of [MSS, KINDS[LINUX]!]) {
    for (const isClosed of [false, true]) {
      const end = new End(1, options);
      if (isClosed) end.call("tcpCloseWrite", end.handle);
      end.poll(0);
      const frame = end.frame({ flags: ACK | FIN });
      const toAnother = Uint8Array.from(frame);
      toAnother[5]! ^= 1;
      for (let octets = 54; octets < frame.length; octets++) {
        end.feed(toAnother);
        end.feed(frame.subarray(0, octets));
        end.compare(`${octets} octets`);
      }
      assert.equal(end.state(), isClosed ? State.FIN_WAIT_1 : State.ESTABLISHED);
    }
  }
});
