/**
 * Segments as tests write them: `<SEQ=301><ACK=101><CTL=FIN,ACK>`, as in RFC 9293's figures, with
 * `<WND=…>`, `<UP=…>` (the urgent pointer), `<MSS=…>` and `<DATA=octets>` where they matter.
 *
 * Numbers are relative, as if Linger's ISS were 100 and the peer's 300, which are those of the
 * figures. Called by conversation.ts.
 */
import {
  formatFlags,
  formatSegment,
  Flag,
  parseFlags,
  type TcpSegment,
} from "../../hal/host/packet/index.ts";

/** What Linger's and the peer's ISS are called. */
export const LINGER_ISS = 100;
export const PEER_ISS = 300;

/** A segment in relative numbers. */
export interface SegmentText {
  seq: number;
  ack: number | undefined;
  flags: number;
  window: number | undefined;
  urgentPointer: number;
  mss: number | undefined;
  octets: number;
}

/** The two numbers that relative ones are counted from. */
export interface Bases {
  iss: number;
  irs: number;
  /** Leaves timestamps out. */
  timestamps?: boolean;
}

const FIELD = /<(SEQ|ACK|WND|CTL|UP|MSS|DATA)=([^>]*)>/g;

/** Reads a segment; an Error for anything that is not one, since a test would mean nothing. */
export function parseSegmentText(text: string): SegmentText {
  const fields = new Map<string, string>();
  const rest = text.replace(FIELD, (_all, name: string, value: string) => {
    fields.set(name, value);
    return "";
  });
  const number = (name: string): number | undefined => {
    const value = fields.get(name);
    if (value === undefined) return undefined;
    if (!/^-?\d+$/.test(value)) throw new Error(`${name} in ${text}`);
    return Number(value);
  };
  const seq = number("SEQ");
  const control = fields.get("CTL");
  if (rest !== "" || seq === undefined || control === undefined) {
    throw new Error(`not a segment: ${text}`);
  }
  const flags = parseFlags(control);
  const ack = number("ACK");
  if (((flags & Flag.ACK) !== 0) !== (ack !== undefined)) throw new Error(`ACK in ${text}`);
  return {
    seq,
    ack,
    flags,
    window: number("WND"),
    urgentPointer: number("UP") ?? 0,
    mss: number("MSS"),
    octets: number("DATA") ?? 0,
  };
}

/** The control bits in the RFC's order, so that tests may write them in any. */
export function normalizeText(text: string): string {
  return text.replace(/<CTL=([^>]*)>/, (_all, control: string) => {
    return `<CTL=${formatFlags(parseFlags(control))}>`;
  });
}

/** Options that Linger offers in each SYN, and how the notation begins them. */
const OFFERED = { "window-scale": "<WS=", "sack-permitted": "<SACK-OK", timestamps: "<TS=" };

/**
 * A segment of Linger's as the test that expects `like` would write it: its window, and the options
 * that a SYN of ours offers, only if they are asked for. The 0 of `<SEQ=0>…<CTL=RST,ACK>` is no
 * sequence number and stays what it is.
 */
export function formatEmitted(segment: TcpSegment, bases: Bases, like = ""): string {
  const isBareReset = (segment.flags & (Flag.RST | Flag.ACK)) === (Flag.RST | Flag.ACK);
  const isOffer = (segment.flags & (Flag.SYN | Flag.ACK)) === Flag.SYN;
  const isAskedFor = (kind: string): boolean => {
    if (kind === "timestamps" && bases.timestamps === true) return false;
    return !isOffer || !(kind in OFFERED) || like.includes(OFFERED[kind as keyof typeof OFFERED]);
  };
  const shown = { ...segment, options: segment.options.filter(({ kind }) => isAskedFor(kind)) };
  const options = {
    seqBase: isBareReset ? 0 : bases.iss - LINGER_ISS,
    ackBase: bases.irs - PEER_ISS,
  };
  return formatSegment(shown, like.includes("<WND=") ? { ...options, window: true } : options);
}
