/**
 * Handles: the names under which the application knows connections and listeners.
 *
 *     bit 28 connection, bit 29 listener | 16 bits generation | 12 bits index
 *
 * The generation changes when a record is freed, so that an old handle is refused and never reaches
 * somebody else's connection. Called by socket/ only.
 */
import { CONNECTION_COUNT, HAS_STRAIGHT, LISTENER_COUNT } from "../config";
import { FlowKind } from "../tcp/flow";
import { Listener, indexOfListener, listenerAt } from "../tcp/listener";
import { Flag, Tcb, has, indexOfTcb, tcbAt } from "../tcp/tcb";

@inline const CONNECTION: u32 = 1 << 28;
@inline const LISTENER: u32 = 1 << 29;
@inline const GENERATION_SHIFT: u32 = 12;
@inline const INDEX_MASK: u32 = 0xfff;

@inline export function handleOfTcb(tcb: Tcb): i32 {
  return handleOf(tcb, indexOfTcb(tcb));
}

/** The same where the index is at hand. */
@inline export function handleOf(tcb: Tcb, index: u32): i32 {
  return <i32>(CONNECTION | ((<u32>tcb.generation) << GENERATION_SHIFT) | index);
}

export function handleOfListener(listener: Listener): i32 {
  return <i32>(
    (LISTENER | ((<u32>listener.generation) << GENERATION_SHIFT) | indexOfListener(listener))
  );
}

/**
 * The handle that was used last, and its TCB. It comes again in most calls, and then costs a third:
 * part of the straight ways.
 */
@unmanaged @final class Last {
  handle: i32;
  /** 0 for the handle 0, which is nobody's. */
  tcb: usize;
}
const LAST: usize = HAS_STRAIGHT ? memory.data(8, 4) : 0;

/** The connection with this handle, or null. */
@inline export function tcbOf(handle: i32): Tcb | null {
  if (!HAS_STRAIGHT) return findTcb(handle);
  const last = changetype<Last>(LAST);
  if (handle == last.handle) return changetype<Tcb | null>(last.tcb);
  return rememberTcb(handle);
}

function rememberTcb(handle: i32): Tcb | null {
  const tcb = findTcb(handle);
  if (tcb != null) {
    changetype<Last>(LAST).handle = handle;
    changetype<Last>(LAST).tcb = changetype<usize>(tcb);
  }
  return tcb;
}

/** A handle is given back, or all are void: the one that was used last may be. */
@inline export function forgetHandle(): void {
  if (HAS_STRAIGHT) store<u64>(LAST, 0);
}

@inline function findTcb(handle: i32): Tcb | null {
  const index = <u32>handle & INDEX_MASK;
  if (index >= CONNECTION_COUNT) return null;
  const tcb = tcbAt(index);
  if (tcb.kind != FlowKind.CONNECTION || has(tcb, Flag.RELEASED | Flag.UNACCEPTED)) return null;
  // Of the rest of the handle only the generation can be another one.
  const rest = CONNECTION | (<u32>tcb.generation << GENERATION_SHIFT) | index;
  return rest == <u32>handle ? tcb : null;
}

/** The index of the TCB that has this handle. */
@inline export function indexOfHandle(handle: i32): u32 {
  return <u32>handle & INDEX_MASK;
}

/** The listener with this handle, or null. */
export function listenerOf(handle: i32): Listener | null {
  const index = <u32>handle & INDEX_MASK;
  if (index >= LISTENER_COUNT) return null;
  const listener = listenerAt(index);
  if (listener.localPort == 0) return null;
  return handleOfListener(listener) == handle ? listener : null;
}
