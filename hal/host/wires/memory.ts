/**
 * Two wires that are each other's other end, inside one process.
 *
 * Used by tests, by `linger demo` where there is no TAP, and by anyone who runs several stacks in
 * one program. Never loses or reorders a frame: `impair` does that.
 */
import type { Clock } from "../clock.ts";
import { LingerError } from "../errors.ts";
import { type Wire, WireEnds } from "../wire.ts";

export interface MemoryPairOptions {
  clock: Clock;
  /** How long a frame travels, in ms; default 0, which is still after `send` has returned. */
  latencyMs?: number;
}

/** Both ends of a link. When one end is closed the other is told so after the same latency. */
export function createMemoryPair(options: MemoryPairOptions): [Wire, Wire] {
  const { clock, latencyMs = 0 } = options;
  if (!(latencyMs >= 0)) throw new LingerError("BAD_OPTION", "latencyMs must be 0 or more");
  const one = new MemoryWire(clock, latencyMs);
  const other = new MemoryWire(clock, latencyMs);
  one.join(other);
  other.join(one);
  return [one, other];
}

class MemoryWire implements Wire {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #ends = new WireEnds();
  #peer: MemoryWire = this;

  constructor(clock: Clock, latencyMs: number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  join(peer: MemoryWire): void {
    this.#peer = peer;
  }

  send(frame: Uint8Array): boolean {
    if (this.#ends.isClosed) return true;
    const copy = new Uint8Array(frame);
    const peer = this.#peer;
    this.#clock.setTimer(this.#latencyMs, () => peer.#ends.frame(copy));
    return true;
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#ends.setFrame(callback);
  }

  onClose(callback: (error?: LingerError) => void): void {
    this.#ends.setClose(callback);
  }

  close(): void {
    if (!this.#ends.closed()) return;
    const peer = this.#peer;
    this.#clock.setTimer(this.#latencyMs, () => {
      peer.#ends.closed(new LingerError("WIRE_CLOSED", "the other end of the wire was closed"));
    });
  }
}
