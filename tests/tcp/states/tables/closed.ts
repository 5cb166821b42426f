/**
 * CLOSED (RFC 9293 §3.10.7.1): no TCB holds the tuple, and nobody listens on the port.
 * Read by segments.test.ts, calls.test.ts and timeouts.test.ts.
 */
import type { StateTables } from "../cells.ts";

export const CLOSED: StateTables = {
  segments: {
    CLOSED: `
# segment                       | answer  | next state   | variables      | user is told
# An incoming segment containing a RST is discarded
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
# Without ACK: sequence number zero
SYN, the peer's first           | RST,ACK |              |                |
SYN with text                   | RST,ACK |              |                |
SYN and FIN                     | RST,ACK |              |                |
SYN at RCV.NXT                  | RST,ACK |              |                |
SYN in the window               | RST,ACK |              |                |
SYN left                        | RST,ACK |              |                |
SYN right                       | RST,ACK |              |                |
SYN,ACK, the peer's first       | RST     |              |                |
SYN,ACK with text               | RST     |              |                |
SYN,ACK and FIN                 | RST     |              |                |
SYN,ACK, duplicate ACK          | RST     |              |                |
SYN,ACK, ACK too new            | RST     |              |                |
SYN,ACK in the window           | RST     |              |                |
# With ACK
ACK of a part                   | RST     |              |                |
ACK of all                      | RST     |              |                |
duplicate ACK                   | RST     |              |                |
old ACK                         | RST     |              |                |
ACK older than any window       | RST     |              |                |
ACK too new                     | RST     |              |                |
ACK of all, in the window       | RST     |              |                |
ACK of all, in the last place   | RST     |              |                |
ACK of all, at the right edge   | RST     |              |                |
ACK of all, right               | RST     |              |                |
ACK of all, left                | RST     |              |                |
no control bit                  | RST,ACK |              |                |
no control bit, right           | RST,ACK |              |                |
no control bit, left            | RST,ACK |              |                |
# Text
text                            | RST     |              |                |
text, ACK of all                | RST     |              |                |
text, old ACK                   | RST     |              |                |
text, ACK older than any window | RST     |              |                |
text, ACK too new               | RST     |              |                |
text without ACK                | RST,ACK |              |                |
text ahead                      | RST     |              |                |
text ahead, ACK of all          | RST     |              |                |
text partly right               | RST     |              |                |
text right                      | RST     |              |                |
text partly left                | RST     |              |                |
text left                       | RST     |              |                |
# FIN
FIN                             | RST     |              |                |
FIN, ACK of all                 | RST     |              |                |
FIN, old ACK                    | RST     |              |                |
FIN, ACK too new                | RST     |              |                |
FIN without ACK                 | RST,ACK |              |                |
FIN with text                   | RST     |              |                |
FIN with text, ACK of all       | RST     |              |                |
FIN with text, partly left      | RST     |              |                |
FIN with text, partly right     | RST     |              |                |
FIN ahead                       | RST     |              |                |
FIN right                       | RST     |              |                |
FIN left                        | RST     |              |                |
FIN left, ACK of all            | RST     |              |                |
# URG
URG with text                   | RST     |              |                |
URG without text                | RST     |              |                |
URG without ACK                 | RST,ACK |              |                |
`,
  },
  calls: {
    CLOSED: `
# call                | returns            | answer   | next state | change  | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        | LISTEN     |         |
active OPEN again     | OK                 | SYN      | SYN-SENT   | una=100 |
active OPEN elsewhere | OK                 | -        |            |         |
SEND                  | BAD_HANDLE         | -        |            |         |
SEND, Nagle off       | BAD_HANDLE         | -        |            |         |
RECEIVE               | BAD_HANDLE         | -        |            |         |
RECEIVE of text       | BAD_HANDLE         | -        |            |         |
CLOSE                 | BAD_HANDLE         | -        |            |         |
CLOSE after SEND      | BAD_HANDLE         | -        |            |         |
full close            | BAD_HANDLE         | -        |            |         |
full close, unread    | BAD_HANDLE         | -        |            |         |
full close, then text | cannot             | there is no connection
ABORT                 | BAD_HANDLE         | -        |            |         |
ABORT after SEND      | BAD_HANDLE         | -        |            |         |
STATUS                | BAD_HANDLE         | -        |            |         |
release               | BAD_HANDLE         | -        |            |         |
CLOSE of the listener | cannot             | nobody listens
`,
    "CLOSED, reset before": `
# call                | returns            | answer   | next state | change  | user is told
passive OPEN again    | ADDRESS_IN_USE     | -        |            |         |
active OPEN again     | cannot             | the handle would be another: see CLOSED
active OPEN elsewhere | OK                 | -        |            |         |
SEND                  | CONNECTION_ENDED   | -        |            |         |
SEND, Nagle off       | CONNECTION_ENDED   | -        |            |         |
RECEIVE               | CONNECTION_ENDED   | -        |            |         |
RECEIVE of text       | cannot             | there is no connection
CLOSE                 | CONNECTION_ENDED   | -        |            |         |
CLOSE after SEND      | CONNECTION_ENDED   | -        |            |         |
full close            | CONNECTION_ENDED   | -        |            |         |
full close, unread    | cannot             | there is no connection
full close, then text | cannot             | there is no connection
ABORT                 | CONNECTION_ENDED   | -        |            |         |
ABORT after SEND      | CONNECTION_ENDED   | -        |            |         |
STATUS                | OK                 | -        |            |         |
release               | OK                 | -        |            |         |
CLOSE of the listener | cannot             | nobody listens
`,
  },
  timeouts: {
    CLOSED: `
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
