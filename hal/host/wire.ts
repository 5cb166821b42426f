/**
 * What a stack is plugged into: something that carries raw Ethernet II frames, without FCS.
 *
 * Implemented in `wires/`, used by Stack. A user's own wire implements the same few methods.
 */
import type { LingerError } from "./errors.ts";

/** The largest frame that a wire of ours carries: what QEMU allows on its stream sockets. */
export const WIRE_FRAME_OCTETS_MAX = 4096 + 65_536;

/**
 * One end of a link.
 *
 * Callbacks are set once, by whoever uses the wire (a stack, or a wire around this one); a second
 * call replaces the first. Frames that arrive before `onFrame` may be lost.
 */
export interface Wire {
  /**
   * Sends one frame of at least 14 octets. The memory belongs to the caller again when this
   * returns: a wire copies what it keeps. False means BUSY: nothing was taken, try again later.
   * On a closed wire frames vanish. Never throws for what happens on the network.
   */
  send(frame: Uint8Array): boolean;

  /**
   * Sets who gets the received frames, each in memory of its own that the receiver may keep. Never
   * called from within `send`.
   */
  onFrame(callback: (frame: Uint8Array) => void): void;

  /**
   * Sets who is told, once, that the wire is closed: without an error after `close()`, with one
   * when the other end went away. Told at once if that is the case already.
   */
  onClose(callback: (error?: LingerError) => void): void;

  /** Sets who is told that `send` can be tried again after it was BUSY. A wire need not know. */
  onDrain?(callback: () => void): void;

  /** Releases everything. Returns at once; may be called again. */
  close(): void;
}

/** The callbacks of a wire, kept with the rules that `Wire` states. For authors of wires. */
export class WireEnds {
  #frame: ((frame: Uint8Array) => void) | undefined;
  #close: ((error?: LingerError) => void) | undefined;
  #drain: (() => void) | undefined;
  #closed = false;
  #error: LingerError | undefined;

  get isClosed(): boolean {
    return this.#closed;
  }

  setFrame(callback: (frame: Uint8Array) => void): void {
    this.#frame = callback;
  }

  setDrain(callback: () => void): void {
    this.#drain = callback;
  }

  setClose(callback: (error?: LingerError) => void): void {
    this.#close = callback;
    if (this.#closed) callback(this.#error);
  }

  /** Hands a received frame on. */
  frame(frame: Uint8Array): void {
    if (!this.#closed) this.#frame?.(frame);
  }

  drained(): void {
    if (!this.#closed) this.#drain?.();
  }

  /** Marks the wire closed and tells so. False if it was closed before. */
  closed(error?: LingerError): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#error = error;
    this.#close?.(error);
    return true;
  }
}
