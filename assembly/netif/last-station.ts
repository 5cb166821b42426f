/**
 * The station that sent the last segment which had to go the general way, and which may send.
 *
 * The next one is likely to be from it, too: then its MAC, the EtherType and both addresses need
 * but be compared, which saves an interpreter some 600 instructions. Asked by netif/ingress.
 */
import { HAS_STRAIGHT } from "../config";

@unmanaged @final class Station {
  /** Its MAC and the EtherType, as they lie in a frame; 0 if there is none. */
  sender: u64;
  /** Its address, and ours. */
  addresses: u64;
}
const STATION: usize = HAS_STRAIGHT ? memory.data(16, 8) : 0;

/** Where both stand in a frame without options in its IPv4 header. */
@inline const SENDER: usize = 6;
@inline const ADDRESSES: usize = 26;

@inline function station(): Station {
  return changetype<Station>(STATION);
}

@inline export function isOfLastStation(frame: usize): bool {
  const sender = station().sender;
  if (sender == 0 || sender != load<u64>(frame, SENDER)) return false;
  return station().addresses == load<u64>(frame, ADDRESSES);
}

/** This frame's station may send. */
export function noteStation(frame: usize): void {
  station().sender = load<u64>(frame, SENDER);
  station().addresses = load<u64>(frame, ADDRESSES);
}

/** Our addresses change: who may send is to be asked anew. */
export function forgetStation(): void {
  if (HAS_STRAIGHT) station().sender = 0;
}
