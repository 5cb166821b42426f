/**
 * A connection that nobody attacks with its own numbers: whatever is done to the rest of the
 * module, it stays established, and what is written at one end is read at the other.
 *
 * Its two ends are the user of the module and a small peer, who answers whatever is asked of him
 * within `exchange`. Called by scene.ts with the segments that leave, and by the fuzzer.
 */
import { Status, StatusField } from "../../../hal/host/abi.ts";
import { Flag } from "../../../hal/host/packet/index.ts";
import { noiseAt, TRANSPORT } from "./frames.ts";
import { Finding } from "./machine.ts";
import type { Flow, Scene } from "./scene.ts";

/** Rounds and time that an exchange may take: ARP may have to be asked again first. */
const ROUNDS_MAX = 60;
const EXCHANGE_MS_MAX = 300_000;
const OCTETS_MAX = 400;

export class Innocent {
  readonly flow: Flow;
  readonly handle: number;
  readonly hasTimestamps: boolean;
  /** The number after the last octet that the peer has got in order. */
  got: number;
  /** The number up to which the module has acknowledged the peer. */
  acked: number;
  /** The next numbers that the user writes and reads. */
  written: number;
  read: number;
  /** Whether the peer has something to acknowledge. */
  owesAck = false;

  constructor(flow: Flow, handle: number, hasTimestamps: boolean) {
    this.flow = { ...flow };
    this.handle = handle;
    this.hasTimestamps = hasTimestamps;
    this.got = this.written = flow.nxt;
    this.acked = this.read = flow.sent;
  }

  clone(): Innocent {
    const copy = new Innocent(this.flow, this.handle, this.hasTimestamps);
    copy.got = this.got;
    copy.acked = this.acked;
    copy.written = this.written;
    copy.read = this.read;
    copy.owesAck = this.owesAck;
    return copy;
  }

  owns(address: number, peerPort: number, localPort: number): boolean {
    const { flow } = this;
    return flow.peerPort === peerPort && flow.localPort === localPort && flow.address === address;
  }

  /** The peer hears the segment of a frame that leaves. */
  hear(scene: Scene, at: number, length: number): void {
    const { octets, view } = scene.machine;
    const tcp = at + TRANSPORT;
    const flags = octets[tcp + 13]!;
    if ((flags & (Flag.RST | Flag.SYN | Flag.FIN)) !== 0) {
      scene.machine.report(new Finding(`an innocent connection got control bits ${flags}`));
      return;
    }
    const seq = view.getUint32(tcp + 4);
    const header = (octets[tcp + 12]! >>> 4) * 4;
    const text = length - TRANSPORT - header;
    const ack = view.getUint32(tcp + 8);
    if (((ack - this.acked) | 0) > 0) this.acked = ack;
    if (this.hasTimestamps) this.flow.tsVal = view.getUint32(tcp + 24);
    if (text === 0) return;
    this.owesAck = true;
    for (let i = 0; i < text; i++) {
      if (octets[tcp + header + i] === noiseAt(seq + i)) continue;
      scene.machine.report(new Finding(`an innocent connection sent a wrong octet at ${i}`));
      return;
    }
    const isNext = ((seq - this.got) | 0) <= 0 && ((seq + text - this.got) | 0) > 0;
    if (isNext) this.got = (seq + text) >>> 0;
  }

  /** Both ends write and read; throws a Finding if that does not succeed. */
  exchange(scene: Scene): void {
    const { machine } = scene;
    const log = machine.log;
    if (log !== undefined) log.push(`exchange ${scene.innocents.indexOf(this)}`);
    machine.log = undefined;
    try {
      this.#exchange(scene);
    } finally {
      machine.log = log;
    }
  }

  #exchange(scene: Scene): void {
    const { flow } = this;
    const { machine } = scene;
    machine.setBusy(false);
    const octets = 1 + (this.written % OCTETS_MAX);
    const goal = (this.written + octets) >>> 0;
    const end = (this.acked + octets) >>> 0;
    flow.sent = this.acked;
    let ms = 0;
    for (let round = 0; round < ROUNDS_MAX && ms < EXCHANGE_MS_MAX; round++) {
      if (this.written !== goal) this.#write(scene, goal);
      this.#speak(scene, end);
      const sleepMs = scene.settle();
      this.#readAll(scene);
      const isDone = this.got === goal && this.acked === end && this.read === end;
      if (isDone && !this.owesAck) return;
      // The peer asks again within a second, and the module when it likes.
      const step = Math.min(sleepMs, 1_000);
      if (round > 1) {
        machine.advance(step);
        ms += step;
      }
    }
    const at = machine.call("tcpStatus", this.handle) + 4 * StatusField.STATE;
    const left = `${(goal - this.got) >>> 0} octets out and ${(end - this.read) >>> 0} in`;
    const state = machine.view.getUint32(at, true);
    throw new Finding(`an innocent connection stands still in state ${state}, ${left} are missing`);
  }

  #write(scene: Scene, goal: number): void {
    const count = scene.machine.write(this.handle, (goal - this.written) >>> 0, (i) =>
      noiseAt(this.written + i),
    );
    if (count > 0) this.written = (this.written + count) >>> 0;
    else if (count !== Status.WOULD_BLOCK) {
      throw new Finding(`an innocent connection cannot write: ${count}`);
    }
  }

  /** The peer's segment: what the module has not acknowledged yet, and the peer's own ACK. */
  #speak(scene: Scene, end: number): void {
    const text = (end - this.acked) >>> 0;
    if (text === 0 && !this.owesAck) return;
    this.owesAck = false;
    const said = { seq: this.acked, ack: this.got, text };
    const options = this.hasTimestamps ? stamp(scene.machine.clock, this.flow.tsVal) : undefined;
    scene.say(this.flow, Flag.ACK | Flag.PSH, options === undefined ? said : { ...said, options });
  }

  #readAll(scene: Scene): void {
    for (let i = 0; i < 4; i++) {
      const count = scene.machine.read(this.handle, OCTETS_MAX, (index, octet) => {
        if (octet === noiseAt(this.read + index)) return;
        throw new Finding(`an innocent connection read a wrong octet at ${index}`);
      });
      if (count > 0) this.read = (this.read + count) >>> 0;
      else if (count === Status.WOULD_BLOCK) return;
      else throw new Finding(`an innocent connection cannot read: ${count}`);
    }
  }
}

/** The timestamps option behind two NOPs (RFC 7323 Appendix A). */
export function stamp(value: number, echo: number): Uint8Array {
  const octets = new Uint8Array(12);
  const view = new DataView(octets.buffer);
  view.setUint32(0, 0x0101_080a);
  view.setUint32(4, value);
  view.setUint32(8, echo);
  return octets;
}
