/**
 * The eleven states as the tables meet them: how each is reached, and SND.UNA, SND.NXT and RCV.NXT
 * there. Where a state has two ways in, or more than one answer, each is a situation of its own.
 *
 *     SEQ=101, 1 octet       sent and acknowledged     SEQ=301, 5 octets    received and read
 *     SEQ=102, 20 octets     in flight                 SEQ=306              the peer's FIN
 *     SEQ=122                our FIN
 *
 * With the wrapping numbers SND.UNA and RCV.NXT are among the last ones below 2^32, what is in
 * flight or arrives crosses it, and the clock wraps within the next second.
 * Read by the tests of the tables.
 */
import type { Conversation, RfcState } from "../../support/conversation.ts";
import { given, type GivenOptions, type Role, ROLES } from "../../support/given.ts";
import type { Variant } from "../../support/variants.ts";

/** Sequence variables, as tests count: ISS is 100, the peer's 300. */
export interface Variables {
  una: number;
  nxt: number;
  rcv: number;
}

export interface Situation {
  /** Begins with the state. */
  name: string;
  state: RfcState;
  /** Who may have opened. */
  roles: readonly Role[];
  at: (ringOctets: number) => Variables;
  /** The state of given.ts from which `steps` leads here. Default ESTABLISHED. */
  from?: RfcState;
  steps?: (c: Conversation) => void;
}

export const SITUATIONS: readonly Situation[] = [
  { ...situation("CLOSED", 101, 101, 301), roles: ["active"], from: "CLOSED" },
  { ...situation("LISTEN", 101, 101, 301), roles: ["passive"], from: "LISTEN" },
  { ...situation("SYN-SENT", 100, 101, 301), roles: ["active"], from: "SYN-SENT" },
  {
    // A half-open record, of which the user does not know yet.
    ...situation("SYN-RECEIVED", 100, 101, 301),
    name: "SYN-RECEIVED, passive OPEN",
    roles: ["passive"],
    from: "SYN-RECEIVED",
  },
  {
    // Both opened at once.
    ...situation("SYN-RECEIVED", 100, 101, 301),
    name: "SYN-RECEIVED, active OPEN",
    roles: ["active"],
    from: "SYN-RECEIVED",
  },
  { ...situation("ESTABLISHED", 102, 122, 306), steps: transfer },
  {
    ...situation("ESTABLISHED", 102, 122, 301),
    name: "ESTABLISHED, RCV.WND = 0",
    at: (ringOctets) => ({ una: 102, nxt: 122, rcv: 301 + ringOctets }),
    steps: fillRing,
  },
  { ...situation("FIN-WAIT-1", 102, 123, 306), steps: closeFirst },
  {
    // CLOSE came in SYN-RECEIVED: the SYN is still to be acknowledged (§3.10.4).
    ...situation("FIN-WAIT-1", 100, 102, 301),
    name: "FIN-WAIT-1, SYN outstanding",
    roles: ["active"],
    from: "SYN-RECEIVED",
    steps: (c) => c.closeWrite().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>"),
  },
  {
    ...situation("FIN-WAIT-2", 123, 123, 306),
    steps: (c) => {
      closeFirst(c);
      c.send("<SEQ=306><ACK=123><CTL=ACK>");
    },
  },
  { ...situation("CLOSE-WAIT", 102, 122, 307), steps: hearFin },
  {
    ...situation("CLOSING", 102, 123, 307),
    steps: (c) => {
      closeFirst(c);
      c.send("<SEQ=306><ACK=102><CTL=FIN,ACK>").expect("<SEQ=123><ACK=307><CTL=ACK>");
    },
  },
  {
    ...situation("LAST-ACK", 102, 123, 307),
    steps: (c) => {
      hearFin(c);
      c.closeWrite().expect("<SEQ=122><ACK=307><CTL=FIN,ACK>");
    },
  },
  {
    ...situation("TIME-WAIT", 123, 123, 307),
    roles: ["active"],
    steps: timeWait,
  },
  {
    ...situation("TIME-WAIT", 123, 123, 307),
    name: "TIME-WAIT, LISTEN on the port",
    roles: ["passive"],
    steps: timeWait,
  },
];

/** What is left of a connection for its user, when the peer has reset it. */
const RESET: Situation = {
  ...situation("CLOSED", 101, 101, 301),
  name: "CLOSED, reset before",
  roles: ["active"],
  from: "ESTABLISHED",
  steps: (c) => c.send("<SEQ=301><CTL=RST>"),
};

/** Those that user calls and time-outs find different. */
export const CALL_SITUATIONS: readonly Situation[] = [
  ...SITUATIONS.filter(({ name }) => name !== "ESTABLISHED, RCV.WND = 0"),
  RESET,
];
export const TIMEOUT_SITUATIONS = CALL_SITUATIONS.filter((other) => other !== RESET);

function situation(state: RfcState, una: number, nxt: number, rcv: number): Situation {
  return { name: state, state, roles: ROLES, at: () => ({ una, nxt, rcv }) };
}

export function reach(
  { state, from, steps }: Situation,
  variant: Variant,
  options: GivenOptions,
): Conversation {
  const c = given(from ?? "ESTABLISHED", variant, options);
  steps?.(c);
  c.expectNothing().state(state);
  if (c.handle !== 0) c.rig.eventsOf(c.handle);
  if (c.listener !== 0) c.rig.eventsOf(c.listener);
  return c;
}

function transfer(c: Conversation): void {
  c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
  c.send("<SEQ=301><ACK=102><CTL=PSH,ACK><DATA=5>").expectSoon("<SEQ=102><ACK=306><CTL=ACK>");
  c.read(5).write(20).expect("<SEQ=102><ACK=306><CTL=PSH,ACK><DATA=20>");
}

/** The peer fills the receive ring, and nobody reads. */
function fillRing(c: Conversation): void {
  const end = 301 + c.rig.device.limit("RECEIVE_RING_SIZE");
  c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
  for (let seq = 301; seq < end; seq += 1_000) {
    c.send(`<SEQ=${seq}><ACK=102><CTL=ACK><DATA=${Math.min(1_000, end - seq)}>`).take();
  }
  c.write(20).expect(`<SEQ=102><ACK=${end}><WND=0><CTL=PSH,ACK><DATA=20>`);
}

function closeFirst(c: Conversation): void {
  transfer(c);
  c.closeWrite().expect("<SEQ=122><ACK=306><CTL=FIN,ACK>");
}

function hearFin(c: Conversation): void {
  transfer(c);
  c.send("<SEQ=306><ACK=102><CTL=FIN,ACK>").expect("<SEQ=122><ACK=307><CTL=ACK>");
}

function timeWait(c: Conversation): void {
  closeFirst(c);
  c.send("<SEQ=306><ACK=123><CTL=FIN,ACK>").expect("<SEQ=123><ACK=307><CTL=ACK>");
}
