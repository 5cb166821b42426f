/**
 * FIN-WAIT-1 (RFC 9293 §3.10.7.4): octets and our FIN are in flight. CLOSE in SYN-RECEIVED
 * leads here as well, before our SYN is acknowledged.
 *
 * Documented deviations: an empty segment is taken at the right edge, and while our SYN is
 * outstanding its ACK is judged as in SYN-RECEIVED.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const FIN_WAIT_1: StateTables = {
  segments: {
    "FIN-WAIT-1": `
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
ACK of all                      | -      | FIN-WAIT-2   | una=nxt        | acked
duplicate ACK                   | -      |              |                |
old ACK                         | -      |              |                |
ACK older than any window       | ACK    |              |                |
ACK too new                     | ACK    |              |                |
ACK of all, in the window       | -      | FIN-WAIT-2   | una=nxt        | acked
ACK of all, in the last place   | -      | FIN-WAIT-2   | una=nxt        | acked
ACK of all, at the right edge   | -      | FIN-WAIT-2   | una=nxt        | acked
ACK of all, right               | ACK    |              |                |
ACK of all, left                | ACK    |              |                |
no control bit                  | -      |              |                |
no control bit, right           | ACK    |              |                |
no control bit, left            | ACK    |              |                |
# Seventh check: text
text                            | ACK~   |              | rcv+9          | text
text, ACK of all                | ACK~   | FIN-WAIT-2   | una=nxt rcv+9  | acked text
text, old ACK                   | ACK~   |              | rcv+9          | text
text, ACK older than any window | ACK    |              |                | [MAY-12]
text, ACK too new               | ACK    |              |                |
text without ACK                | -      |              |                |
text ahead                      | ACK    |              |                | [MAY-13]
text ahead, ACK of all          | ACK    | FIN-WAIT-2   | una=nxt        | acked
text partly right               | ACK    | FIN-WAIT-2   | una=nxt        | acked
text right                      | ACK    |              |                |
text partly left                | ACK~   | FIN-WAIT-2   | una=nxt rcv+5  | acked text
text left                       | ACK    |              |                |
# Eighth check: FIN
FIN                             | ACK    | CLOSING      | rcv+1          | closing
FIN, ACK of all                 | ACK    | TIME-WAIT    | una=nxt rcv+1  | acked closing closed
FIN, old ACK                    | ACK    | CLOSING      | rcv+1          | closing
FIN, ACK too new                | ACK    |              |                |
FIN without ACK                 | -      |              |                |
FIN with text                   | ACK    | CLOSING      | rcv+10         | text closing
FIN with text, ACK of all       | ACK    | TIME-WAIT    | una=nxt rcv+10 | acked text closing closed
FIN with text, partly left      | ACK    | TIME-WAIT    | una=nxt rcv+6  | acked text closing closed
FIN with text, partly right     | ACK    | FIN-WAIT-2   | una=nxt        | acked
FIN ahead                       | ACK    | FIN-WAIT-2   | una=nxt        | acked
FIN right                       | ACK    |              |                |
FIN left                        | ACK    |              |                |
FIN left, ACK of all            | ACK    |              |                |
# Sixth check: URG
URG with text                   | ACK~   |              | rcv+9          | text urgent
URG without text                | -      |              |                | urgent
URG without ACK                 | -      |              |                |
`,
    "FIN-WAIT-1, SYN outstanding": `
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
SYN,ACK, the peer's first       | (ACK)  | FIN-WAIT-2   | una=nxt        | acked
SYN,ACK with text               | ACK    | FIN-WAIT-2   | una=nxt rcv+9  | acked text
SYN,ACK and FIN                 | ACK    | TIME-WAIT    | una=nxt rcv+1  | acked closing closed
SYN,ACK, duplicate ACK          | ACK    |              |                |
SYN,ACK, ACK too new            | ACK    |              |                |
SYN,ACK in the window           | ACK    |              |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | -      |              | una=nxt-1      |
ACK of all                      | -      | FIN-WAIT-2   | una=nxt        | acked
duplicate ACK                   | RST    |              |                |
old ACK                         | RST    |              |                |
ACK older than any window       | RST    |              |                |
ACK too new                     | RST    |              |                |
ACK of all, in the window       | -      | FIN-WAIT-2   | una=nxt        | acked
ACK of all, in the last place   | -      | FIN-WAIT-2   | una=nxt        | acked
ACK of all, at the right edge   | -      | FIN-WAIT-2   | una=nxt        | acked
ACK of all, right               | ACK    |              |                |
ACK of all, left                | ACK    |              |                |
no control bit                  | -      |              |                |
no control bit, right           | ACK    |              |                |
no control bit, left            | ACK    |              |                |
# Seventh check: text
text                            | RST    |              |                |
text, ACK of all                | ACK~   | FIN-WAIT-2   | una=nxt rcv+9  | acked text
text, old ACK                   | RST    |              |                |
text, ACK older than any window | RST    |              |                |
text, ACK too new               | RST    |              |                |
text without ACK                | -      |              |                |
text ahead                      | RST    |              |                |
text ahead, ACK of all          | ACK    | FIN-WAIT-2   | una=nxt        | acked
text partly right               | ACK    | FIN-WAIT-2   | una=nxt        | acked
text right                      | ACK    |              |                |
text partly left                | ACK~   | FIN-WAIT-2   | una=nxt rcv+5  | acked text
text left                       | ACK    |              |                |
# Eighth check: FIN
FIN                             | RST    |              |                |
FIN, ACK of all                 | ACK    | TIME-WAIT    | una=nxt rcv+1  | acked closing closed
FIN, old ACK                    | RST    |              |                |
FIN, ACK too new                | RST    |              |                |
FIN without ACK                 | -      |              |                |
FIN with text                   | RST    |              |                |
FIN with text, ACK of all       | ACK    | TIME-WAIT    | una=nxt rcv+10 | acked text closing closed
FIN with text, partly left      | ACK    | TIME-WAIT    | una=nxt rcv+6  | acked text closing closed
FIN with text, partly right     | ACK    | FIN-WAIT-2   | una=nxt        | acked
FIN ahead                       | ACK    | FIN-WAIT-2   | una=nxt        | acked
FIN right                       | ACK    |              |                |
FIN left                        | ACK    |              |                |
FIN left, ACK of all            | ACK    |              |                |
# Sixth check: URG
URG with text                   | RST    |              |                |
URG without text                | RST    |              |                |
URG without ACK                 | -      |              |                |
`,
  },
  calls: {
    "FIN-WAIT-1": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | CONNECTION_CLOSING | -        |            |        |
SEND, Nagle off       | CONNECTION_CLOSING | -        |            |        |
RECEIVE               | WOULD_BLOCK        | -        |            |        |
RECEIVE of text       | OK                 | -        |            | rcv+9  | text
CLOSE                 | CONNECTION_CLOSING | -        |            |        |
CLOSE after SEND      | cannot             | SEND is refused
full close            | OK                 | -        |            |        |
full close, unread    | OK                 | RESET    | CLOSED     | rcv+9  | text aborted [SHLD-3]
full close, then text | OK                 | RESET    | CLOSED     |        | aborted [SHLD-3]
ABORT                 | OK                 | RESET    | CLOSED     |        | aborted
ABORT after SEND      | cannot             | SEND is refused
STATUS                | OK                 | -        |            |        |
release               | OK                 | -        |            |        |
CLOSE of the listener | OK                 | -        |            |        |
`,
    "FIN-WAIT-1, SYN outstanding": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | CONNECTION_CLOSING | -        |            |        |
SEND, Nagle off       | CONNECTION_CLOSING | -        |            |        |
RECEIVE               | WOULD_BLOCK        | -        |            |        |
RECEIVE of text       | cannot             | text comes with the ACK of our SYN
CLOSE                 | CONNECTION_CLOSING | -        |            |        |
CLOSE after SEND      | cannot             | SEND is refused
full close            | OK                 | -        |            |        |
full close, unread    | cannot             | text comes with the ACK of our SYN
full close, then text | cannot             | text comes with the ACK of our SYN
ABORT                 | OK                 | RESET    | CLOSED     |        | aborted
ABORT after SEND      | cannot             | SEND is refused
STATUS                | OK                 | -        |            |        |
release               | OK                 | -        |            |        |
CLOSE of the listener | cannot             | nobody listens
`,
  },
  timeouts: {
    "FIN-WAIT-1": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | FLIGHT,FIN    |              |                |
second RETRANSMISSION TIMEOUT     | FLIGHT,FIN    |              |                |
USER TIMEOUT                      | -             | CLOSED       |                | trouble timeout
USER TIMEOUT, full close          | -             | CLOSED       |                | trouble timeout
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | ACK~          |              | rcv+9          | text [MUST-40]
window probe                      | cannot        | nothing can wait for the window
`,
    "FIN-WAIT-1, SYN outstanding": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | SYN,ACK + FIN |              |                |
second RETRANSMISSION TIMEOUT     | SYN,ACK + FIN |              |                |
USER TIMEOUT                      | -             | CLOSED       |                | trouble timeout
USER TIMEOUT, full close          | -             | CLOSED       |                | trouble timeout
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | cannot        | text comes with the ACK of our SYN
window probe                      | cannot        | nothing can wait for the window
`,
  },
};
