/**
 * Every kind of segment that a state may meet: the rows of each table of segments.
 *
 * A segment is written as in RFC 9293, with the state's own variables in it: SND.UNA, SND.NXT,
 * RCV.NXT, ISS, IRS, and EDGE for RCV.NXT + RCV.WND. States without a TCB are lent variables, so
 * that they meet the same segments. "Left" and "right" are those of the receive window; "partly
 * left" lies across its left edge.
 * Read by the tables' tests. Says nothing about what follows.
 */

/** The largest window that the peer of these tests has offered: MAX.SND.WND (RFC 5961 §5). */
const MAX_SND_WND = 4_096;
/** Octets of text in each segment that has any, but those cut at an edge have them as well. */
const TEXT = "<DATA=9>";
const OPTION = "<MSS=1460>";

export const SEGMENTS: readonly (readonly [kind: string, text: string])[] = [
  // RST
  ["RST", "<SEQ=RCV.NXT><CTL=RST>"],
  ["RST, ACK of all", "<SEQ=RCV.NXT><ACK=SND.NXT><CTL=RST,ACK>"],
  ["RST, old ACK", "<SEQ=RCV.NXT><ACK=SND.UNA-1><CTL=RST,ACK>"],
  ["RST, ACK too new", "<SEQ=RCV.NXT><ACK=SND.NXT+1><CTL=RST,ACK>"],
  ["RST with text", `<SEQ=RCV.NXT><ACK=SND.UNA><CTL=RST,ACK>${TEXT}`],
  ["RST and SYN", "<SEQ=RCV.NXT><CTL=RST,SYN>"],
  ["RST and SYN,ACK at IRS", "<SEQ=IRS><ACK=SND.NXT><CTL=RST,SYN,ACK>"],
  ["RST and FIN", "<SEQ=RCV.NXT><ACK=SND.UNA><CTL=RST,FIN,ACK>"],
  ["RST in the window", "<SEQ=RCV.NXT+1><CTL=RST>"],
  ["RST in the window, ACK of all", "<SEQ=RCV.NXT+9><ACK=SND.NXT><CTL=RST,ACK>"],
  ["RST in the window's last place", "<SEQ=EDGE-1><CTL=RST>"],
  ["RST at the right edge", "<SEQ=EDGE><CTL=RST>"],
  ["RST right", "<SEQ=EDGE+1><CTL=RST>"],
  ["RST left", "<SEQ=RCV.NXT-1><CTL=RST>"],
  ["RST with text, partly left", `<SEQ=RCV.NXT-4><ACK=SND.UNA><CTL=RST,ACK>${TEXT}`],
  ["RST with text, partly right", `<SEQ=EDGE-4><ACK=SND.UNA><CTL=RST,ACK>${TEXT}`],
  // SYN
  ["SYN, the peer's first", `<SEQ=IRS><CTL=SYN>${OPTION}`],
  ["SYN with text", `<SEQ=IRS><CTL=SYN>${OPTION}${TEXT}`],
  ["SYN and FIN", `<SEQ=IRS><CTL=SYN,FIN>${OPTION}`],
  ["SYN at RCV.NXT", `<SEQ=RCV.NXT><CTL=SYN>${OPTION}`],
  ["SYN in the window", "<SEQ=RCV.NXT+9><CTL=SYN>"],
  ["SYN left", `<SEQ=RCV.NXT-99><CTL=SYN>${OPTION}`],
  ["SYN right", `<SEQ=EDGE+99><CTL=SYN>${OPTION}`],
  ["SYN,ACK, the peer's first", `<SEQ=IRS><ACK=SND.NXT><CTL=SYN,ACK>${OPTION}`],
  ["SYN,ACK with text", `<SEQ=IRS><ACK=SND.NXT><CTL=SYN,ACK>${OPTION}${TEXT}`],
  ["SYN,ACK and FIN", `<SEQ=IRS><ACK=SND.NXT><CTL=SYN,FIN,ACK>${OPTION}`],
  ["SYN,ACK, duplicate ACK", `<SEQ=IRS><ACK=SND.UNA><CTL=SYN,ACK>${OPTION}`],
  ["SYN,ACK, ACK too new", `<SEQ=IRS><ACK=SND.NXT+1><CTL=SYN,ACK>${OPTION}`],
  ["SYN,ACK in the window", `<SEQ=RCV.NXT+9><ACK=SND.NXT><CTL=SYN,ACK>${OPTION}`],
  // ACK alone, and not even that
  ["ACK of a part", "<SEQ=RCV.NXT><ACK=SND.NXT-1><CTL=ACK>"],
  ["ACK of all", "<SEQ=RCV.NXT><ACK=SND.NXT><CTL=ACK>"],
  ["duplicate ACK", "<SEQ=RCV.NXT><ACK=SND.UNA><CTL=ACK>"],
  ["old ACK", "<SEQ=RCV.NXT><ACK=SND.UNA-1><CTL=ACK>"],
  ["ACK older than any window", `<SEQ=RCV.NXT><ACK=SND.UNA-${MAX_SND_WND + 1}><CTL=ACK>`],
  ["ACK too new", "<SEQ=RCV.NXT><ACK=SND.NXT+1><CTL=ACK>"],
  ["ACK of all, in the window", "<SEQ=RCV.NXT+9><ACK=SND.NXT><CTL=ACK>"],
  ["ACK of all, in the last place", "<SEQ=EDGE-1><ACK=SND.NXT><CTL=ACK>"],
  ["ACK of all, at the right edge", "<SEQ=EDGE><ACK=SND.NXT><CTL=ACK>"],
  ["ACK of all, right", "<SEQ=EDGE+1><ACK=SND.NXT><CTL=ACK>"],
  ["ACK of all, left", "<SEQ=RCV.NXT-1><ACK=SND.NXT><CTL=ACK>"],
  ["no control bit", "<SEQ=RCV.NXT><CTL=>"],
  ["no control bit, right", "<SEQ=EDGE+1><CTL=>"],
  ["no control bit, left", "<SEQ=RCV.NXT-1><CTL=>"],
  // Text
  ["text", `<SEQ=RCV.NXT><ACK=SND.UNA><CTL=PSH,ACK>${TEXT}`],
  ["text, ACK of all", `<SEQ=RCV.NXT><ACK=SND.NXT><CTL=PSH,ACK>${TEXT}`],
  ["text, old ACK", `<SEQ=RCV.NXT><ACK=SND.UNA-1><CTL=PSH,ACK>${TEXT}`],
  [
    "text, ACK older than any window",
    `<SEQ=RCV.NXT><ACK=SND.UNA-${MAX_SND_WND + 1}><CTL=PSH,ACK>${TEXT}`,
  ],
  ["text, ACK too new", `<SEQ=RCV.NXT><ACK=SND.NXT+1><CTL=PSH,ACK>${TEXT}`],
  ["text without ACK", `<SEQ=RCV.NXT><CTL=PSH>${TEXT}`],
  ["text ahead", `<SEQ=RCV.NXT+9><ACK=SND.UNA><CTL=PSH,ACK>${TEXT}`],
  ["text ahead, ACK of all", `<SEQ=RCV.NXT+9><ACK=SND.NXT><CTL=PSH,ACK>${TEXT}`],
  ["text partly right", `<SEQ=EDGE-4><ACK=SND.NXT><CTL=PSH,ACK>${TEXT}`],
  ["text right", `<SEQ=EDGE><ACK=SND.NXT><CTL=PSH,ACK>${TEXT}`],
  ["text partly left", `<SEQ=RCV.NXT-4><ACK=SND.NXT><CTL=PSH,ACK>${TEXT}`],
  ["text left", `<SEQ=RCV.NXT-9><ACK=SND.NXT><CTL=PSH,ACK>${TEXT}`],
  // FIN
  ["FIN", "<SEQ=RCV.NXT><ACK=SND.UNA><CTL=FIN,ACK>"],
  ["FIN, ACK of all", "<SEQ=RCV.NXT><ACK=SND.NXT><CTL=FIN,ACK>"],
  ["FIN, old ACK", "<SEQ=RCV.NXT><ACK=SND.UNA-1><CTL=FIN,ACK>"],
  ["FIN, ACK too new", "<SEQ=RCV.NXT><ACK=SND.NXT+1><CTL=FIN,ACK>"],
  ["FIN without ACK", "<SEQ=RCV.NXT><CTL=FIN>"],
  ["FIN with text", `<SEQ=RCV.NXT><ACK=SND.UNA><CTL=FIN,PSH,ACK>${TEXT}`],
  ["FIN with text, ACK of all", `<SEQ=RCV.NXT><ACK=SND.NXT><CTL=FIN,PSH,ACK>${TEXT}`],
  ["FIN with text, partly left", `<SEQ=RCV.NXT-4><ACK=SND.NXT><CTL=FIN,PSH,ACK>${TEXT}`],
  ["FIN with text, partly right", `<SEQ=EDGE-4><ACK=SND.NXT><CTL=FIN,PSH,ACK>${TEXT}`],
  ["FIN ahead", "<SEQ=RCV.NXT+9><ACK=SND.NXT><CTL=FIN,ACK>"],
  ["FIN right", "<SEQ=EDGE><ACK=SND.NXT><CTL=FIN,ACK>"],
  ["FIN left", "<SEQ=RCV.NXT-1><ACK=SND.UNA><CTL=FIN,ACK>"],
  ["FIN left, ACK of all", "<SEQ=RCV.NXT-1><ACK=SND.NXT><CTL=FIN,ACK>"],
  // URG
  ["URG with text", `<SEQ=RCV.NXT><ACK=SND.UNA><CTL=PSH,URG,ACK><UP=3>${TEXT}`],
  ["URG without text", "<SEQ=RCV.NXT><ACK=SND.UNA><CTL=URG,ACK><UP=3>"],
  ["URG without ACK", "<SEQ=RCV.NXT><CTL=URG><UP=3>"],
];
