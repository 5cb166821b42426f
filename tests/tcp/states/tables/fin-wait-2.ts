/**
 * FIN-WAIT-2 (RFC 9293 §3.10.7.4): our FIN is acknowledged, the peer goes on.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const FIN_WAIT_2: StateTables = {
  segments: {
    "FIN-WAIT-2": `
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
ACK of a part                   | cannot | nothing is outstanding
ACK of all                      | -      |              |                |
duplicate ACK                   | -      |              |                |
old ACK                         | -      |              |                |
ACK older than any window       | ACK    |              |                |
ACK too new                     | ACK    |              |                |
ACK of all, in the window       | -      |              |                |
ACK of all, in the last place   | -      |              |                |
ACK of all, at the right edge   | -      |              |                |
ACK of all, right               | ACK    |              |                |
ACK of all, left                | ACK    |              |                |
no control bit                  | -      |              |                |
no control bit, right           | ACK    |              |                |
no control bit, left            | ACK    |              |                |
# Seventh check: text
text                            | ACK~   |              | rcv+9          | text [MUST-40]
text, ACK of all                | ACK~   |              | rcv+9          | text
text, old ACK                   | ACK~   |              | rcv+9          | text
text, ACK older than any window | ACK    |              |                | [MAY-12]
text, ACK too new               | ACK    |              |                |
text without ACK                | -      |              |                |
text ahead                      | ACK    |              |                | [MAY-13]
text ahead, ACK of all          | ACK    |              |                |
text partly right               | ACK    |              |                |
text right                      | ACK    |              |                |
text partly left                | ACK~   |              | rcv+5          | text
text left                       | ACK    |              |                |
# Eighth check: FIN
FIN                             | ACK    | TIME-WAIT    | rcv+1          | closing closed
FIN, ACK of all                 | ACK    | TIME-WAIT    | rcv+1          | closing closed
FIN, old ACK                    | ACK    | TIME-WAIT    | rcv+1          | closing closed
FIN, ACK too new                | ACK    |              |                |
FIN without ACK                 | -      |              |                |
FIN with text                   | ACK    | TIME-WAIT    | rcv+10         | text closing closed
FIN with text, ACK of all       | ACK    | TIME-WAIT    | rcv+10         | text closing closed
FIN with text, partly left      | ACK    | TIME-WAIT    | rcv+6          | text closing closed
FIN with text, partly right     | ACK    |              |                |
FIN ahead                       | ACK    |              |                |
FIN right                       | ACK    |              |                |
FIN left                        | ACK    |              |                |
FIN left, ACK of all            | ACK    |              |                |
# Sixth check: URG
URG with text                   | ACK~   |              | rcv+9          | text urgent
URG without text                | -      |              |                | urgent
URG without ACK                 | -      |              |                |
`,
  },
  calls: {
    "FIN-WAIT-2": `
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
  },
  timeouts: {
    "FIN-WAIT-2": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | -             |              |                |
second RETRANSMISSION TIMEOUT     | -             |              |                |
USER TIMEOUT                      | -             |              |                |
USER TIMEOUT, full close          | -             | CLOSED       |                | timeout
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | ACK~          |              | rcv+9          | text [MUST-40]
window probe                      | cannot        | nothing can wait for the window
`,
  },
};
