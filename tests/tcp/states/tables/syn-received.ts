/**
 * SYN-RECEIVED (RFC 9293 §3.10.7.4): a half-open record without a TCB after a passive OPEN; a
 * TCB after an active one, where both opened at once (MUST-11).
 *
 * Documented deviations: the peer's SYN again draws our SYN,ACK again, and an empty segment is
 * taken at the right edge.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const SYN_RECEIVED: StateTables = {
  segments: {
    "SYN-RECEIVED, passive OPEN": `
# segment                       | answer  | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -       | LISTEN       |                | [MUST-11]
RST, ACK of all                 | -       | LISTEN       |                |
RST, old ACK                    | -       | LISTEN       |                |
RST, ACK too new                | -       | LISTEN       |                |
RST with text                   | -       | LISTEN       |                | [SHLD-2]
RST and SYN                     | -       | LISTEN       |                |
RST and SYN,ACK at IRS          | -       |              |                |
RST and FIN                     | -       | LISTEN       |                |
RST in the window               | ACK     |              |                |
RST in the window, ACK of all   | ACK     |              |                |
RST in the window's last place  | ACK     |              |                |
RST at the right edge           | -       |              |                |
RST right                       | -       |              |                |
RST left                        | -       |              |                |
RST with text, partly left      | -       |              |                |
RST with text, partly right     | ACK     |              |                |
# Fourth check: SYN (RFC 5961 §4)
SYN, the peer's first           | SYN,ACK |              |                |
SYN with text                   | SYN,ACK |              |                |
SYN and FIN                     | SYN,ACK |              |                |
SYN at RCV.NXT                  | -       | LISTEN       |                |
SYN in the window               | -       | LISTEN       |                |
SYN left                        | ACK     |              |                |
SYN right                       | ACK     |              |                |
SYN,ACK, the peer's first       | ACK     |              |                |
SYN,ACK with text               | -       | LISTEN       |                |
SYN,ACK and FIN                 | -       | LISTEN       |                |
SYN,ACK, duplicate ACK          | ACK     |              |                |
SYN,ACK, ACK too new            | ACK     |              |                |
SYN,ACK in the window           | -       | LISTEN       |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | cannot  | only the SYN is outstanding
ACK of all                      | -       | ESTABLISHED  | una=nxt        | open
duplicate ACK                   | RST     |              |                |
old ACK                         | RST     |              |                |
ACK older than any window       | RST     |              |                |
ACK too new                     | RST     |              |                |
ACK of all, in the window       | -       | ESTABLISHED  | una=nxt        | open
ACK of all, in the last place   | -       | ESTABLISHED  | una=nxt        | open
ACK of all, at the right edge   | -       | ESTABLISHED  | una=nxt        | open
ACK of all, right               | ACK     |              |                |
ACK of all, left                | ACK     |              |                |
no control bit                  | -       |              |                |
no control bit, right           | ACK     |              |                |
no control bit, left            | ACK     |              |                |
# Seventh check: text
text                            | RST     |              |                |
text, ACK of all                | ACK~    | ESTABLISHED  | una=nxt rcv+9  | open text
text, old ACK                   | RST     |              |                |
text, ACK older than any window | RST     |              |                |
text, ACK too new               | RST     |              |                |
text without ACK                | -       |              |                |
text ahead                      | RST     |              |                |
text ahead, ACK of all          | ACK     | ESTABLISHED  | una=nxt        | open
text partly right               | ACK     | ESTABLISHED  | una=nxt        | open
text right                      | ACK     |              |                |
text partly left                | ACK~    | ESTABLISHED  | una=nxt rcv+5  | open text
text left                       | ACK     |              |                |
# Eighth check: FIN
FIN                             | RST     |              |                |
FIN, ACK of all                 | ACK     | CLOSE-WAIT   | una=nxt rcv+1  | open closing
FIN, old ACK                    | RST     |              |                |
FIN, ACK too new                | RST     |              |                |
FIN without ACK                 | -       |              |                |
FIN with text                   | RST     |              |                |
FIN with text, ACK of all       | ACK     | CLOSE-WAIT   | una=nxt rcv+10 | open text closing
FIN with text, partly left      | ACK     | CLOSE-WAIT   | una=nxt rcv+6  | open text closing
FIN with text, partly right     | ACK     | ESTABLISHED  | una=nxt        | open
FIN ahead                       | ACK     | ESTABLISHED  | una=nxt        | open
FIN right                       | ACK     |              |                |
FIN left                        | ACK     |              |                |
FIN left, ACK of all            | ACK     |              |                |
# Sixth check: URG
URG with text                   | RST     |              |                |
URG without text                | RST     |              |                |
URG without ACK                 | -       |              |                |
`,
    "SYN-RECEIVED, active OPEN": `
# segment                       | answer  | next state   | variables      | user is told
# Second check: RST (RFC 5961 §3)
RST                             | -       | CLOSED       |                | refused [MUST-11]
RST, ACK of all                 | -       | CLOSED       |                | refused
RST, old ACK                    | -       | CLOSED       |                | refused
RST, ACK too new                | -       | CLOSED       |                | refused
RST with text                   | -       | CLOSED       |                | refused [SHLD-2]
RST and SYN                     | -       | CLOSED       |                | refused
RST and SYN,ACK at IRS          | -       |              |                |
RST and FIN                     | -       | CLOSED       |                | refused
RST in the window               | ACK     |              |                |
RST in the window, ACK of all   | ACK     |              |                |
RST in the window's last place  | ACK     |              |                |
RST at the right edge           | -       |              |                |
RST right                       | -       |              |                |
RST left                        | -       |              |                |
RST with text, partly left      | -       |              |                |
RST with text, partly right     | ACK     |              |                |
# Fourth check: SYN (RFC 5961 §4)
SYN, the peer's first           | ACK     |              |                |
SYN with text                   | ACK     |              |                |
SYN and FIN                     | ACK     |              |                |
SYN at RCV.NXT                  | ACK     |              |                |
SYN in the window               | ACK     |              |                |
SYN left                        | ACK     |              |                |
SYN right                       | ACK     |              |                |
SYN,ACK, the peer's first       | (ACK)   | ESTABLISHED  | una=nxt        | open [MUST-10]
SYN,ACK with text               | ACK~    | ESTABLISHED  | una=nxt rcv+9  | open text
SYN,ACK and FIN                 | ACK     | CLOSE-WAIT   | una=nxt rcv+1  | open closing
SYN,ACK, duplicate ACK          | ACK     |              |                |
SYN,ACK, ACK too new            | ACK     |              |                |
SYN,ACK in the window           | ACK     |              |                |
# Fifth check: ACK; first check where it lies outside the window
ACK of a part                   | cannot  | only the SYN is outstanding
ACK of all                      | -       | ESTABLISHED  | una=nxt        | open [MUST-10]
duplicate ACK                   | RST     |              |                |
old ACK                         | RST     |              |                |
ACK older than any window       | RST     |              |                |
ACK too new                     | RST     |              |                |
ACK of all, in the window       | -       | ESTABLISHED  | una=nxt        | open
ACK of all, in the last place   | -       | ESTABLISHED  | una=nxt        | open
ACK of all, at the right edge   | -       | ESTABLISHED  | una=nxt        | open
ACK of all, right               | ACK     |              |                |
ACK of all, left                | ACK     |              |                |
no control bit                  | -       |              |                |
no control bit, right           | ACK     |              |                |
no control bit, left            | ACK     |              |                |
# Seventh check: text
text                            | RST     |              |                |
text, ACK of all                | ACK~    | ESTABLISHED  | una=nxt rcv+9  | open text
text, old ACK                   | RST     |              |                |
text, ACK older than any window | RST     |              |                |
text, ACK too new               | RST     |              |                |
text without ACK                | -       |              |                |
text ahead                      | RST     |              |                |
text ahead, ACK of all          | ACK     | ESTABLISHED  | una=nxt        | open
text partly right               | ACK     | ESTABLISHED  | una=nxt        | open
text right                      | ACK     |              |                |
text partly left                | ACK~    | ESTABLISHED  | una=nxt rcv+5  | open text
text left                       | ACK     |              |                |
# Eighth check: FIN
FIN                             | RST     |              |                |
FIN, ACK of all                 | ACK     | CLOSE-WAIT   | una=nxt rcv+1  | open closing
FIN, old ACK                    | RST     |              |                |
FIN, ACK too new                | RST     |              |                |
FIN without ACK                 | -       |              |                |
FIN with text                   | RST     |              |                |
FIN with text, ACK of all       | ACK     | CLOSE-WAIT   | una=nxt rcv+10 | open text closing
FIN with text, partly left      | ACK     | CLOSE-WAIT   | una=nxt rcv+6  | open text closing
FIN with text, partly right     | ACK     | ESTABLISHED  | una=nxt        | open
FIN ahead                       | ACK     | ESTABLISHED  | una=nxt        | open
FIN right                       | ACK     |              |                |
FIN left                        | ACK     |              |                |
FIN left, ACK of all            | ACK     |              |                |
# Sixth check: URG
URG with text                   | RST     |              |                |
URG without text                | RST     |              |                |
URG without ACK                 | -       |              |                |
`,
  },
  calls: {
    "SYN-RECEIVED, passive OPEN": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | cannot             | the user has no handle before ESTABLISHED
SEND, Nagle off       | cannot             | the user has no handle before ESTABLISHED
RECEIVE               | cannot             | the user has no handle before ESTABLISHED
RECEIVE of text       | cannot             | the user has no handle before ESTABLISHED
CLOSE                 | cannot             | the user has no handle before ESTABLISHED
CLOSE after SEND      | cannot             | the user has no handle before ESTABLISHED
full close            | cannot             | the user has no handle before ESTABLISHED
full close, unread    | cannot             | the user has no handle before ESTABLISHED
full close, then text | cannot             | the user has no handle before ESTABLISHED
ABORT                 | cannot             | the user has no handle before ESTABLISHED
ABORT after SEND      | cannot             | the user has no handle before ESTABLISHED
STATUS                | cannot             | the user has no handle before ESTABLISHED
release               | cannot             | the user has no handle before ESTABLISHED
CLOSE of the listener | OK                 | -        | CLOSED     |        |
`,
    "SYN-RECEIVED, active OPEN": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        | [MUST-42]
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | OK                 | -        |            |        |
SEND, Nagle off       | OK                 | -        |            |        |
RECEIVE               | WOULD_BLOCK        | -        |            |        |
RECEIVE of text       | cannot             | text comes with the ACK of our SYN
CLOSE                 | OK                 | FIN      | FIN-WAIT-1 | nxt+1  |
CLOSE after SEND      | OK                 | -        |            |        |
full close            | OK                 | FIN      | FIN-WAIT-1 | nxt+1  |
full close, unread    | cannot             | text comes with the ACK of our SYN
full close, then text | cannot             | text comes with the ACK of our SYN
ABORT                 | OK                 | RESET    | CLOSED     |        | aborted
ABORT after SEND      | OK                 | RESET    | CLOSED     |        | aborted
STATUS                | OK                 | -        |            |        |
release               | OK                 | FIN      | FIN-WAIT-1 | nxt+1  |
CLOSE of the listener | cannot             | nobody listens
`,
  },
  timeouts: {
    "SYN-RECEIVED, passive OPEN": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | SYN,ACK       |              |                |
second RETRANSMISSION TIMEOUT     | SYN,ACK       |              |                |
USER TIMEOUT                      | -             | LISTEN       |                |
USER TIMEOUT, full close          | cannot        | the user has no handle before ESTABLISHED
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | cannot        | text comes with the ACK of our SYN
window probe                      | cannot        | nothing can wait for the window
`,
    "SYN-RECEIVED, active OPEN": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | SYN,ACK       |              |                |
second RETRANSMISSION TIMEOUT     | SYN,ACK       |              |                |
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
