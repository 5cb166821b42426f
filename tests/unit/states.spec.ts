/**
 * The arrows of RFC 9293 Figure 5, written down a second time.
 */

import { State } from "../../assembly/core/abi";
import { resetFlows } from "../../assembly/tcp/flow";
import { Tcb, allocateTcb, isLegalTransition, resetTcbs, setState } from "../../assembly/tcp/tcb";

/** From, to. A TCB has no LISTEN: a passive open gets one with the completed handshake. */
const ARROWS: StaticArray<State> = [
  State.CLOSED,
  State.SYN_SENT, // active OPEN
  State.CLOSED,
  State.ESTABLISHED, // a half-open record's handshake completed
  State.SYN_SENT,
  State.SYN_RECEIVED, // simultaneous open
  State.SYN_SENT,
  State.ESTABLISHED, // SYN,ACK
  State.SYN_RECEIVED,
  State.ESTABLISHED, // ACK of SYN
  State.SYN_RECEIVED,
  State.FIN_WAIT_1, // CLOSE
  State.ESTABLISHED,
  State.FIN_WAIT_1, // CLOSE
  State.ESTABLISHED,
  State.CLOSE_WAIT, // FIN
  State.FIN_WAIT_1,
  State.FIN_WAIT_2, // ACK of FIN
  State.FIN_WAIT_1,
  State.CLOSING, // FIN
  State.FIN_WAIT_2,
  State.TIME_WAIT, // FIN
  State.CLOSING,
  State.TIME_WAIT, // ACK of FIN
  State.CLOSE_WAIT,
  State.LAST_ACK, // CLOSE
  // The end: RST, ABORT, user timeout, and in LAST-ACK and TIME-WAIT the normal one.
  State.SYN_SENT,
  State.CLOSED,
  State.SYN_RECEIVED,
  State.CLOSED,
  State.ESTABLISHED,
  State.CLOSED,
  State.FIN_WAIT_1,
  State.CLOSED,
  State.FIN_WAIT_2,
  State.CLOSED,
  State.CLOSE_WAIT,
  State.CLOSED,
  State.CLOSING,
  State.CLOSED,
  State.LAST_ACK,
  State.CLOSED,
  State.TIME_WAIT,
  State.CLOSED,
];
const STATE_COUNT = 11;

function isArrow(from: i32, to: i32): bool {
  for (let i = 0; i < ARROWS.length; i += 2) {
    if (ARROWS[i] == from && ARROWS[i + 1] == to) return true;
  }
  return false;
}

let tcb: Tcb = changetype<Tcb>(0);

describe("states", () => {
  test("legal transitions are the arrows of Figure 5, and no others", () => {
    for (let from = 0; from < STATE_COUNT; ++from) {
      for (let to = 0; to < STATE_COUNT; ++to) {
        expect<bool>(isLegalTransition(from, to)).toBe(isArrow(from, to));
      }
    }
  });

  test("setState follows an arrow", () => {
    resetFlows();
    resetTcbs();
    tcb = allocateTcb()!;
    setState(tcb, State.SYN_SENT);
    setState(tcb, State.SYN_RECEIVED);
    setState(tcb, State.FIN_WAIT_1);
    setState(tcb, State.CLOSING);
    setState(tcb, State.TIME_WAIT);
    setState(tcb, State.CLOSED);
    expect<u32>(tcb.state).toBe(State.CLOSED);
  });

  test("setState traps where there is no arrow", () => {
    resetFlows();
    resetTcbs();
    tcb = allocateTcb()!;
    setState(tcb, State.SYN_SENT);
    expect(() => {
      setState(tcb, State.CLOSE_WAIT);
    }).toThrow("no arrow from SYN-SENT to CLOSE-WAIT");
    expect<u32>(tcb.state).toBe(State.SYN_SENT);
  });
});
