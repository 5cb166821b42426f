/**
 * LISTEN (RFC 9293 §3.10.7.2): a listener, and no record of the peer.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const LISTEN: StateTables = {
  segments: {
    LISTEN: `
# segment                       | answer  | next state   | variables               | user is told
# First: RST
RST                             | -       |              |                         |
RST, ACK of all                 | -       |              |                         |
RST, old ACK                    | -       |              |                         |
RST, ACK too new                | -       |              |                         |
RST with text                   | -       |              |                         |
RST and SYN                     | -       |              |                         |
RST and SYN,ACK at IRS          | -       |              |                         |
RST and FIN                     | -       |              |                         |
RST in the window               | -       |              |                         |
RST in the window, ACK of all   | -       |              |                         |
RST in the window's last place  | -       |              |                         |
RST at the right edge           | -       |              |                         |
RST right                       | -       |              |                         |
RST left                        | -       |              |                         |
RST with text, partly left      | -       |              |                         |
RST with text, partly right     | -       |              |                         |
# Third: SYN, unless there is an ACK (second)
SYN, the peer's first           | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN with text                   | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN and FIN                     | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN at RCV.NXT                  | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN in the window               | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN left                        | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN right                       | SYN,ACK | SYN-RECEIVED | rcv=SEG.SEQ+1           |
SYN,ACK, the peer's first       | RST     |              |                         |
SYN,ACK with text               | RST     |              |                         |
SYN,ACK and FIN                 | RST     |              |                         |
SYN,ACK, duplicate ACK          | RST     |              |                         |
SYN,ACK, ACK too new            | RST     |              |                         |
SYN,ACK in the window           | RST     |              |                         |
# Second: ACK; fourth: other control or text
ACK of a part                   | RST     |              |                         |
ACK of all                      | RST     |              |                         |
duplicate ACK                   | RST     |              |                         |
old ACK                         | RST     |              |                         |
ACK older than any window       | RST     |              |                         |
ACK too new                     | RST     |              |                         |
ACK of all, in the window       | RST     |              |                         |
ACK of all, in the last place   | RST     |              |                         |
ACK of all, at the right edge   | RST     |              |                         |
ACK of all, right               | RST     |              |                         |
ACK of all, left                | RST     |              |                         |
no control bit                  | -       |              |                         |
no control bit, right           | -       |              |                         |
no control bit, left            | -       |              |                         |
# Text
text                            | RST     |              |                         |
text, ACK of all                | RST     |              |                         |
text, old ACK                   | RST     |              |                         |
text, ACK older than any window | RST     |              |                         |
text, ACK too new               | RST     |              |                         |
text without ACK                | -       |              |                         |
text ahead                      | RST     |              |                         |
text ahead, ACK of all          | RST     |              |                         |
text partly right               | RST     |              |                         |
text right                      | RST     |              |                         |
text partly left                | RST     |              |                         |
text left                       | RST     |              |                         |
# FIN
FIN                             | RST     |              |                         |
FIN, ACK of all                 | RST     |              |                         |
FIN, old ACK                    | RST     |              |                         |
FIN, ACK too new                | RST     |              |                         |
FIN without ACK                 | -       |              |                         |
FIN with text                   | RST     |              |                         |
FIN with text, ACK of all       | RST     |              |                         |
FIN with text, partly left      | RST     |              |                         |
FIN with text, partly right     | RST     |              |                         |
FIN ahead                       | RST     |              |                         |
FIN right                       | RST     |              |                         |
FIN left                        | RST     |              |                         |
FIN left, ACK of all            | RST     |              |                         |
# URG
URG with text                   | RST     |              |                         |
URG without text                | RST     |              |                         |
URG without ACK                 | -       |              |                         |
`,
  },
  calls: {
    LISTEN: `
# call                | returns            | answer   | next state | change | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |        |
active OPEN again     | OK                 | SYN      | SYN-SENT   | una=100 |
active OPEN elsewhere | OK                 | -        |            |        |
SEND                  | BAD_HANDLE         | -        |            |        |
SEND, Nagle off       | BAD_HANDLE         | -        |            |        |
RECEIVE               | BAD_HANDLE         | -        |            |        |
RECEIVE of text       | BAD_HANDLE         | -        |            |        |
CLOSE                 | BAD_HANDLE         | -        |            |        |
CLOSE after SEND      | BAD_HANDLE         | -        |            |        |
full close            | OK                 | -        | CLOSED     |        |
full close, unread    | cannot             | there is no connection
full close, then text | cannot             | there is no connection
ABORT                 | BAD_HANDLE         | -        |            |        |
ABORT after SEND      | BAD_HANDLE         | -        |            |        |
STATUS                | OK                 | -        |            |        |
release               | OK                 | -        | CLOSED     |        |
CLOSE of the listener | OK                 | -        | CLOSED     |        |
`,
  },
  timeouts: {
    LISTEN: `
# time-out                        | answer        | next state   | variables      | user is told
RETRANSMISSION TIMEOUT            | -             |              |                |
second RETRANSMISSION TIMEOUT     | -             |              |                |
USER TIMEOUT                      | -             |              |                |
USER TIMEOUT, full close          | cannot        | there is no connection
before TIME-WAIT TIMEOUT          | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT                 | cannot        | only in TIME-WAIT
TIME-WAIT TIMEOUT, FIN came again | cannot        | only in TIME-WAIT
delayed ACK                       | cannot        | no text is taken here
window probe                      | cannot        | nothing can wait for the window
`,
  },
};
