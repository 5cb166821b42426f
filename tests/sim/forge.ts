/**
 * What hostile stations send: noise, frames that are wrong in one place, fragments that do not fit,
 * ARP that lies, ICMP that forges, segments with guessed and with nearly right numbers, floods.
 *
 * Called by attacker.ts. Whether a segment happens to be one that must be believed is not judged
 * here, but when it is delivered (forgery.ts); with nearly right numbers most such are held back.
 */
import { State } from "../../hal/host/abi.ts";
import {
  ArpOperation,
  BROADCAST_MAC,
  buildFrame,
  EtherType,
  type FrameInput,
  IcmpType,
  type TcpInput,
  type TcpOption,
} from "../../hal/host/packet/index.ts";
import type { Attacker } from "./attacker.ts";
import { isBelievable } from "./forgery.ts";
import { formatMac, SUBNET } from "./network.ts";
import { Ctl, Packet } from "./packet.ts";
import type { AttackKind } from "./plan.ts";
import { LISTEN_PORT, type Station } from "./station.ts";
import type { Slot } from "./watch.ts";

const FRAME_MAX = 1_514;
/** Of segments with nearly right numbers so many may hit. */
const HIT_SHARE = 0.03;

type Frames = (attacker: Attacker, victim: Station) => Uint8Array[];

/** What each kind of attack sends at a time. */
export const ATTACK_FRAMES: Readonly<Record<Exclude<AttackKind, "stranger" | "replay">, Frames>> = {
  noise: (attacker, victim) => [noise(attacker, victim)],
  frames: (attacker, victim) => [attacker.dice.pick(WRONG_FRAMES)(attacker, victim)],
  fragments: (attacker, victim) => fragments(attacker, victim),
  arp: (attacker, victim) => [attacker.dice.pick(ARPS)(attacker, victim)],
  "echo-flood": (attacker, victim) => echoes(attacker, victim),
  icmp: (attacker, victim) => [icmpError(attacker, victim)],
  blind: (attacker, victim) => [blind(attacker, victim)],
  near: (attacker, victim) => near(attacker, victim),
  "syn-flood": (attacker, victim) => flood(attacker, victim),
};

function frame(attacker: Attacker, victim: Station, input: FrameInput): Uint8Array {
  return buildFrame({
    ...input,
    ethernet: {
      source: attacker.macText,
      destination: formatMac(victim.mac),
      ...input.ethernet,
    },
    ipv4: { source: attacker.address, destination: victim.address, ...input.ipv4 },
  });
}

function randomOctets({ dice }: Attacker, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => dice.word());
}

function noise(attacker: Attacker, victim: Station): Uint8Array {
  const { dice } = attacker;
  const octets = randomOctets(attacker, dice.pick([1, 13, 14, 20, 60, 200, FRAME_MAX, 1_600]));
  const head = frame(attacker, victim, { ipv4: { payload: new Uint8Array(0) } });
  // Some of it looks like IPv4 to the victim, for a while.
  octets.set(head.subarray(0, Math.min(octets.length, dice.pick([0, 12, 14, 24, 34]))));
  return octets;
}

// ── One thing wrong ──────────────────────────────────────────────────────────────────────────────

type Wrong = (attacker: Attacker, victim: Station) => Uint8Array;

const SYN: TcpInput = { sourcePort: 4_000, destinationPort: LISTEN_PORT, flags: Ctl.SYN };

/** A SYN in a frame that is wrong in one place. */
function wrong(change: (attacker: Attacker, victim: Station) => FrameInput): Wrong {
  return (attacker, victim) => {
    const input = change(attacker, victim);
    const sourcePort = 1_024 + attacker.dice.below(60_000);
    const seq = attacker.dice.word();
    if (input.icmp !== undefined) return frame(attacker, victim, input);
    return frame(attacker, victim, { ...input, tcp: { ...SYN, sourcePort, seq, ...input.tcp } });
  };
}

const GROUP_ADDRESS = 0xe000_0001;
const UDP = 17;

