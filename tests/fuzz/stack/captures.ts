/**
 * Captures as a source of frames: what one end of a recorded conversation sent, played against the
 * module with the numbers that the module's own connection has.
 *
 * Each capture gives two: one for each end in the module's place. Called by cases.ts.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  findOption,
  Flag,
  type Frame,
  parseFrame,
  type TcpSegment,
} from "../../../hal/host/packet/index.ts";
import { readPcap } from "../../../hal/host/wires/index.ts";
import { IP, TRANSPORT } from "./frames.ts";
import { damage, spareInnocents } from "./mutations.ts";
import { type Flow, OUR_ADDRESS, OUR_STATION, type Scene, VICTIM_ADDRESS } from "./scene.ts";

export const CORPUS = fileURLToPath(new URL("../corpus", import.meta.url));

/** A frame as it was sent; for a segment, its numbers counted from both ISNs. */
interface Sent {
  octets: Uint8Array;
  tcp?: { seq: number; ack: number; isSyn: boolean; sack: number[] };
}

export interface Capture {
  name: string;
  frames: Sent[];
}

/** The captures of a folder. */
export function readCaptures(folder = CORPUS): Capture[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".pcap"));
  return names.sort().flatMap((name) => {
    const frames = readPcap(join(folder, name)).packets.map(({ frame }) => frame);
    const parsed = frames.map((frame) => parseFrame(frame));
    const ends = new Set(parsed.map(({ ethernet }) => ethernet?.source ?? ""));
    return [...ends].map((end) => ({
      name: `${name} from ${end}`,
      frames: framesOf(end, frames, parsed),
    }));
  });
}

/** What the station `end` sent to the other, with the ISNs of both taken off. */
function framesOf(end: string, frames: readonly Uint8Array[], parsed: readonly Frame[]): Sent[] {
  const bases = new Map<string, number>();
  for (const { ipv4, tcp } of parsed) {
    if (tcp !== undefined && (tcp.flags & Flag.SYN) !== 0) bases.set(sender(ipv4!, tcp), tcp.seq);
  }
  return parsed.flatMap(({ ethernet, ipv4, tcp }, index) => {
    if (ethernet?.source !== end) return [];
    const octets = frames[index]!.slice(0, 1_514);
    if (tcp === undefined) return [{ octets }];
    const base = bases.get(sender(ipv4!, tcp)) ?? tcp.seq;
    const other = bases.get(receiver(ipv4!, tcp)) ?? tcp.ack;
    return [{ octets, tcp: relative(tcp, base, other) }];
  });
}

function relative(tcp: TcpSegment, base: number, other: number): NonNullable<Sent["tcp"]> {
  const blocks = findOption(tcp, "sack")?.blocks ?? [];
  return {
    seq: (tcp.seq - base) >>> 0,
    ack: (tcp.ack - other) >>> 0,
    isSyn: (tcp.flags & Flag.SYN) !== 0,
    sack: blocks.flatMap(({ left, right }) => [(left - other) >>> 0, (right - other) >>> 0]),
  };
}

function sender(ipv4: { source: number }, tcp: TcpSegment): string {
  return `${ipv4.source}:${tcp.sourcePort}`;
}

function receiver(ipv4: { destination: number }, tcp: TcpSegment): string {
  return `${ipv4.destination}:${tcp.destinationPort}`;
}

/** Sends some frames of a capture in a row, one of `damageShare` damaged, and polls between. */
export function playCapture(scene: Scene, capture: Capture, damageShare: number): void {
  const { random, machine } = scene;
  const { frames } = capture;
  const from = random.oneIn(2) ? 0 : random.below(frames.length);
  const to = Math.min(frames.length, from + 1 + random.below(16));
  for (const sent of frames.slice(from, to)) {
    put(scene, sent);
    if (random.oneIn(damageShare)) damage(scene);
    else spareInnocents(scene);
    scene.deliver();
    if (random.below(3) > 0) scene.settle();
    if (random.oneIn(4)) machine.advance(random.below(50));
  }
}

/** Sends all of a capture, undamaged, with a poll after each frame. */
export function playWhole(scene: Scene, capture: Capture): void {
  for (const sent of capture.frames) {
    put(scene, sent);
    scene.deliver();
    scene.settle();
    scene.machine.advance(1);
  }
}

/** The frame in the buffer, its addresses and numbers those of the victim's flow. */
function put(scene: Scene, { octets, tcp }: Sent): void {
  const { frame } = scene;
  const flow = scene.flows[0]!;
  frame.octets.set(octets);
  frame.length = octets.length;
  const type = frame.readU16(12);
  const station = frame.octets[0] === 255 ? 255 : OUR_STATION;
  frame.ethernet(station, scene.stationOf(VICTIM_ADDRESS), type);
  if (type === 0x0806 && octets.length >= 42) {
    frame.octets.copyWithin(IP + 8, 6, 12);
    frame.u32(IP + 14, VICTIM_ADDRESS);
    frame.u32(IP + 24, OUR_ADDRESS);
  }
  if (type !== 0x0800 || octets.length < TRANSPORT) return;
  frame.u32(IP + 12, flow.address);
  frame.u32(IP + 16, OUR_ADDRESS);
  if (tcp !== undefined && octets[IP] === 0x45) {
    frame.u16(TRANSPORT, flow.peerPort);
    frame.u16(TRANSPORT + 2, flow.localPort);
    frame.u32(TRANSPORT + 4, flow.irs + tcp.seq);
    frame.u32(TRANSPORT + 8, flow.iss + tcp.ack);
    putOptions(scene, tcp, flow);
  }
  frame.length = Math.min(frame.length, IP + frame.readU16(IP + 2));
  const isFragment = (frame.readU16(IP + 6) & 0x3fff) !== 0;
  if (isFragment) frame.sealIpv4();
  else frame.seal();
}

/** Timestamps and SACK blocks become the flow's. */
function putOptions(scene: Scene, tcp: NonNullable<Sent["tcp"]>, flow: Flow): void {
  const { frame, machine } = scene;
  const end = TRANSPORT + (frame.octets[TRANSPORT + 12]! >>> 4) * 4;
  for (let at = TRANSPORT + 20; at < end;) {
    const kind = frame.octets[at]!;
    if (kind === 5) tcp.sack.forEach((value, i) => frame.u32(at + 2 + 4 * i, flow.iss + value));
    if (kind === 8) {
      frame.u32(at + 2, machine.clock);
      frame.u32(at + 6, tcp.isSyn ? 0 : flow.tsVal);
    }
    if (kind === 0) return;
    at += kind === 1 ? 1 : Math.max(2, frame.octets[at + 1]!);
  }
}
