/**
 * One module as a station on a link: the driver's loop of `hal/README.md`, under a clock that the
 * simulation sets.
 *
 * Called by transfer.ts, which carries the frames. Knows no TCP beyond the calls it hands through.
 */
import { Status, StatusField } from "../../hal/host/abi.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import type { LingerInstance, LingerModule } from "../../hal/host/module.ts";

/** What `poll` answers when nothing is due. */
const NEVER_MS = 0xffff_ffff;
/** More polls in a row, each asking for another one at once, would be a loop. */
const POLLS_MAX = 10_000;
const PREFIX_LENGTH = 24;
const LINK_HIGH = 0x0200;

export interface StationOptions {
  module: LingerModule;
  /** The IPv4 address; the link address is made of it. */
  address: number;
  /** Of the module's secrets. */
  seed: number;
  startMs: number;
}

export class Station {
  readonly instance: LingerInstance;
  readonly address: number;
  /** What the module transmitted and nobody has carried yet. */
  readonly outbox: Uint8Array[] = [];

  constructor({ module, address, seed, startMs }: StationOptions) {
    const entropy = new SeededEntropy(seed);
    this.address = address;
    this.instance = module.instantiate({
      transmit: (frame) => {
        this.outbox.push(frame.slice());
        return true;
      },
      entropy: () => entropy.word(),
    });
    const { calls } = this.instance;
    expectOk(calls.init(startMs, 0), "init");
    expectOk(calls.setLinkAddress(LINK_HIGH, address), "setLinkAddress");
    expectOk(calls.setAddress(address, PREFIX_LENGTH, 0), "setAddress");
  }

  receive(frame: Uint8Array, nowMs: number): void {
    expectOk(this.instance.receive(0, frame, nowMs), "frameReceived");
  }

  /** Polls until nothing is left to be done now; how long the station may sleep then. */
  poll(nowMs: number): number {
    for (let polls = 0; polls < POLLS_MAX; polls++) {
      const sleepMs = this.instance.calls.poll(nowMs);
      if (sleepMs !== 0) return sleepMs === NEVER_MS ? Infinity : sleepMs;
    }
    throw new Error("poll asks to be called again for ever");
  }

  /** Some fields of a connection's status block. */
  status(handle: number, fields: readonly (keyof typeof StatusField)[]): number[] {
    const at = this.instance.calls.tcpStatus(handle);
    if (at < 0) throw new Error(`tcpStatus answered ${at}`);
    return fields.map((field) => this.instance.readU32(at + 4 * StatusField[field]));
  }
}

function expectOk(status: number, call: string): void {
  if (status < Status.OK) throw new Error(`${call} answered ${status}`);
}
