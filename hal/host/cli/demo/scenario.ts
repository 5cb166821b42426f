/**
 * What a scenario is, and what came of it.
 *
 * Used by the scenarios, and by the demonstration that plays and judges them.
 */
import type { Side, StateName } from "../../ladder/index.ts";
import type { LingerEnd } from "./linger-end.ts";
import type { Stage, Tuple } from "./stage.ts";
import type { EndConnection, TcpEnd } from "./tcp-end.ts";

/** States that an end goes through, in order. One with "?" at its end may be passed unseen. */
export type Path = readonly (StateName | `${StateName}?`)[];

export interface Scenario {
  /** For `--scenario` and the names of files. */
  name: string;
  title: string;
  /** What happens and why it matters, in a line or two. */
  about: string;
  tuple: Tuple;
  expected: { left: Path; right: Path };
  /** Which transitions its table shows: those of the close, or all. */
  table: "close" | "all";
  play: (cast: Cast) => Promise<void>;
}

/** Who takes part, and where it is noted what was true. */
export interface Cast {
  stage: Stage;
  linger: LingerEnd;
  peer: TcpEnd;
  peerIsKernel: boolean;
  twoMslMs: number;
  /** Notes something that must hold for the scenario to agree. */
  check: (text: string, holds: boolean) => void;
}

export interface Check {
  text: string;
  holds: boolean;
}

/** Both connections of an open scenario. */
export interface Pair {
  linger: EndConnection;
  peer: EndConnection;
}

/** The peer opens to a port of Linger; both are ESTABLISHED afterwards. */
export async function openToLinger(
  { stage, linger, peer }: Cast,
  options: { unread?: boolean } = {},
): Promise<Pair> {
  const { leftPort, rightPort } = stage.tuple;
  await linger.listen(leftPort, options);
  stage.begin();
  const opened = await stage.call("right", "OPEN", () =>
    peer.connect(linger.address, leftPort, { localPort: rightPort }),
  );
  await stage.reach("ESTABLISHED", "ESTABLISHED");
  return { linger: await linger.accepted(leftPort), peer: opened };
}

/** Linger opens to a port of the peer; both are ESTABLISHED afterwards. */
export async function openToPeer(
  { stage, linger, peer }: Cast,
  options: { unread?: boolean } = {},
): Promise<Pair> {
  const { leftPort, rightPort } = stage.tuple;
  await peer.listen(rightPort, options);
  stage.begin();
  const opened = await stage.call("left", "OPEN", () =>
    linger.connect(peer.address, rightPort, { localPort: leftPort }),
  );
  await stage.reach("ESTABLISHED", "ESTABLISHED");
  return { linger: opened, peer: await peer.accepted(rightPort) };
}

/** SEND at one end, RECEIVE at the other, and every acknowledgement of it. */
export async function exchange(
  { stage, check }: Cast,
  pair: Pair,
  from: Side,
  text: string,
): Promise<void> {
  const [sender, receiver] = from === "left" ? [pair.linger, pair.peer] : [pair.peer, pair.linger];
  const expected = receiver.received + text;
  await stage.call(from, `SEND ${text.length} octets`, () => sender.send(text));
  await stage.until("the data", () => receiver.received.length >= expected.length);
  await stage.acknowledged();
  const to = from === "left" ? stage.right : stage.left;
  check(`${to.name} received the ${text.length} octets`, receiver.received === expected);
}

/** CLOSE of an end: it sends no more, and goes on receiving. */
export async function closeWrite({ stage }: Cast, pair: Pair, side: Side): Promise<void> {
  const end = side === "left" ? pair.linger : pair.peer;
  await stage.call(side, "CLOSE", () => end.closeWrite());
}

/** Waits until an end has read end-of-file, and notes that it did. */
export async function sawEnd({ stage, check }: Cast, pair: Pair, side: Side): Promise<void> {
  const end = side === "left" ? pair.linger : pair.peer;
  await stage.until("end-of-file", () => end.sawEnd);
  check(`${stage[side].name}'s application read end-of-file`, end.sawEnd);
}

/** Waits until an end was told how its connection ended, and notes whether it was told so. */
export async function wasTold(
  { stage, check }: Cast,
  pair: Pair,
  side: Side,
  expected: NonNullable<EndConnection["told"]>,
): Promise<void> {
  const end = side === "left" ? pair.linger : pair.peer;
  await stage.until("the end to be told", () => end.told !== undefined);
  check(`${stage[side].name}'s application was told: ${end.told}`, end.told === expected);
}

/** States one after the other without repetition. */
export function pathOf(states: readonly StateName[]): StateName[] {
  return states.filter((state, index) => index === 0 || state !== states[index - 1]);
}

/** Whether what was seen is the expected path; states marked "?" may be missing. */
export function followsPath(seen: readonly StateName[], expected: Path): boolean {
  if (expected.length === 0) return seen.length === 0;
  const [next, ...rest] = expected as [Path[number], ...Path];
  const isOptional = next.length > 1 && next.endsWith("?");
  const state = isOptional ? next.slice(0, -1) : next;
  if (seen[0] === state && followsPath(seen.slice(1), rest)) return true;
  return isOptional && followsPath(seen, rest);
}
