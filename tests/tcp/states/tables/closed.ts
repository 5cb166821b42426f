/**
 * CLOSED (RFC 9293 §3.10.7.1): no TCB holds the tuple, and nobody listens on the port.
 * Read by segments.test.ts.
 */
import type { Tables } from "../cells.ts";

export const SEGMENTS: Tables = {
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
};
