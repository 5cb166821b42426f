/**
 * SYN-RECEIVED (RFC 9293 §3.10.7.4): a half-open record without a TCB after a passive OPEN; a
 * TCB after an active one, where both opened at once (MUST-11).
 *
 * Documented deviations: the peer's SYN again draws our SYN,ACK again, and an empty segment is
 * taken at the right edge.
 * Read by segments.test.ts.
 */
import type { Tables } from "../cells.ts";

export const SEGMENTS: Tables = {
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
};
