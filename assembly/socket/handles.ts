/**
 * Handles: the names under which the application knows connections and listeners.
 *
 *     bit 28 connection, bit 29 listener | 16 bits generation | 12 bits index
 *
 * The generation changes when a record is freed, so that an old handle is refused and never reaches
 * somebody else's connection. Called by socket/ only.
 */
import { CONNECTION_COUNT, LISTENER_COUNT } from "../config";
import { FlowKind } from "../tcp/flow";
import { Listener, indexOfListener, listenerAt } from "../tcp/listener";
import { Flag, Tcb, has, indexOfTcb, tcbAt } from "../tcp/tcb";

@inline const CONNECTION: u32 = 1 << 28;
@inline const LISTENER: u32 = 1 << 29;
@inline const GENERATION_SHIFT: u32 = 12;
@inline const INDEX_MASK: u32 = 0xfff;

@inline export function handleOfTcb(tcb: Tcb): i32 {
  return <i32>(CONNECTION | ((<u32>tcb.generation) << GENERATION_SHIFT) | indexOfTcb(tcb));
}

export function handleOfListener(listener: Listener): i32 {
  return <i32>(
    (LISTENER | ((<u32>listener.generation) << GENERATION_SHIFT) | indexOfListener(listener))
  );
}

/** The connection with this handle, or null. */
@inline export function tcbOf(handle: i32): Tcb | null {
  const index = <u32>handle & INDEX_MASK;
  if (index >= CONNECTION_COUNT) return null;
  const tcb = tcbAt(index);
  if (tcb.kind != FlowKind.CONNECTION || has(tcb, Flag.RELEASED | Flag.UNACCEPTED)) return null;
  // Of the rest of the handle only the generation can be another one.
  const rest = CONNECTION | (<u32>tcb.generation << GENERATION_SHIFT) | index;
  return rest == <u32>handle ? tcb : null;
}

/** The listener with this handle, or null. */
export function listenerOf(handle: i32): Listener | null {
  const index = <u32>handle & INDEX_MASK;
  if (index >= LISTENER_COUNT) return null;
  const listener = listenerAt(index);
  if (listener.localPort == 0) return null;
  return handleOfListener(listener) == handle ? listener : null;
}
