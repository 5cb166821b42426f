/**
 * The names of RFC 9293 §3.3.2 for what an end of a connection can be in, and the two sides of a
 * ladder.
 *
 * Called by everything that draws ladders. Knows nothing of the module's numbers for the states.
 */

/** "?" stands for what a trace cannot tell. */
export type StateName =
  | "CLOSED"
  | "LISTEN"
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSE-WAIT"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT"
  | "?";

export type Side = "left" | "right";

export function otherSide(side: Side): Side {
  return side === "left" ? "right" : "left";
}

/** The states of both ends at one moment. */
export interface StatePair {
  left: StateName;
  right: StateName;
}
