/**
 * TIME-WAIT (RFC 9293 §3.10.7.4): a record without a TCB answers; with a listener on the
 * port a fresh SYN opens the tuple again (MAY-2).
 *
 * Documented deviation: RST is ignored (RFC 1337).
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const TIME_WAIT: StateTables = {
  segments: {
    "TIME-WAIT": `
# segment                       | answer  | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -       |              |                |
RST, ACK of all                 | -       |              |                |
RST, old ACK                    | -       |              |                |
RST, ACK too new                | -       |              |                |
RST with text                   | -       |              |                |
RST and SYN                     | -       |              |                |
RST and SYN,ACK at IRS          | -       |              |                |
RST and FIN                     | -       |              |                |
RST in the window               | -       |              |                |
RST in the window, ACK of all   | -       |              |                |
RST in the window's last place  | -       |              |                |
RST at the right edge           | -       |              |                |
RST right                       | -       |              |                |
RST left                        | -       |              |                |
RST with text, partly left      | -       |              |                |
RST with text, partly right     | -       |              |                |
# Fourth check: SYN (RFC 5961 §4)
SYN, the peer's first           | ACK     |              |                |
SYN with text                   | ACK     |              |                |
SYN and FIN                     | ACK     |              |                |
SYN at RCV.NXT                  | ACK     |              |                |
SYN in the window               | ACK     |              |                |
SYN left                        | ACK     |              |                |
SYN right                       | ACK     |              |                |
SYN,ACK, the peer's first       | ACK     |              |                |
SYN,ACK with text               | ACK     |              |                |
SYN,ACK and FIN                 | ACK     |              |                |
SYN,ACK, duplicate ACK          | ACK     |              |                |
SYN,ACK, ACK too new            | ACK     |              |                |
SYN,ACK in the window           | ACK     |              |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | cannot  | nothing is outstanding
ACK of all                      | -       |              |                |
duplicate ACK                   | -       |              |                |
old ACK                         | -       |              |                |
ACK older than any window       | (ACK)   |              |                |
ACK too new                     | (ACK)   |              |                |
ACK of all, in the window       | -       |              |                |
ACK of all, in the last place   | -       |              |                |
ACK of all, at the right edge   | -       |              |                |
ACK of all, right               | ACK     |              |                |
ACK of all, left                | ACK     |              |                |
no control bit                  | -       |              |                |
no control bit, right           | ACK     |              |                |
no control bit, left            | ACK     |              |                |
# Seventh check: text
text                            | (ACK)   |              |                |
text, ACK of all                | (ACK)   |              |                |
text, old ACK                   | (ACK)   |              |                |
text, ACK older than any window | (ACK)   |              |                |
text, ACK too new               | (ACK)   |              |                |
text without ACK                | -       |              |                |
text ahead                      | (ACK)   |              |                |
text ahead, ACK of all          | (ACK)   |              |                |
text partly right               | (ACK)   |              |                |
text right                      | ACK     |              |                |
text partly left                | (ACK)   |              |                |
text left                       | ACK     |              |                |
# Eighth check: FIN
FIN                             | (ACK)   |              |                |
FIN, ACK of all                 | (ACK)   |              |                |
FIN, old ACK                    | (ACK)   |              |                |
FIN, ACK too new                | (ACK)   |              |                |
FIN without ACK                 | -       |              |                |
FIN with text                   | (ACK)   |              |                |
FIN with text, ACK of all       | (ACK)   |              |                |
FIN with text, partly left      | (ACK)   |              |                |
FIN with text, partly right     | (ACK)   |              |                |
FIN ahead                       | (ACK)   |              |                |
FIN right                       | ACK     |              |                |
FIN left                        | ACK     |              |                |
FIN left, ACK of all            | ACK     |              |                |
# Sixth check: URG
URG with text                   | (ACK)   |              |                |
URG without text                | -       |              |                |
URG without ACK                 | -       |              |                |
`,
    "TIME-WAIT, LISTEN on the port": `
# segment                       | answer  | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -       |              |                |
RST, ACK of all                 | -       |              |                |
RST, old ACK                    | -       |              |                |
RST, ACK too new                | -       |              |                |
RST with text                   | -       |              |                |
RST and SYN                     | -       |              |                |
RST and SYN,ACK at IRS          | -       |              |                |
RST and FIN                     | -       |              |                |
RST in the window               | -       |              |                |
RST in the window, ACK of all   | -       |              |                |
RST in the window's last place  | -       |              |                |
RST at the right edge           | -       |              |                |
RST right                       | -       |              |                |
RST left                        | -       |              |                |
RST with text, partly left      | -       |              |                |
RST with text, partly right     | -       |              |                |
# Fourth check: SYN (RFC 5961 §4)
SYN, the peer's first           | ACK     |              |                |
SYN with text                   | ACK     |              |                |
SYN and FIN                     | ACK     |              |                |
SYN at RCV.NXT                  | ACK     |              |                |
SYN in the window               | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1  | [MAY-2]
SYN left                        | ACK     |              |                |
SYN right                       | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1  | [MAY-2]
SYN,ACK, the peer's first       | ACK     |              |                |
SYN,ACK with text               | ACK     |              |                |
SYN,ACK and FIN                 | ACK     |              |                |
SYN,ACK, duplicate ACK          | ACK     |              |                |
SYN,ACK, ACK too new            | ACK     |              |                |
SYN,ACK in the window           | ACK     |              |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | cannot  | nothing is outstanding
ACK of all                      | -       |              |                |
duplicate ACK                   | -       |              |                |
old ACK                         | -       |              |                |
ACK older than any window       | (ACK)   |              |                |
ACK too new                     | (ACK)   |              |                |
ACK of all, in the window       | -       |              |                |
ACK of all, in the last place   | -       |              |                |
ACK of all, at the right edge   | -       |              |                |
ACK of all, right               | ACK     |              |                |
ACK of all, left                | ACK     |              |                |
no control bit                  | -       |              |                |
no control bit, right           | ACK     |              |                |
no control bit, left            | ACK     |              |                |
# Seventh check: text
text                            | (ACK)   |              |                |
text, ACK of all                | (ACK)   |              |                |
text, old ACK                   | (ACK)   |              |                |
text, ACK older than any window | (ACK)   |              |                |
text, ACK too new               | (ACK)   |              |                |
text without ACK                | -       |              |                |
text ahead                      | (ACK)   |              |                |
text ahead, ACK of all          | (ACK)   |              |                |
text partly right               | (ACK)   |              |                |
text right                      | ACK     |              |                |
text partly left                | (ACK)   |              |                |
text left                       | ACK     |              |                |
# Eighth check: FIN
FIN                             | (ACK)   |              |                |
FIN, ACK of all                 | (ACK)   |              |                |
FIN, old ACK                    | (ACK)   |              |                |
FIN, ACK too new                | (ACK)   |              |                |
FIN without ACK                 | -       |              |                |
FIN with text                   | (ACK)   |              |                |
FIN with text, ACK of all       | (ACK)   |              |                |
FIN with text, partly left      | (ACK)   |              |                |
FIN with text, partly right     | (ACK)   |              |                |
FIN ahead                       | (ACK)   |              |                |
FIN right                       | ACK     |              |                |
FIN left                        | ACK     |              |                |
FIN left, ACK of all            | ACK     |              |                |
# Sixth check: URG
URG with text                   | (ACK)   |              |                |
URG without text                | -       |              |                |
URG without ACK                 | -       |              |                |
`,
  },
  calls: {
    "TIME-WAIT": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | CONNECTION_CLOSING | -        |            |        |
SEND, Nagle off       | CONNECTION_CLOSING | -        |            |        |
RECEIVE               | EOF                | -        |            |        |
RECEIVE of text       | cannot             | the peer has closed, and all is read
CLOSE                 | CONNECTION_CLOSING | -        |            |        |
CLOSE after SEND      | cannot             | SEND is refused
full close            | OK                 | -        |            |        |
full close, unread    | cannot             | the peer has closed, and all is read
full close, then text | cannot             | the peer has closed, and all is read
ABORT                 | OK                 | -        | CLOSED     |        |
ABORT after SEND      | cannot             | SEND is refused
STATUS                | OK                 | -        |            |        |
release               | OK                 | -        |            |        |
CLOSE of the listener | cannot             | nobody listens
`,
    "TIME-WAIT, LISTEN on the port": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | CONNECTION_CLOSING | -        |            |        |
SEND, Nagle off       | CONNECTION_CLOSING | -        |            |        |
RECEIVE               | EOF                | -        |            |        |
RECEIVE of text       | cannot             | the peer has closed, and all is read
CLOSE                 | CONNECTION_CLOSING | -        |            |        |
CLOSE after SEND      | cannot             | SEND is refused
full close            | OK                 | -        |            |        |
full close, unread    | cannot             | the peer has closed, and all is read
full close, then text | cannot             | the peer has closed, and all is read
ABORT                 | OK                 | -        | CLOSED     |        |
ABORT after SEND      | cannot             | SEND is refused
STATUS                | OK                 | -        |            |        |
release               | OK                 | -        |            |        |
CLOSE of the listener | OK                 | -        |            |        |
`,
  },
  timeouts: {
    "TIME-WAIT": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | -             |              |                |
second RETRANSMISSION TIMEOUT     | -             |              |                |
USER TIMEOUT                      | cannot        | TIME-WAIT TIMEOUT comes before
USER TIMEOUT, full close          | cannot        | TIME-WAIT TIMEOUT comes before
before TIME-WAIT TIMEOUT          | -             |              |                | [MUST-13]
TIME-WAIT TIMEOUT                 | -             | CLOSED       |                | [MUST-13]
TIME-WAIT TIMEOUT, FIN came again | -             | CLOSED       |                |
delayed ACK                       | cannot        | no text is taken here
window probe                      | cannot        | nothing can wait for the window
`,
    "TIME-WAIT, LISTEN on the port": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | -             |              |                |
second RETRANSMISSION TIMEOUT     | -             |              |                |
USER TIMEOUT                      | cannot        | TIME-WAIT TIMEOUT comes before
USER TIMEOUT, full close          | cannot        | TIME-WAIT TIMEOUT comes before
before TIME-WAIT TIMEOUT          | -             |              |                | [MUST-13]
TIME-WAIT TIMEOUT                 | -             | CLOSED       |                | [MUST-13]
TIME-WAIT TIMEOUT, FIN came again | -             | CLOSED       |                |
delayed ACK                       | cannot        | no text is taken here
window probe                      | cannot        | nothing can wait for the window
`,
  },
};
