/**
 * Damage to a frame that was right, and its sending in fragments.
 *
 * Called by grammar.ts and for the frames of captures. Whatever comes of it, nothing goes to the
 * tuple of an innocent connection.
 */
import { FRAME_OCTETS_MAX, IP, TRANSPORT } from "./frames.ts";
import { INNOCENT_ADDRESS, type Scene } from "./scene.ts";

const MORE_FRAGMENTS = 0x2000;
/** Octets that mean something in some field. */
const TELLING = [0, 1, 2, 3, 4, 5, 7, 8, 10, 20, 40, 0x45, 0x7f, 0x80, 0xfe, 0xff];

/** Changes some octets or the length; half of the time the checksums are made right again. */
export function damage(scene: Scene): void {
  const { frame, random } = scene;
  const { octets } = frame;
  switch (random.below(5)) {
    case 0:
      frame.length = random.below(frame.length + 1);
      break;
    case 1:
      frame.length = Math.min(frame.length + 1 + random.below(60), FRAME_OCTETS_MAX + 8);
      break;
    default:
      for (let i = 1 + random.below(4); i > 0; i--) {
        const at = random.below(Math.min(frame.length, 80));
        if (random.oneIn(2)) octets[at] = random.pick(TELLING);
        else octets[at] = octets[at]! ^ (1 << random.below(8));
      }
  }
  if (random.oneIn(2) && frame.length >= TRANSPORT) {
    const header = (octets[IP]! & 15) * 4;
    if (random.oneIn(2)) frame.u16(IP + 2, Math.max(frame.length - IP, 0));
    if (IP + header < frame.length) frame.sealTransport(IP + header);
    if (header >= 20) frame.sealIpv4();
  }
  spareInnocents(scene);
}

/** What would come from where the innocents live comes from the address beside it. */
export function spareInnocents({ frame }: Scene): void {
  if (frame.length >= TRANSPORT && frame.readU32(IP + 12) === INNOCENT_ADDRESS) {
    frame.octets[IP + 15] = 9;
    frame.sealIpv4();
  }
}

/** Sends the datagram of the buffer in fragments: in order or not, some twice, some spoilt. */
export function sendInFragments(scene: Scene, damageShare: number): void {
  const { frame, random } = scene;
  const whole = frame.octets.slice(0, frame.length);
  const payload = frame.length - TRANSPORT;
  const size = 8 * (1 + random.below(random.oneIn(3) ? 4 : 90));
  const offsets: number[] = [];
  for (let at = 0; at < payload; at += size) offsets.push(at);
  if (offsets.length > 12) offsets.length = 12;
  if (random.oneIn(3)) swapTwo(offsets, random.below(offsets.length), random.below(offsets.length));
  if (random.oneIn(5)) offsets.push(random.pick(offsets));
  if (random.oneIn(5)) offsets.splice(random.below(offsets.length), 1);
  const id = random.below(random.oneIn(2) ? 3 : 65_536);
  for (const offset of offsets) {
    const count = Math.min(size, payload - offset);
    frame.octets.set(whole.subarray(0, TRANSPORT));
    frame.octets.set(whole.subarray(TRANSPORT + offset, TRANSPORT + offset + count), TRANSPORT);
    frame.length = TRANSPORT + count;
    const isLast = offset + count >= payload;
    const shift = random.oneIn(12) ? random.below(8_192) : offset >>> 3;
    frame.u16(IP + 4, id);
    frame.u16(IP + 6, (isLast ? 0 : MORE_FRAGMENTS) | shift);
    frame.u16(IP + 2, frame.length - IP);
    frame.sealIpv4();
    if (random.oneIn(2 * damageShare)) damage(scene);
    scene.deliver();
  }
}

function swapTwo(list: number[], a: number, b: number): void {
  [list[a], list[b]] = [list[b]!, list[a]!];
}