const WRONG_FRAMES: readonly Wrong[] = [
  wrong(({ dice }) => ({ ethernet: { etherType: dice.pick([0x0801, EtherType.IPV6, 0]) } })),
  wrong(() => ({ ethernet: { destination: "02:00:00:00:00:77" } })),
  wrong(() => ({ ethernet: { destination: BROADCAST_MAC } })),
  wrong(() => ({ ethernet: { source: "01:00:5e:00:00:01" } })),
  wrong(({ dice }) => ({ ipv4: { version: dice.pick([0, 5, 6, 15]) } })),
  wrong(({ dice }) => ({ ipv4: { headerLength: dice.pick([0, 16, 24, 60]) } })),
  wrong(({ dice }) => ({ ipv4: { totalLength: dice.pick([0, 19, 30, 41, 65_535]) } })),
  wrong(({ dice }) => ({ ipv4: { checksum: dice.below(65_536) } })),
  wrong(({ dice }) => ({ ipv4: { protocol: dice.pick([0, 2, UDP, 255]) } })),
  wrong((_, victim) => ({ ipv4: { source: victim.address } })),
  wrong(({ dice }) => ({ ipv4: { source: dice.pick([0, 0xffff_ffff, GROUP_ADDRESS]) } })),
  wrong(({ dice }) => ({ ipv4: { destination: dice.pick([SUBNET + 255, SUBNET + 77]) } })),
  wrong(({ dice }) => ({ tcp: { checksum: dice.below(65_536) } })),
  wrong(({ dice }) => ({ tcp: { headerLength: dice.pick([0, 16, 40, 60]) } })),
  wrong(() => ({ tcp: { sourcePort: 0 } })),
  wrong(() => ({ tcp: { destinationPort: 0 } })),
  wrong(({ dice }) => ({ tcp: { flags: dice.below(256) } })),
  wrong(({ dice }) => ({ tcp: { destinationPort: 1 + dice.below(65_535) } })),
  wrong((attacker) => ({ tcp: { optionOctets: bomb(attacker) } })),
  wrong(({ dice }) => ({ icmp: { type: dice.below(256), code: dice.below(16), checksum: 1 } })),
  wrong(({ dice }) => ({ icmp: { type: dice.pick([1, 5, 9, 13, 40]) } })),
  wrong(({ dice }) => ({ icmp: { type: IcmpType.ECHO_REPLY, rest: dice.word() } })),
];

/** Options that are broken, endless, or too many. */
function bomb(attacker: Attacker): Uint8Array {
  const { dice } = attacker;
  const octets = randomOctets(attacker, 4 * dice.between(1, 10));
  const kinds = [0, 1, 2, 3, 4, 5, 8, 30, 253];
  for (let at = 0; at < octets.length; at += dice.between(1, 8)) {
    octets[at] = dice.pick(kinds);
    if (at + 1 < octets.length) octets[at + 1] = dice.pick([0, 1, 2, 3, 4, 10, 18, 40, 255]);
  }
  return octets;
}

// ── Fragments ────────────────────────────────────────────────────────────────────────────────────

/**
 * Datagrams of which the victim cannot make anything: where each piece begins, and its octets. The
 * last of several is the datagram's end.
 */
const DATAGRAMS: readonly (readonly (readonly [from: number, octets: number])[])[] = [
  [[0, 64]],
  [
    [0, 8],
    [8, 64],
  ],
  [
    [0, 64],
    [32, 64],
  ],
  [
    [0, 64],
    [0, 64],
    [128, 8],
  ],
  [
    [8, 64],
    [8, 64],
  ],
  [[1_472, 64]],
  [[64, 61]],
  [
    [0, 64],
    [64, 32],
  ],
  [[64, 0]],
];

function fragments(attacker: Attacker, victim: Station): Uint8Array[] {
  const pieces = attacker.dice.pick(DATAGRAMS);
  const identification = attacker.dice.below(65_536);
  const payload = randomOctets(attacker, 128);
  return pieces.map(([fragmentOffset, octets], index) =>
    frame(attacker, victim, {
      ipv4: {
        identification,
        dontFragment: false,
        moreFragments: index === 0 || index < pieces.length - 1,
        fragmentOffset,
        payload: payload.subarray(0, octets),
      },
    }),
  );
}

