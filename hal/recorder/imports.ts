/**
 * What the recorded module imports: passed on to the recorder, which cannot be there before that
 * module is, since it works in its memory. The host puts the recorder's functions into the table.
 *
 * A module of its own (`dist/wasm/recorder-imports.wasm`), so that a frame on its way out need not
 * go through JavaScript once more.
 */
export function transmit(frame: usize, octets: u32): i32 {
  return call_indirect<i32>(0, frame, octets);
}

export function entropy(): i32 {
  return call_indirect<i32>(1);
}
