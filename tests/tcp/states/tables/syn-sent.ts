/**
 * SYN-SENT (RFC 9293 §3.10.7.3): our SYN is out, nothing has come back.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const SYN_SENT: StateTables = {
  segments: {
    "SYN-SENT": `
# segment                       | answer  | next state   | variables               | user is told
# Second: RST
RST                             | -       |              |                         |
RST, ACK of all                 | -       | CLOSED       |                         | refused
RST, old ACK                    | -       |              |                         |
RST, ACK too new                | -       |              |                         |
RST with text                   | -       |              |                         |
RST and SYN                     | -       |              |                         |
RST and SYN,ACK at IRS          | -       | CLOSED       |                         | refused
RST and FIN                     | -       |              |                         |
RST in the window               | -       |              |                         |
RST in the window, ACK of all   | -       | CLOSED       |                         | refused
RST in the window's last place  | -       |              |                         |
RST at the right edge           | -       |              |                         |
RST right                       | -       |              |                         |
RST left                        | -       |              |                         |
RST with text, partly left      | -       |              |                         |
RST with text, partly right     | -       |              |                         |
# Fourth: SYN
SYN, the peer's first           | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           | [MUST-10]
SYN with text                   | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN and FIN                     | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN at RCV.NXT                  | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN in the window               | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN left                        | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN right                       | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN,ACK, the peer's first       | ACK     | ESTABLISHED  | una=nxt rcv=SEG.SEQ+1   | open
SYN,ACK with text               | ACK     | ESTABLISHED  | una=nxt rcv=SEG.SEQ+10  | open text
SYN,ACK and FIN                 | ACK     | CLOSE-WAIT   | una=nxt rcv=SEG.SEQ+2   | open closing
SYN,ACK, duplicate ACK          | RST     |              |                         |
SYN,ACK, ACK too new            | RST     |              |                         |
SYN,ACK in the window           | ACK     | ESTABLISHED  | una=nxt rcv=SEG.SEQ+1   | open
# First: ACK; fifth: neither SYN nor RST
ACK of a part                   | cannot  | only the SYN is outstanding
ACK of all                      | -       |              |                         |
duplicate ACK                   | RST     |              |                         |
old ACK                         | RST     |              |                         |
ACK older than any window       | RST     |              |                         |
ACK too new                     | RST     |              |                         |
ACK of all, in the window       | -       |              |                         |
ACK of all, in the last place   | -       |              |                         |
ACK of all, at the right edge   | -       |              |                         |
ACK of all, right               | -       |              |                         |
ACK of all, left                | -       |              |                         |
no control bit                  | -       |              |                         |
no control bit, right           | -       |              |                         |
no control bit, left            | -       |              |                         |
# Text
text                            | RST     |              |                         |
text, ACK of all                | -       |              |                         |
text, old ACK                   | RST     |              |                         |
text, ACK older than any window | RST     |              |                         |
text, ACK too new               | RST     |              |                         |
text without ACK                | -       |              |                         |
text ahead                      | RST     |              |                         |
text ahead, ACK of all          | -       |              |                         |
text partly right               | -       |              |                         |
text right                      | -       |              |                         |
text partly left                | -       |              |                         |
text left                       | -       |              |                         |
# FIN
FIN                             | RST     |              |                         |
FIN, ACK of all                 | -       |              |                         |
FIN, old ACK                    | RST     |              |                         |
FIN, ACK too new                | RST     |              |                         |
FIN without ACK                 | -       |              |                         |
FIN with text                   | RST     |              |                         |
FIN with text, ACK of all       | -       |              |                         |
FIN with text, partly left      | -       |              |                         |
FIN with text, partly right     | -       |              |                         |
FIN ahead                       | -       |              |                         |
FIN right                       | -       |              |                         |
FIN left                        | RST     |              |                         |
FIN left, ACK of all            | -       |              |                         |
# URG
URG with text                   | RST     |              |                         |
URG without text                | RST     |              |                         |
URG without ACK                 | -       |              |                         |
`,
  },
  calls: {
    "SYN-SENT": `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        | [MUST-42]
active OPEN again     | ADDRESS_IN_USE     | -        |            |        |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | OK                 | -        |            |        |
SEND, Nagle off       | OK                 | -        |            |        |
RECEIVE               | WOULD_BLOCK        | -        |            |        |
RECEIVE of text       | cannot             | nothing can have come
CLOSE                 | OK                 | -        | CLOSED     |        | aborted
CLOSE after SEND      | OK                 | -        |            |        |
full close            | OK                 | -        | CLOSED     |        | aborted
full close, unread    | cannot             | nothing can have come
full close, then text | cannot             | nothing can have come
ABORT                 | OK                 | -        | CLOSED     |        | aborted
ABORT after SEND      | OK                 | -        | CLOSED     |        | aborted
STATUS                | OK                 | -        |            |        |
release               | OK                 | -        | CLOSED     |        |
CLOSE of the listener | cannot             | nobody listens
`,
  },
  timeouts: {
    "SYN-SENT": `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | SYN           |              |                |
second RETRANSMISSION TIMEOUT     | SYN           |              |                |
USER TIMEOUT                      | -             | CLOSED       |                | trouble timeout
USER TIMEOUT, full close          | cannot        | a full close ends it at once
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | cannot        | no text is taken here
window probe                      | cannot        | nothing can wait for the window
`,
  },
};
