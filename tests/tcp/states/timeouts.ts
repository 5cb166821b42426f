/**
 * The time-outs that a state may meet: the rows of each table of time-outs (RFC 9293 §3.10.8,
 * §3.8.6.1, §3.8.6.3).
 *
 * Read by timeouts.test.ts.
 */
import type { Conversation } from "../../support/conversation.ts";

/** RFC 6298 §2: the RTO, before a round trip was measured and where it was short. */
const RTO_MS = 1_000;
/** R2 (§3.8.3), which is Linger's default user timeout. */
const USER_TIMEOUT_MS = 300_000;
/** 2MSL of 30 s each. */
const TIME_WAIT_MS = 60_000;
const OCTETS = 9;

export const TIMEOUTS: readonly (readonly [name: string, happens: (c: Conversation) => void])[] = [
  ["RETRANSMISSION TIMEOUT", (c) => c.after(RTO_MS)],
  [
    "second RETRANSMISSION TIMEOUT",
    (c) => {
      c.advance(RTO_MS).take();
      c.after(2 * RTO_MS);
    },
  ],
  ["USER TIMEOUT", (c) => c.advance(USER_TIMEOUT_MS).take()],
  [
    "USER TIMEOUT, full close",
    (c) => {
      c.close().take();
      c.advance(USER_TIMEOUT_MS).take();
    },
  ],
  ["before TIME-WAIT TIMEOUT", (c) => c.quiet(TIME_WAIT_MS - 1)],
  ["TIME-WAIT TIMEOUT", (c) => c.quiet(TIME_WAIT_MS)],
  [
    "TIME-WAIT TIMEOUT, FIN came again",
    (c) => {
      c.quiet(TIME_WAIT_MS / 2);
      c.send("<SEQ=306><ACK=123><CTL=FIN,ACK>").expect("<SEQ=123><ACK=307><CTL=ACK>");
      c.quiet(TIME_WAIT_MS - 1)
        .state("TIME-WAIT")
        .quiet(1);
    },
  ],
  [
    "delayed ACK",
    (c) => {
      const ack = c.variable("SND_UNA");
      c.send(`<SEQ=${c.variable("RCV_NXT")}><ACK=${ack}><CTL=PSH,ACK><DATA=${OCTETS}>`);
    },
  ],
  [
    "window probe",
    (c) => {
      const ack = c.variable("SND_NXT");
      c.send(`<SEQ=${c.variable("RCV_NXT")}><ACK=${ack}><WND=0><CTL=ACK>`);
      c.write(OCTETS).after(RTO_MS);
    },
  ],
];
