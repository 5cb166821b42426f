/**
 * Whether every pool of a host is as full as it was at the start, asked in the way that a user or a
 * peer would: by taking all there is, and one more.
 *
 * Called by world.ts when nothing is left. Frames go straight into the module; nothing of this is
 * on the network.
 */
import { Counter, Limit, State, Status } from "../../hal/host/abi.ts";
import {
  ArpOperation,
  buildFrame,
  parseFrame,
  type TcpInput,
  type TcpSegment,
} from "../../hal/host/packet/index.ts";
import { formatMac, SUBNET } from "./network.ts";
import { Ctl } from "./packet.ts";
import type { Station } from "./station.ts";
import { demand } from "./violation.ts";

const PORT = 77;
const PEER_PORT = 30_000;
const PEER_ADDRESS = SUBNET + 90;
const PEER_MAC = "02:dd:00:00:00:01";
const BACKLOG_MAX = 255;
/** More than that is not worth the time of each run. */
const TIME_WAITS_MAX = 64;

export function countPools(station: Station): void {
  const probe = new Probe(station);
  probe.countTcbs();
  probe.countListeners();
  probe.countHalfOpens();
  probe.countTimeWaits();
}

class Probe {
  readonly #station: Station;

  constructor(station: Station) {
    this.#station = station;
    this.#meetPeer();
  }

  /** Has the host ask for the peer, and get an answer: nothing else makes room in a full table. */
  #meetPeer(): void {
    const { mac, address } = this.#station;
    const handle = this.#call("tcpConnect", PEER_ADDRESS, 1, 0, 0);
    this.#demand(handle > 0, `no TCB at all: ${handle}`);
    this.#station.probe(undefined);
    this.#station.probe(
      buildFrame({
        ethernet: { source: PEER_MAC, destination: formatMac(mac) },
        arp: {
          operation: ArpOperation.REPLY,
          senderMac: PEER_MAC,
          senderAddress: PEER_ADDRESS,
          targetMac: formatMac(mac),
          targetAddress: address,
        },
      }),
    );
    this.#call("tcpAbort", handle);
    this.#call("tcpRelease", handle);
  }

  countTcbs(): void {
    const handles: number[] = [];
    for (let i = 0; i < this.#limit("CONNECTION_COUNT"); i++) {
      handles.push(this.#call("tcpConnect", PEER_ADDRESS, 1 + i, 0, 0));
    }
    this.#demandAll("TCBs", handles);
    const more = this.#call("tcpConnect", PEER_ADDRESS, 9_999, 0, 0);
    this.#demand(more === Status.NO_RESOURCES, `a TCB too many: ${more}`);
    for (const handle of handles) {
      this.#call("tcpAbort", handle);
      this.#call("tcpRelease", handle);
    }
  }

  countListeners(): void {
    const count = this.#limit("LISTENER_COUNT");
    const handles = Array.from({ length: count }, (_, i) => this.#call("tcpListen", 0, 100 + i, 1));
    this.#demandAll("listeners", handles);
    for (const handle of handles) this.#call("tcpRelease", handle);
  }

  /** Each SYN has its record, and the next one a cookie at best. */
  countHalfOpens(): void {
    const count = Math.min(this.#limit("HALF_OPEN_COUNT"), BACKLOG_MAX);
    const listener = this.#call("tcpListen", 0, PORT, BACKLOG_MAX);
    for (let i = 0; i < count; i++) {
      const answer = this.#offer(i, { flags: Ctl.SYN, seq: 1_000 });
      this.#demand((answer?.flags ?? 0) === (Ctl.SYN | Ctl.ACK), `no answer to SYN ${i}`);
      const state = this.#station.lookup(PEER_ADDRESS, PEER_PORT + i, PORT);
      this.#demand(state === State.SYN_RECEIVED, `half-open record ${i} of ${count} is missing`);
    }
    this.#call("tcpRelease", listener);
  }

  /** So many connections that we close go to TIME-WAIT, and none is recycled. */
  countTimeWaits(): void {
    const count = Math.min(this.#limit("TIME_WAIT_COUNT"), TIME_WAITS_MAX);
    const listener = this.#call("tcpListen", 0, PORT, BACKLOG_MAX);
    const recycled = this.#station.counter(Counter.TIME_WAIT_RECYCLED);
    for (let i = 0; i < count; i++) this.#closeOne(listener, i);
    for (let i = 0; i < count; i++) {
      const state = this.#station.lookup(PEER_ADDRESS, PEER_PORT + i, PORT);
      this.#demand(state === State.TIME_WAIT, `TIME-WAIT ${i} of ${count} is missing`);
    }
    const now = this.#station.counter(Counter.TIME_WAIT_RECYCLED);
    this.#demand(now === recycled, "a TIME-WAIT record was recycled");
    this.#call("tcpRelease", listener);
  }

  #closeOne(listener: number, index: number): void {
    const synAck = this.#offer(index, { flags: Ctl.SYN, seq: 5_000 });
    this.#demand(synAck !== undefined, `no answer to SYN ${index}`);
    const ack = (synAck!.seq + 1) >>> 0;
    this.#offer(index, { flags: Ctl.ACK, seq: 5_001, ack });
    const handle = this.#call("tcpAccept", listener);
    this.#demand(handle > 0, `connection ${index} cannot be accepted: ${handle}`);
    this.#call("tcpCloseWrite", handle);
    this.#station.probe(undefined);
    this.#offer(index, { flags: Ctl.ACK | Ctl.FIN, seq: 5_001, ack: (ack + 1) >>> 0 });
    this.#call("tcpRelease", handle);
  }

  /** Hands a segment over; what the module answers to it. */
  #offer(index: number, tcp: TcpInput): TcpSegment | undefined {
    const { mac, address } = this.#station;
    const frame = buildFrame({
      ethernet: { source: PEER_MAC, destination: formatMac(mac) },
      ipv4: { source: PEER_ADDRESS, destination: address },
      tcp: { sourcePort: PEER_PORT + index, destinationPort: PORT, ...tcp },
    });
    const answer = this.#station.probe(frame);
    return answer === undefined ? undefined : parseFrame(answer).tcp;
  }

  #limit(which: keyof typeof Limit): number {
    return this.#station.limit(which);
  }

  #call(name: Parameters<Station["call"]>[0], ...args: number[]): number {
    return this.#station.call(name, ...args);
  }

  #demandAll(what: string, handles: readonly number[]): void {
    const missing = handles.findIndex((handle) => handle <= 0);
    this.#demand(missing < 0, `only ${missing} of ${handles.length} ${what}`);
  }

  #demand(holds: boolean, what: string): void {
    demand(holds, "pool", () => `host ${this.#station.id}: ${what}`);
  }
}
