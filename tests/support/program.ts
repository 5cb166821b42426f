/**
 * Small applications for two modules back to back: open, send so much, read all, close in some way
 * at some moment, note how it ended, release.
 *
 * Called by pair.ts after each poll, as a driver would call an application.
 */
import assert from "node:assert/strict";
import { EndReason, State, Status } from "../../hal/host/abi.ts";
import { type Device, type ReasonName, reasonName, statusName } from "./device.ts";
import { patternMismatch, patternOctets, type Sender } from "./pattern.ts";

/** When something happens: at once, when the peer has closed, or when so much was received. */
export type Moment = "open" | "eof" | { received: number };

export interface Plan {
  /** Octets to send, from which moment on. Default none, from the opening on. */
  send?: number;
  sendFrom?: Moment;
  /** How to close, once all is sent and this moment has come. Default: half, at end-of-file. */
  close?: "closeWrite" | "close" | "abort" | "release";
  closeAt?: Moment;
  /** Time of the close, at the earliest; a time in ms after the opening. */
  closeFromMs?: number;
  /** Octets are read from this time on, in ms after the opening. Default at once. */
  readFromMs?: number;
  /** Sending begins at this time, in ms after the opening, at the earliest. */
  sendFromMs?: number;
  noDelay?: boolean;
}

/** Where the connection comes from. */
export interface Opening {
  connect?: { remoteAddress: number; remotePort: number; localPort: number; atMs?: number };
  listenPort?: number;
  /** A listener that other programs share. */
  listener?: number;
}

export class Program {
  readonly #device: Device;
  readonly #plan: Plan;
  readonly #opening: Opening;
  /** Who this program is to the pattern of the data. */
  readonly #sender: Sender;
  #listener = 0;
  #handle = 0;
  #openedMs: number | undefined;
  #isClosed = false;
  #sawEof = false;
  sent = 0;
  received = 0;
  /** Set when the connection is over and the handle released. */
  reason: ReasonName | undefined;

