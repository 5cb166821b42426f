/**
 * A link that holds every TCP segment until it is told to let it go: so that the states of both
 * ends can be read in between, two FINs can be made to cross, and one ACK can be made to vanish.
 *
 * Used by the demonstration only. Frames that carry no TCP pass at once. Everything that reaches or
 * leaves the left end goes into the capture, in the order in which the left end sees it.
 */
import { type Frame, parseFrame } from "../../packet/index.ts";
import type { Side } from "../../ladder/index.ts";
import { otherSide } from "../../ladder/index.ts";
import { type Wire, WireEnds } from "../../wire.ts";
import type { PcapWriter } from "../../wires/pcap.ts";

/** A segment that left one end and has not arrived at the other. */
export interface HeldFrame {
  from: Side;
  octets: Uint8Array;
  frame: Frame;
}

export class HeldWire {
  /** The two ends: plug a stack in, or bridge one to another wire. */
  readonly left: Wire;
  readonly right: Wire;
  /** Where the frames of the left end are recorded; may change between two frames. */
  capture: PcapWriter | undefined;
  readonly #ends: Record<Side, HeldEnd>;
  #held: HeldFrame[] = [];
  #arrived: (() => void) | undefined;

  constructor() {
    this.#ends = {
      left: new HeldEnd((octets) => this.#accept("left", octets)),
      right: new HeldEnd((octets) => this.#accept("right", octets)),
    };
    this.left = this.#ends.left;
    this.right = this.#ends.right;
  }

  /** The oldest held segment, of one side if given; it stays where it is. */
  peek(from?: Side): HeldFrame | undefined {
    return this.#held.find((held) => from === undefined || held.from === from);
  }

  /** Takes a segment off the link: it will not arrive unless it is delivered. */
  take(held: HeldFrame): void {
    this.#held = this.#held.filter((other) => other !== held);
  }

  /** Lets a segment that was taken arrive. */
  deliver(held: HeldFrame): void {
    this.#hand(held.from, held.octets);
  }

  /** Resolves when a segment is held, or after `ms`. */
  async waitForFrame(ms: number): Promise<void> {
    if (this.#held.length > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #accept(from: Side, octets: Uint8Array): void {
    if (from === "left") this.capture?.record(octets);
    const frame = parseFrame(octets);
    if (frame.tcp === undefined) {
      // Never from within `send`: that is the wire's contract.
      setImmediate(() => this.#hand(from, octets));
      return;
    }
    this.#held.push({ from, octets, frame });
    this.#arrived?.();
    this.#arrived = undefined;
  }

  #hand(from: Side, octets: Uint8Array): void {
    if (from === "right") this.capture?.record(octets);
    this.#ends[otherSide(from)].ends.frame(octets);
  }
}

class HeldEnd implements Wire {
  readonly ends = new WireEnds();
  readonly #accept: (octets: Uint8Array) => void;

  constructor(accept: (octets: Uint8Array) => void) {
    this.#accept = accept;
  }

  send(frame: Uint8Array): boolean {
    if (!this.ends.isClosed) this.#accept(Uint8Array.from(frame));
    return true;
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.ends.setFrame(callback);
  }

  onClose(callback: (error?: Parameters<WireEnds["closed"]>[0]) => void): void {
    this.ends.setClose(callback);
  }

  close(): void {
    this.ends.closed();
  }
}

/** Joins one end of the link with another wire, a TAP say: frames pass both ways. */
export function bridge(end: Wire, other: Wire): void {
  end.onFrame((frame) => void other.send(frame));
  other.onFrame((frame) => void end.send(frame));
}
