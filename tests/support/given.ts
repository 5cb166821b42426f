/**
 * A conversation brought into one of the eleven states, by the segments and calls of the RFC's
 * figures, each step checked.
 *
 *     state         SND.UNA SND.NXT RCV.NXT      how it got there
 *     SYN-SENT        100     101      —         active OPEN
 *     SYN-RECEIVED    100     101     301        SYN for a listener, or both open at once
 *     ESTABLISHED     101     101     301
 *     FIN-WAIT-1      101     102     301        CLOSE, our FIN unacknowledged
 *     FIN-WAIT-2      102     102     301
 *     CLOSE-WAIT      101     101     302        the peer's FIN
 *     CLOSING         101     102     302        both FINs crossed
 *     LAST-ACK        101     102     302        the peer's FIN, then CLOSE
 *     TIME-WAIT       102     102     302        CLOSE, then the peer's FIN
 *
 * Called by the tests. Events up to there are taken away.
 */
import { Conversation, PEER_MSS, type RfcState } from "./conversation.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { type Beginning, beginningOf, type Variant } from "./variants.ts";

export type Role = "active" | "passive";
export const ROLES: readonly Role[] = ["active", "passive"];

export interface GivenOptions extends Partial<RigOptions> {
  /** Who opened. Default active; LISTEN is passive, SYN-SENT active, whatever stands here. */
  role?: Role;
  /** The peer's MSS option; 0 for none. */
  mss?: number;
  /** The window that the peer offers. */
  window?: number;
  backlog?: number;
  /** The peer's segments carry timestamps, its SYN first. */
  stamped?: boolean;
  beginning?: Partial<Beginning>;
}

/** A conversation of a fresh module, in CLOSED. */
export function fresh(variant: Variant, options: GivenOptions = {}): Conversation {
  const beginning = { ...beginningOf(variant.numbers), ...options.beginning };
  const rig = new Rig({ startMs: beginning.startMs, ...options, profile: variant.profile });
  const conversation = new Conversation(rig, beginning, beginning.irs);
  if (options.window !== undefined) conversation.window = options.window;
  conversation.timestamps = options.stamped ?? false;
  return conversation;
}

export function given(state: RfcState, variant: Variant, options: GivenOptions = {}): Conversation {
  const conversation = fresh(variant, options);
  REACH[state](conversation, options);
  if (conversation.handle !== 0) conversation.rig.eventsOf(conversation.handle);
  return conversation.state(state);
}

/** `<MSS=…>` of the peer's SYN. */
function mssOf(options: GivenOptions): string {
  const mss = options.mss ?? PEER_MSS;
  return mss === 0 ? "" : `<MSS=${mss}>`;
}

const REACH: Record<RfcState, (c: Conversation, options: GivenOptions) => void> = {
  CLOSED: () => undefined,
  LISTEN: (c, options) => c.listen(options.backlog),
  "SYN-SENT": (c) => c.connect().expect("<SEQ=100><CTL=SYN><MSS=1460>"),
  "SYN-RECEIVED": reachSynReceived,
  ESTABLISHED: reachEstablished,
  "FIN-WAIT-1": (c, options) => {
    reachEstablished(c, options);
    c.closeWrite().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
  },
  "FIN-WAIT-2": (c, options) => {
    REACH["FIN-WAIT-1"](c, options);
    c.send("<SEQ=301><ACK=102><CTL=ACK>").expectNothing();
  },
  "CLOSE-WAIT": (c, options) => {
    reachEstablished(c, options);
    c.send("<SEQ=301><ACK=101><CTL=FIN,ACK>").expect("<SEQ=101><ACK=302><CTL=ACK>");
  },
  CLOSING: (c, options) => {
    REACH["FIN-WAIT-1"](c, options);
    c.send("<SEQ=301><ACK=101><CTL=FIN,ACK>").expect("<SEQ=102><ACK=302><CTL=ACK>");
  },
  "LAST-ACK": (c, options) => {
    REACH["CLOSE-WAIT"](c, options);
    c.closeWrite().expect("<SEQ=101><ACK=302><CTL=FIN,ACK>");
  },
  "TIME-WAIT": (c, options) => {
    REACH["FIN-WAIT-2"](c, options);
    c.send("<SEQ=301><ACK=102><CTL=FIN,ACK>").expect("<SEQ=102><ACK=302><CTL=ACK>");
  },
};

/** Figure 6, lines 1 to 3; or Figure 8 as far as line 4. */
function reachSynReceived(c: Conversation, options: GivenOptions): void {
  if (options.role === "passive") {
    c.listen(options.backlog);
    c.send(`<SEQ=300><CTL=SYN>${mssOf(options)}`);
  } else {
    REACH["SYN-SENT"](c, options);
    c.send(`<SEQ=300><CTL=SYN>${mssOf(options)}`);
  }
  c.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
}

function reachEstablished(c: Conversation, options: GivenOptions): void {
  if (options.role === "passive") {
    reachSynReceived(c, options);
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
  } else {
    REACH["SYN-SENT"](c, options);
    c.send(`<SEQ=300><ACK=101><CTL=SYN,ACK>${mssOf(options)}`);
    c.expect("<SEQ=101><ACK=301><CTL=ACK>");
  }
}
