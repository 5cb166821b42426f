/**
 * ESTABLISHED (RFC 9293 §3.10.7.4), with octets in flight; and the same with a closed
 * receive window.
 *
 * Documented deviations: an empty segment is taken at the right edge, and a FIN without text where
 * the window is closed.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const ESTABLISHED: StateTables = {
  segments: {
    ESTABLISHED: `
# segment                       | answer | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -      | CLOSED       |                | reset [MUST-12]
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
text                            | ACK~   |              | rcv+9          | text [MUST-40]
text, ACK of all                | ACK~   |              | una=nxt rcv+9  | acked text
text, old ACK                   | ACK~   |              | rcv+9          | text
text, ACK older than any window | ACK    |              |                | [MAY-12]
text, ACK too new               | ACK    |              |                |
text without ACK                | -      |              |                |
text ahead                      | ACK    |              |                | [MAY-13]
text ahead, ACK of all          | ACK    |              | una=nxt        | acked
text partly right               | ACK    |              | una=nxt        | acked
text right                      | ACK    |              |                |
text partly left                | ACK~   |              | una=nxt rcv+5  | acked text
text left                       | ACK    |              |                |
# Eighth check: FIN
FIN                             | ACK    | CLOSE-WAIT   | rcv+1          | closing [MUST-12]
FIN, ACK of all                 | ACK    | CLOSE-WAIT   | una=nxt rcv+1  | acked closing
FIN, old ACK                    | ACK    | CLOSE-WAIT   | rcv+1          | closing
FIN, ACK too new                | ACK    |              |                |
FIN without ACK                 | -      |              |                |
FIN with text                   | ACK    | CLOSE-WAIT   | rcv+10         | text closing
FIN with text, ACK of all       | ACK    | CLOSE-WAIT   | una=nxt rcv+10 | acked text closing
FIN with text, partly left      | ACK    | CLOSE-WAIT   | una=nxt rcv+6  | acked text closing
FIN with text, partly right     | ACK    |              | una=nxt        | acked
FIN ahead                       | ACK    |              | una=nxt        | acked
FIN right                       | ACK    |              |                |
FIN left                        | ACK    |              |                |
FIN left, ACK of all            | ACK    |              |                |
# Sixth check: URG
URG with text                   | ACK~   |              | rcv+9          | text urgent
URG without text                | -      |              |                | urgent
URG without ACK                 | -      |              |                |
`,
    "ESTABLISHED, RCV.WND = 0": `
# segment                       | answer | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -      | CLOSED       |                | reset [MUST-66]
RST, ACK of all                 | -      | CLOSED       |                | reset [MUST-66]
RST, old ACK                    | -      | CLOSED       |                | reset
RST, ACK too new                | -      | CLOSED       |                | reset
RST with text                   | -      | CLOSED       |                | reset [SHLD-2]
RST and SYN                     | -      | CLOSED       |                | reset
RST and SYN,ACK at IRS          | -      |              |                |
RST and FIN                     | -      | CLOSED       |                | reset
RST in the window               | -      |              |                |
RST in the window, ACK of all   | -      |              |                |
RST in the window's last place  | cannot | RCV.WND is 0
RST at the right edge           | cannot | the edge is RCV.NXT
RST right                       | -      |              |                |
RST left                        | -      |              |                |
RST with text, partly left      | -      |              |                |
RST with text, partly right     | cannot | RCV.WND is 0
# Fourth check: SYN (RFC 5961 §4)
SYN, the peer's first           | ACK0   |              |                |
SYN with text                   | ACK0   |              |                |
SYN and FIN                     | ACK0   |              |                |
SYN at RCV.NXT                  | ACK0   |              |                |
SYN in the window               | ACK0   |              |                |
SYN left                        | ACK0   |              |                |
SYN right                       | ACK0   |              |                |
SYN,ACK, the peer's first       | ACK0   |              |                |
SYN,ACK with text               | ACK0   |              |                |
SYN,ACK and FIN                 | ACK0   |              |                |
SYN,ACK, duplicate ACK          | ACK0   |              |                |
SYN,ACK, ACK too new            | ACK0   |              |                |
SYN,ACK in the window           | ACK0   |              |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | -      |              | una=nxt-1      |
ACK of all                      | -      |              | una=nxt        | acked
duplicate ACK                   | -      |              |                |
old ACK                         | -      |              |                |
ACK older than any window       | ACK0   |              |                |
ACK too new                     | ACK0   |              |                |
ACK of all, in the window       | ACK0   |              |                |
ACK of all, in the last place   | cannot | RCV.WND is 0
ACK of all, at the right edge   | cannot | the edge is RCV.NXT
ACK of all, right               | ACK0   |              |                |
ACK of all, left                | ACK0   |              |                |
no control bit                  | -      |              |                |
no control bit, right           | ACK0   |              |                |
no control bit, left            | ACK0   |              |                |
# Seventh check: text
text                            | ACK0   |              |                |
text, ACK of all                | ACK0   |              | una=nxt        | acked
text, old ACK                   | ACK0   |              |                |
text, ACK older than any window | ACK0   |              |                | [MAY-12]
text, ACK too new               | ACK0   |              |                |
text without ACK                | ACK0   |              |                |
text ahead                      | ACK0   |              |                |
text ahead, ACK of all          | ACK0   |              |                |
text partly right               | cannot | RCV.WND is 0
text right                      | cannot | the edge is RCV.NXT
text partly left                | ACK0   |              |                |
text left                       | ACK0   |              |                |
# Eighth check: FIN
FIN                             | ACK0   | CLOSE-WAIT   | rcv+1          | closing
FIN, ACK of all                 | ACK0   | CLOSE-WAIT   | una=nxt rcv+1  | acked closing
FIN, old ACK                    | ACK0   | CLOSE-WAIT   | rcv+1          | closing
FIN, ACK too new                | ACK0   |              |                |
FIN without ACK                 | -      |              |                |
FIN with text                   | ACK0   |              |                |
FIN with text, ACK of all       | ACK0   |              | una=nxt        | acked
FIN with text, partly left      | ACK0   |              |                |
FIN with text, partly right     | cannot | RCV.WND is 0
FIN ahead                       | ACK0   |              |                |
FIN right                       | cannot | the edge is RCV.NXT
FIN left                        | ACK0   |              |                |
FIN left, ACK of all            | ACK0   |              |                |
# Sixth check: URG
URG with text                   | ACK0   |              |                | urgent [MUST-66]
URG without text                | -      |              |                | urgent
URG without ACK                 | -      |              |                |
`,
  },
  calls: {
    ESTABLISHED: `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        | [MUST-41]
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | OK                 | -        |            |        |
SEND, Nagle off       | OK                 | TEXT     |            | nxt+9  |
RECEIVE               | WOULD_BLOCK        | -        |            |        |
RECEIVE of text       | OK                 | -        |            | rcv+9  | text
CLOSE                 | OK                 | FIN      | FIN-WAIT-1 | nxt+1  |
CLOSE after SEND      | OK                 | TEXT,FIN | FIN-WAIT-1 | nxt+10 |
full close            | OK                 | FIN      | FIN-WAIT-1 | nxt+1  |
full close, unread    | OK                 | RESET    | CLOSED     | rcv+9  | text aborted [SHLD-3]
full close, then text | OK                 | RESET    | CLOSED     | nxt+1  | aborted [SHLD-3]
ABORT                 | OK                 | RESET    | CLOSED     |        | aborted
ABORT after SEND      | OK                 | RESET    | CLOSED     |        | aborted
STATUS                | OK                 | -        |            |        |
release               | OK                 | FIN      | FIN-WAIT-1 | nxt+1  |
CLOSE of the listener | OK                 | -        |            |        |
`,
  },
  timeouts: {
    ESTABLISHED: `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | FLIGHT        |              |                |
second RETRANSMISSION TIMEOUT     | FLIGHT        |              |                |
USER TIMEOUT                      | -             | CLOSED       |                | trouble timeout
USER TIMEOUT, full close          | -             | CLOSED       |                | trouble timeout
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | ACK~          |              | rcv+9          | text [MUST-40]
window probe                      | PROBE         |              | una=nxt nxt+1  | acked
`,
  },
};