// ── ARP and ICMP ─────────────────────────────────────────────────────────────────────────────────

const ARPS: readonly Wrong[] = [
  // Claims the victim's address, before everybody.
  (attacker, victim) => arp(attacker, { senderAddress: victim.address }),
  // Claims another host's.
  (attacker, victim) => arp(attacker, { senderAddress: SUBNET + 1 + (victim.id % 8) }),
  (attacker, victim) => arp(attacker, { hardwareType: 6, targetAddress: victim.address }),
  (attacker, victim) => arp(attacker, { senderMac: BROADCAST_MAC, targetAddress: victim.address }),
  (attacker) => arp(attacker, { senderAddress: 0x7f00_0001 }),
  (attacker) => arp(attacker, {}).subarray(0, 30),
  // Asks as somebody new each time.
  (attacker, victim) =>
    arp(attacker, {
      senderAddress: SUBNET + 150 + attacker.dice.below(100),
      targetAddress: victim.address,
    }),
];

function arp(attacker: Attacker, fields: NonNullable<FrameInput["arp"]>): Uint8Array {
  return buildFrame({
    ethernet: { source: attacker.macText },
    arp: {
      operation: ArpOperation.REQUEST,
      senderMac: attacker.macText,
      senderAddress: attacker.address,
      ...fields,
    },
  });
}

function echoes(attacker: Attacker, victim: Station): Uint8Array[] {
  const count = attacker.dice.pick([1, 1, 10, 150]);
  return Array.from({ length: count }, () =>
    frame(attacker, victim, {
      icmp: { type: IcmpType.ECHO_REQUEST, payload: randomOctets(attacker, count > 1 ? 8 : 1_000) },
    }),
  );
}

const ERRORS: readonly (readonly [type: number, code: number])[] = [
  [3, 0],
  [3, 1],
  [3, 2],
  [3, 3],
  [3, 4],
  [3, 13],
  [4, 0],
  [11, 0],
  [12, 0],
];

/** An error about a segment of the victim's: one in flight, one near it, or none that ever was. */
function icmpError(attacker: Attacker, victim: Station): Uint8Array {
  const { dice } = attacker;
  const slot = someSlot(attacker, victim);
  const [type, code] = dice.pick(ERRORS);
  const una = slot?.una ?? dice.word();
  const seq = (una + dice.pick([0, 0, -1, 1, 1_000, 2 ** 31])) >>> 0;
  const quoted = buildFrame({
    ipv4: { source: victim.address, destination: slot?.remoteAddress ?? SUBNET + 1 },
    tcp: {
      sourcePort: slot?.localPort ?? 1 + dice.below(65_535),
      destinationPort: slot?.remotePort ?? 1 + dice.below(65_535),
      seq: dice.chance(0.1) ? dice.word() : seq,
      flags: Ctl.ACK,
      payload: new Uint8Array(dice.pick([0, 500, 1_000])),
    },
  }).subarray(14, 14 + dice.pick([10, 20, 27, 28, 28, 28, 40]));
  const mtu = dice.pick([0, 68, 296, 552, 1_006, 1_499, 1_500, 9_000]);
  return frame(attacker, victim, { icmp: { type, code, sequence: mtu, payload: quoted } });
}

// ── Segments ─────────────────────────────────────────────────────────────────────────────────────

function someSlot({ dice }: Attacker, victim: Station): Slot | undefined {
  const live = victim.watch.slots.filter(({ isLive, state }) => isLive && state !== State.CLOSED);
  return live.length === 0 ? undefined : dice.pick(live);
}

