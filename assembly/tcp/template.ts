/**
 * What the frames of a connection look like: the octets that are the same in each one that comes.
 *
 * Learnt from a segment that went the general way, through all checks, so that the straight ways
 * (netif/straight-in, netif/straight-out) need but compare: a frame that looks like this comes from
 * a station that may send, for an address that is ours, from a peer that may be one. Everything is
 * kept as it lies in a frame, so that nothing needs to be swapped.
 */
import { CONNECTION_COUNT, HAS_STRAIGHT } from "../config";
import { State } from "../core/abi";
import { swap32 } from "../core/octets";
import { forgetExpected } from "./expected";
import { Flow, FlowKind } from "./flow";
import { seqGt } from "./seq";
import { Flag, Tcb, clearFlag, has, isTextAhead, raiseFlag, tcbAt } from "./tcb";
import { TEMPLATE_OFFSET, TEMPLATE_SIZE } from "./tcb-layout";

/** Where the octets stand in a frame: the sender's MAC and the type; addresses and ports. */
@inline export const FRAME_SENDER: usize = 6;
@inline const FRAME_SOURCE: usize = 26;
@inline export const FRAME_TUPLE: usize = 30;

/** `Template.control` while none is known: nothing looks like it, for PSH is left out. */
@inline const NO_CONTROL: u32 = 0x0800;

/** The part of a TCB that the straight ways need; void while `Flag.UNLEARNT` is up. */
@unmanaged @final export class Template {
  /** The sender's MAC and the EtherType. */
  sender: u64;
  /** Our address in the lower half, then the peer's port and ours. */
  tuple: u64;
  /**
   * Data offset, control bits but for PSH, the window of which SND.WND is; checksum and urgent
   * pointer, which follow, count as 0.
   */
  control: u32;
  /** SEG.ACK of its next frame, if that acknowledges nothing new. */
  ack: u32;
  /** The peer's address. */
  source: u32;
}
if (HAS_STRAIGHT && offsetof<Template>() != TEMPLATE_SIZE) ERROR("Template layout");

@inline export function templateOf(tcb: Tcb): Template {
  return changetype<Template>(changetype<usize>(tcb) + TEMPLATE_OFFSET);
}

/** SEG.SEQ and SEG.ACK of the next frame, as they lie there, if that acknowledges nothing new. */
@inline export function numbersOf(tcb: Tcb): u64 {
  return <u64>swap32(tcb.rcvNxt) | (<u64>templateOf(tcb).ack << 32);
}

/**
 * A segment has gone the general way. `frame`: it came in an unfragmented datagram without options,
 * there, and has passed every check up to TCP; else 0. While text is held that came early, or the
 * window is that of such a one, nothing is expected.
 */
export function learnTemplate(flow: Flow | null, frame: usize): void {
  if (flow == null) return;
  if (<u32>flow.stateAndKind != ((FlowKind.CONNECTION << 4) | State.ESTABLISHED)) return;
  const tcb = changetype<Tcb>(flow);
  if (has(tcb, Flag.ECN)) return; // agreed on for good, it makes every segment unusual
  if (frame == 0 || isTextAhead(tcb) || seqGt(tcb.sndWl1, tcb.rcvNxt)) {
    raiseFlag(tcb, Flag.UNLEARNT);
    return;
  }
  clearFlag(tcb, Flag.UNLEARNT);
  const template = templateOf(tcb);
  template.sender = load<u64>(frame, FRAME_SENDER);
  template.tuple = load<u64>(frame, FRAME_TUPLE);
  template.source = load<u32>(frame, FRAME_SOURCE);
  template.ack = swap32(tcb.sndUna);
}

/** SND.WND was taken from another segment. */
@inline export function forgetWindow(tcb: Tcb): void {
  if (HAS_STRAIGHT) templateOf(tcb).control = NO_CONTROL;
}

/** Our addresses change, so that what was right may be wrong: everything is to be learnt anew. */
export function forgetTemplates(): void {
  for (let i: u32 = 0; i < CONNECTION_COUNT; ++i) {
    const tcb = tcbAt(i);
    // A free one stays as it is, and takes no room in a snapshot.
    if (tcb.kind == FlowKind.CONNECTION) raiseFlag(tcb, Flag.UNLEARNT);
  }
  forgetExpected();
}
