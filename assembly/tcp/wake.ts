/**
 * After a sleep in which the memory was put away: asks the peers whether they still know their
 * connections.
 *
 * The probe is keep-alive's (RFC 9293 §3.8.4), once, whether or not the user wants keep-alive:
 * whoever knows the connection acknowledges it, whoever does not resets it. Called by `index`.
 */
import { CONNECTION_COUNT } from "../config";
import { State } from "../core/abi";
import { wantOutput } from "./pending";
import { Flag, raiseFlag, stateOfTcb, tcbAt } from "./tcb";

/** The probes leave with the next polls, in turn. What is not synchronised sends its SYN again. */
export function askPeers(): void {
  let index = CONNECTION_COUNT;
  do {
    const tcb = tcbAt(--index);
    if (stateOfTcb(tcb) < State.ESTABLISHED) continue;
    raiseFlag(tcb, Flag.KEEP_ALIVE_DUE);
    wantOutput(tcb);
  } while (index != 0);
}
