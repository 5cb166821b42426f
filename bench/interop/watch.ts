/**
 * What the segments of each connection carried, as they passed a wire: whether an option that is
 * said to be on or off really is.
 *
 * Used by `npm run interop` and by tests/interop/kernel. Reads frames with the host's own packet
 * parser, which is written apart from the stack's.
 */
import assert from "node:assert/strict";
import {
  findOption,
  Flag,
  IpProtocol,
  parseFrame,
  type TcpSegment,
  type Wire,
} from "../../hal/host/index.ts";

import type { Switches } from "./grid.ts";

/** ECN in the last two bits of the type of service (RFC 3168 §5). */
const ECN_MASK = 3;
/** Behind the Ethernet header. */
const IP_AT = 14;
const CE = 3;

/** The segments of one direction, by what they carry. */
export class Carried {
  /** The SYN, or SYN-ACK, that came first. */
  syn: TcpSegment | undefined;
  /** Segments after it, RST left out. */
  count = 0;
  timestamps = 0;
  sack = 0;
  /** With data in them. */
  data = 0;
  ectData = 0;
  /** Capable of ECN although they carry no data (RFC 3168 §6.1.4 forbids it). */
  ectBare = 0;
  ce = 0;
  /** Of those after the handshake. */
  ece = 0;
  cwr = 0;
  /** The largest window, as it stands in the header. */
  windowMax = 0;

  add(segment: TcpSegment, ecn: number): void {
    if ((segment.flags & Flag.RST) !== 0) return;
    if ((segment.flags & Flag.SYN) !== 0) {
      this.syn ??= segment;
      return;
    }
    this.count++;
    if (findOption(segment, "timestamps") !== undefined) this.timestamps++;
    if (findOption(segment, "sack") !== undefined) this.sack++;
    if (segment.payload.length > 0) {
      this.data++;
      if (ecn !== 0) this.ectData++;
    } else if (ecn !== 0) this.ectBare++;
    if (ecn === CE) this.ce++;
    if ((segment.flags & Flag.ECE) !== 0) this.ece++;
    if ((segment.flags & Flag.CWR) !== 0) this.cwr++;
    this.windowMax = Math.max(this.windowMax, segment.window);
  }
}

/** All connections, each direction under the ports of its source and its destination. */
export class Watch {
  readonly #directions = new Map<string, Carried>();

  /** To be told of every frame, whichever way it goes. */
  see(octets: Uint8Array): void {
    const { ipv4, tcp } = parseFrame(octets);
    if (ipv4 === undefined || tcp === undefined) return;
    this.carried(tcp.sourcePort, tcp.destinationPort).add(tcp, ipv4.typeOfService & ECN_MASK);
  }

  /** Like `see`, where time counts: looks at the SYNs alone. */
  seeSyn(octets: Uint8Array): void {
    const tcp = IP_AT + 4 * ((octets[IP_AT] ?? 0) & 15);
    const isTcp = octets[IP_AT + 9] === IpProtocol.TCP;
    if (isTcp && ((octets[tcp + 13] ?? 0) & Flag.SYN) !== 0) this.see(octets);
  }

  carried(sourcePort: number, destinationPort: number): Carried {
    const key = `${sourcePort} ${destinationPort}`;
    let carried = this.#directions.get(key);
    if (carried === undefined) this.#directions.set(key, (carried = new Carried()));
    return carried;
  }
}

/** What two SYNs agree on (RFC 2018 §2, RFC 7323 §1.3, RFC 3168 §6.1.1). */
export function agreement(first: Carried, second: Carried): Switches {
  const { syn } = first;
  const answer = second.syn;
  assert.ok(syn !== undefined && answer !== undefined, "no handshake was seen");
  const both = (kind: "sack-permitted" | "timestamps" | "window-scale") =>
    findOption(syn, kind) !== undefined && findOption(answer, kind) !== undefined;
  const echo = Flag.ECE | Flag.CWR;
  return {
    sack: both("sack-permitted"),
    timestamps: both("timestamps"),
    windowScaling: both("window-scale"),
    ecn: (syn.flags & echo) === echo && (answer.flags & echo) === Flag.ECE,
  };
}

/** Shows all that passes a wire, either way. */
export function watchWire(inner: Wire, see: (frame: Uint8Array) => void): Wire {
  return {
    send(frame) {
      const sent = inner.send(frame);
      if (sent) see(frame);
      return sent;
    },
    onFrame(callback) {
      inner.onFrame((frame) => {
        see(frame);
        callback(frame);
      });
    },
    onClose: (callback) => inner.onClose(callback),
    onDrain: (callback) => inner.onDrain?.(callback),
    close: () => inner.close(),
  };
}