const CONTROLS: readonly number[] = [
  Ctl.RST,
  Ctl.RST,
  Ctl.RST | Ctl.ACK,
  Ctl.SYN,
  Ctl.SYN | Ctl.ACK,
  Ctl.ACK,
  Ctl.ACK,
  Ctl.ACK | Ctl.PSH,
  Ctl.ACK | Ctl.FIN,
  Ctl.ACK | Ctl.URG,
  Ctl.SYN | Ctl.FIN,
  Ctl.SYN | Ctl.RST,
  0,
  0xff,
];

/** In the peer's name, with numbers that nobody has told it. */
function blind(attacker: Attacker, victim: Station): Uint8Array {
  const { dice } = attacker;
  const slot = someSlot(attacker, victim);
  return segment(attacker, victim, {
    source: slot?.remoteAddress ?? SUBNET + dice.between(1, 8),
    sourcePort: slot?.remotePort ?? dice.between(49_152, 65_535),
    destinationPort: slot?.localPort ?? LISTEN_PORT,
    seq: dice.word(),
    ack: dice.word(),
  });
}

interface Guess {
  source: number;
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
}

function segment(attacker: Attacker, victim: Station, guess: Guess): Uint8Array {
  const { dice } = attacker;
  const { source, ...numbers } = guess;
  const flags = dice.pick(CONTROLS);
  const carries = (flags & (Ctl.SYN | Ctl.RST)) === 0;
  return frame(attacker, victim, {
    ipv4: { source },
    tcp: {
      ...numbers,
      flags,
      window: dice.pick([0, 1, 1_000, 65_535]),
      urgentPointer: (flags & Ctl.URG) !== 0 ? dice.below(65_536) : 0,
      options: dice.chance(0.3) ? oddOptions(attacker) : [],
      payload: carries ? randomOctets(attacker, dice.pick([0, 0, 1, 100, 1_400])) : "",
    },
  });
}

function oddOptions({ dice }: Attacker): TcpOption[] {
  const left = dice.word();
  return dice.pick<TcpOption[]>([
    [{ kind: "timestamps", value: dice.word(), echo: dice.word() }],
    [{ kind: "window-scale", shift: dice.below(256) }],
    [{ kind: "sack", blocks: [{ left, right: (left + dice.below(3_000)) >>> 0 }] }],
    [{ kind: "mss", value: dice.pick([0, 1, 64, 65_535]) }],
    [{ kind: "unknown", number: 253, data: new Uint8Array(dice.below(30)) }],
  ]);
}

/** In the peer's name, with numbers that are right but for a little. */
function near(attacker: Attacker, victim: Station): Uint8Array[] {
  const { dice } = attacker;
  const slot = someSlot(attacker, victim);
  if (slot === undefined) return [];
  const window = (slot.rcvEdge - slot.rcvNxt) >>> 0;
  const seqs = [0, 0, -1, 1, 2, window - 1, window, window + 1, window >> 1, -window, 2 ** 31];
  const acks = [0, 0, 1, -1, -70_000, 2 ** 31, 1_000];
  const octets = segment(attacker, victim, {
    source: slot.remoteAddress,
    sourcePort: slot.remotePort,
    destinationPort: slot.localPort,
    seq: (slot.rcvNxt + dice.pick(seqs)) >>> 0,
    ack: ((dice.chance(0.5) ? slot.una : slot.nxt) + dice.pick(acks)) >>> 0,
  });
  const hits = isBelievable(slot, new Packet().take(octets));
  return hits && !dice.chance(HIT_SHARE) ? [] : [octets];
}

/** SYNs from everywhere. */
function flood(attacker: Attacker, victim: Station): Uint8Array[] {
  const { dice } = attacker;
  return Array.from({ length: dice.between(1, 12) }, () =>
    frame(attacker, victim, {
      ipv4: { source: SUBNET + 150 + dice.below(100) },
      tcp: {
        sourcePort: dice.between(1_024, 65_535),
        destinationPort: LISTEN_PORT,
        seq: dice.word(),
        flags: Ctl.SYN,
        options: dice.chance(0.5) ? [{ kind: "mss", value: dice.pick([1, 536, 1_460]) }] : [],
      },
    }),
  );
}