  constructor(device: Device, sender: Sender, opening: Opening, plan: Plan) {
    this.#device = device;
    this.#sender = sender;
    this.#opening = opening;
    this.#plan = plan;
    this.#listener = opening.listener ?? 0;
    if (opening.listenPort === undefined) return;
    this.#listener = device.call("tcpListen", 0, opening.listenPort, 4);
    assert.ok(this.#listener > 0, "tcpListen");
  }

  get isOver(): boolean {
    return this.reason !== undefined;
  }

  /** Stops listening, if it did. */
  unlisten(): void {
    if (this.#listener !== 0) assert.equal(this.#device.call("tcpRelease", this.#listener), 0);
    this.#listener = 0;
  }

  /** The next time at which this program acts by itself. */
  wakeMs(nowMs: number): number {
    const opened = this.#openedMs;
    const times = [
      opened === undefined ? this.#opening.connect?.atMs : undefined,
      ...[this.#plan.closeFromMs, this.#plan.readFromMs, this.#plan.sendFromMs].map((ms) => {
        return ms === undefined || opened === undefined ? undefined : opened + ms;
      }),
    ];
    return Math.min(
      Infinity,
      ...(times.filter((ms) => ms !== undefined && ms > nowMs) as number[]),
    );
  }

  /** Does what can be done now; whether that was anything. */
  act(nowMs: number): boolean {
    if (this.isOver) return false;
    let acted = false;
    if (this.#handle === 0) {
      if (!this.#open(nowMs)) return false;
      acted = true;
    }
    acted = this.#read(nowMs) || acted;
    if (this.#finish()) return true;
    acted = this.#send(nowMs) || acted;
    return this.#close(nowMs) || acted;
  }

  #open(nowMs: number): boolean {
    const { connect } = this.#opening;
    if (connect !== undefined) {
      if (nowMs < (connect.atMs ?? 0)) return false;
      const { remoteAddress, remotePort, localPort } = connect;
      this.#handle = this.#device.call("tcpConnect", remoteAddress, remotePort, 0, localPort);
    } else {
      const accepted = this.#device.call("tcpAccept", this.#listener);
      if (accepted === Status.WOULD_BLOCK) return false;
      this.#handle = accepted;
    }
    assert.ok(this.#handle > 0, `${statusName(this.#handle)} while opening`);
    if (this.#plan.noDelay) this.#device.call("tcpSetOption", this.#handle, 0, 1);
    this.#openedMs = nowMs;
    return true;
  }

  #isPast(ms: number | undefined, nowMs: number): boolean {
    return nowMs >= this.#openedMs! + (ms ?? 0);
  }

  #hasCome(moment: Moment): boolean {
    if (moment === "open") return true;
    if (moment === "eof") return this.#sawEof;
    return this.received >= moment.received;
  }

  #read(nowMs: number): boolean {
    if (!this.#isPast(this.#plan.readFromMs, nowMs)) return false;
    const from: Sender = this.#sender === "linger" ? "peer" : "linger";
    let acted = false;
    for (;;) {
      const octets = this.#device.call("tcpPeek", this.#handle);
      if (octets === 0 && !this.#sawEof) {
        this.#sawEof = true;
        acted = true;
      }
      if (octets <= 0) return acted;
      const at = this.#device.call("tcpPeekedAddress", this.#handle);
      const wrong = patternMismatch(from, this.received, this.#device.view(at, octets));
      assert.equal(wrong, -1, `octet ${this.received + wrong} read is not the one sent`);
      assert.equal(this.#device.call("tcpConsume", this.#handle, octets), Status.OK);
      this.received += octets;
      acted = true;
    }
  }

  #send(nowMs: number): boolean {
    const total = this.#plan.send ?? 0;
    if (this.sent === total || this.#isClosed) return false;
    if (!this.#hasCome(this.#plan.sendFrom ?? "open")) return false;
    if (!this.#isPast(this.#plan.sendFromMs, nowMs)) return false;
    const room = this.#device.call("tcpReserve", this.#handle);
    if (room <= 0) return false;
    const octets = Math.min(room, total - this.sent);
    const at = this.#device.call("tcpReservedAddress", this.#handle);
    this.#device.view(at, octets).set(patternOctets(this.#sender, this.sent, octets));
    assert.equal(this.#device.call("tcpCommit", this.#handle, octets), Status.OK);
    this.sent += octets;
    return true;
  }

  #close(nowMs: number): boolean {
    if (this.#isClosed || this.sent !== (this.#plan.send ?? 0)) return false;
    if (!this.#hasCome(this.#plan.closeAt ?? "eof")) return false;
    if (!this.#isPast(this.#plan.closeFromMs, nowMs)) return false;
    // A close before the connection is there would cancel it instead.
    if (this.#device.status(this.#handle, "STATE") === State.SYN_SENT) return false;
    this.#isClosed = true;
    const how = this.#plan.close ?? "closeWrite";
    if (how === "release") {
      assert.equal(this.#device.call("tcpRelease", this.#handle), Status.OK);
      this.reason = "NONE";
      return true;
    }
    const name = ({ closeWrite: "tcpCloseWrite", close: "tcpClose", abort: "tcpAbort" } as const)[
      how
    ];
    const status = this.#device.call(name, this.#handle);
    assert.ok(
      status === Status.OK || status === Status.CONNECTION_ENDED,
      statusName(status) + name,
    );
    return true;
  }

  /** Over: everything is read that can be, the reason is noted, the handle goes back. */
  #finish(): boolean {
    const reason = this.#device.status(this.#handle, "END_REASON");
    if (reason === EndReason.NONE) return false;
    if (this.#device.call("tcpPeek", this.#handle) > 0) return false;
    this.reason = reasonName(reason);
    assert.equal(this.#device.call("tcpRelease", this.#handle), Status.OK);
    return true;
  }
}
