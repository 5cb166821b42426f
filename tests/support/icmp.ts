/**
 * ICMP errors about segments of Linger's, as a router or the peer would send them.
 *
 * Called by tests.
 */
import { buildIpv4, buildTcp, IcmpType } from "../../hal/host/packet/index.ts";
import type { Conversation } from "./conversation.ts";
import { LINGER_ISS } from "./notation.ts";

export interface IcmpErrorInput {
  type?: number;
  code: number;
  /** SEG.SEQ of the quoted segment, as tests count: our ISS is 100. */
  seq: number;
  /** What `rest` of the header says, such as the MTU. */
  rest?: number;
  /** The length that the quoted datagram says it had; as it is by default. */
  length?: number;
  /** Another port than the conversation's. */
  peerPort?: number;
  /** Octets of the datagram that are quoted; RFC 792 asks for the header and 8. */
  quoted?: number;
}

/** The frame of an ICMP error that quotes a segment of this conversation. */
export function icmpErrorFrame(c: Conversation, input: IcmpErrorInput): Uint8Array {
  const addresses = { source: c.rig.address, destination: c.peerAddress };
  const segment = buildTcp(
    {
      sourcePort: c.localPort,
      destinationPort: input.peerPort ?? c.peerPort,
      seq: (input.seq - LINGER_ISS + c.iss) >>> 0,
    },
    addresses,
  );
  const totalLength = input.length === undefined ? {} : { totalLength: input.length };
  const datagram = buildIpv4({ ...addresses, ...totalLength, payload: segment });
  return c.rig.peerFrame({
    icmp: {
      type: input.type ?? IcmpType.DESTINATION_UNREACHABLE,
      code: input.code,
      rest: input.rest ?? 0,
      payload: datagram.subarray(0, input.quoted ?? 28),
    },
  });
}
