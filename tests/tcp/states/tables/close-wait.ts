/**
 * CLOSE-WAIT (RFC 9293 §3.10.7.4): the peer has closed, our octets are in flight. Text and
 * another FIN "should not occur": what they carry is ignored, their ACK is not.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const CLOSE_WAIT: StateTables = {
  segments: {
    "CLOSE-WAIT": `
# segment                       | answer | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -      | CLOSED       |                | reset
RST, ACK of all                 | -      | CLOSED       |                | reset
RST, old ACK                    | -      | CLOSED       |                | reset
RST, ACK too new                | -      | CLOSED       |                | reset
RST with text                   | -      | CLOSED       |                | reset [SHLD-2]
RST and SYN                     | -      | CLOSED       |                | reset
RST and SYN,ACK at IRS          | -      |              |                |
RST and FIN                     | -      | CLOSED       |                | reset
RST in the window               | ACK    |              |                |
RST in the window, ACK of all   | ACK    |              |                |
RST in the window's last place  | ACK    |              |                |
RST at the right edge           | -      |              |                |
RST right                       | -      |              |                |
RST left                        | -      |              |                |
RST with text, partly left      | -      |              |                |
RST with text, partly right     | ACK    |              |                |
# Fourth check: SYN (RFC 5961 §4)
SYN, the peer's first           | ACK    |              |                |
SYN with text                   | ACK    |              |                |
SYN and FIN                     | ACK    |              |                |
SYN at RCV.NXT                  | ACK    |              |                |
SYN in the window               | ACK    |              |                |
SYN left                        | ACK    |              |                |
SYN right                       | ACK    |              |                |
SYN,ACK, the peer's first       | ACK    |              |                |
SYN,ACK with text               | ACK    |              |                |
SYN,ACK and FIN                 | ACK    |              |                |
SYN,ACK, duplicate ACK          | ACK    |              |                |
SYN,ACK, ACK too new            | ACK    |              |                |
SYN,ACK in the window           | ACK    |              |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | -      |              | una=nxt-1      |
ACK of all                      | -      |              | una=nxt        | acked
duplicate ACK                   | -      |              |                |
old ACK                         | -      |              |                |
ACK older than any window       | ACK    |              |                |
ACK too new                     | ACK    |              |                |
ACK of all, in the window       | -      |              | una=nxt        | acked
ACK of all, in the last place   | -      |              | una=nxt        | acked
ACK of all, at the right edge   | -      |              | una=nxt        | acked
ACK of all, right               | ACK    |              |                |
ACK of all, left                | ACK    |              |                |
no control bit                  | -      |              |                |
no control bit, right           | ACK    |              |                |
no control bit, left            | ACK    |              |                |
# Seventh check: text
text                            | (ACK)  |              |                |
text, ACK of all                | (ACK)  |              | una=nxt        | acked
text, old ACK                   | (ACK)  |              |                |
text, ACK older than any window | ACK    |              |                |
text, ACK too new               | ACK    |              |                |
text without ACK                | -      |              |                |
text ahead                      | (ACK)  |              |                |
text ahead, ACK of all          | (ACK)  |              | una=nxt        | acked
text partly right               | (ACK)  |              | una=nxt        | acked
text right                      | ACK    |              |                |
text partly left                | (ACK)  |              | una=nxt        | acked
text left                       | ACK    |              |                |
# Eighth check: FIN
FIN                             | (ACK)  |              |                |
FIN, ACK of all                 | (ACK)  |              | una=nxt        | acked
FIN, old ACK                    | (ACK)  |              |                |
FIN, ACK too new                | ACK    |              |                |
FIN without ACK                 | -      |              |                |
FIN with text                   | (ACK)  |              |                |
FIN with text, ACK of all       | (ACK)  |              | una=nxt        | acked
FIN with text, partly left      | (ACK)  |              | una=nxt        | acked
FIN with text, partly right     | (ACK)  |              | una=nxt        | acked
FIN ahead                       | (ACK)  |              | una=nxt        | acked
FIN right                       | ACK    |              |                |
FIN left                        | ACK    |              |                |
FIN left, ACK of all            | ACK    |              |                |
# Sixth check: URG
URG with text                   | (ACK)  |              |                |
URG without text                | -      |              |                |
URG without ACK                 | -      |              |                |
`,
  },
  calls: {
    "CLOSE-WAIT": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | OK                 | -        |            |        |
SEND, Nagle off       | OK                 | TEXT     |            | nxt+9  |
RECEIVE               | EOF                | -        |            |        |
RECEIVE of text       | cannot             | the peer has closed, and all is read
CLOSE                 | OK                 | FIN      | LAST-ACK   | nxt+1  |
CLOSE after SEND      | OK                 | TEXT,FIN | LAST-ACK   | nxt+10 |
full close            | OK                 | FIN      | LAST-ACK   | nxt+1  |
full close, unread    | cannot             | the peer has closed, and all is read
full close, then text | cannot             | the peer has closed, and all is read
ABORT                 | OK                 | RESET    | CLOSED     |        | aborted
ABORT after SEND      | OK                 | RESET    | CLOSED     |        | aborted
STATUS                | OK                 | -        |            |        |
release               | OK                 | FIN      | LAST-ACK   | nxt+1  |
CLOSE of the listener | OK                 | -        |            |        |
`,
  },
  timeouts: {
    "CLOSE-WAIT": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | FLIGHT        |              |                |
second RETRANSMISSION TIMEOUT     | FLIGHT        |              |                |
USER TIMEOUT                      | -             | CLOSED       |                | trouble timeout
USER TIMEOUT, full close          | -             | CLOSED       |                | trouble timeout
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | cannot        | no text is taken here
window probe                      | PROBE         |              | una=nxt nxt+1  | acked
`,
  },
};
