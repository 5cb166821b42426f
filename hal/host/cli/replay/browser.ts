/**
 * A replay on a terminal: one key per move, one screen per moment.
 *
 * Called by the command. Keys come in by name and screens go out as text, so that tests press keys
 * without a terminal.
 */
import type { Replay } from "../../recording/index.ts";
import { formatCounters } from "../status-report.ts";
import {
  formatDivergence,
  formatPosition,
  formatReplayed,
  formatSeconds,
  formatTcbs,
} from "./text.ts";

const LEAP_STEPS = 100;
const FRAMES_SHOWN = 8;

const KEYS =
  "q quit  ← → step  PgUp PgDn 100  Home End  f b frame  s state  d differs  12 g  c counts";

/** How much a terminal shows. */
export interface ScreenSize {
  readonly rows: number;
  readonly columns: number;
}

export class ReplayBrowser {
  readonly #replay: Replay;
  readonly #size: ScreenSize;
  #digits = "";
  #showsCounters = false;
  #note = "";

  constructor(replay: Replay, size: ScreenSize) {
    this.#replay = replay;
    this.#size = size;
  }

  /** Acts on a key, named as Node's readline names it. False: the user is done. */
  press(key: string): boolean {
    this.#note = "";
    if (/^[0-9]$/.test(key)) {
      this.#digits = (this.#digits + key).slice(0, 9);
      return true;
    }
    const digits = this.#digits;
    this.#digits = "";
    if ((key === "g" || key === "return") && digits !== "") this.#replay.seek(Number(digits));
    else if (key === "q") return false;
    else this.#move(key);
    return true;
  }

  #move(key: string): void {
    const replay = this.#replay;
    const { position } = replay;
    switch (key) {
      case "right":
      case "space":
        replay.forward();
        break;
      case "left":
        replay.seek(Math.max(0, position - 1));
        break;
      case "pagedown":
        replay.seek(position + LEAP_STEPS);
        break;
      case "pageup":
        replay.seek(Math.max(0, position - LEAP_STEPS));
        break;
      case "home":
        replay.seek(0);
        break;
      case "end":
        replay.seek(Infinity);
        break;
      case "f":
        this.#nextFrame();
        break;
      case "b":
        this.#previousFrame();
        break;
      case "s":
        this.#nextState();
        break;
      case "d":
        this.#nextDifference();
        break;
      case "c":
        this.#showsCounters = !this.#showsCounters;
    }
  }

  #nextFrame(): void {
    const count = this.#replay.frames.length;
    while (this.#replay.frames.length === count && this.#replay.forward());
    if (this.#replay.frames.length === count) this.#note = "no more frames";
  }

  #previousFrame(): void {
    const { frames, position } = this.#replay;
    const last = frames.findLast(({ step }) => step < position);
    if (last === undefined) this.#note = "no frame before";
    else this.#replay.seek(last.step);
  }

  #nextState(): void {
    const before = this.#states();
    while (this.#replay.forward() && !this.#replay.hasTrapped) {
      if (this.#states() !== before) return;
    }
    this.#note = "no connection changes its state any more";
  }

  #states(): string {
    const states = this.#replay.statuses().map((tcb) => {
      return `${tcb.LOCAL_PORT} ${tcb.remoteHost} ${tcb.REMOTE_PORT} ${tcb.stateName}`;
    });
    return states.join("\n");
  }

  #nextDifference(): void {
    while (this.#replay.divergence === undefined && this.#replay.forward());
    const { divergence } = this.#replay;
    if (divergence === undefined) this.#note = "everything is as recorded";
    else this.#replay.seek(divergence.step);
  }

  /** What is to be seen now: what does not fit is left out. */
  screen(): string {
    const replay = this.#replay;
    const { position, stepCount, hasTrapped, frames } = replay;
    const hash = hasTrapped ? "trapped" : replay.stateHash();
    const timeMs = replay.lastStep?.timeMs ?? 0;
    const lines = [
      `step ${position} of ${stepCount}   ${formatSeconds(timeMs)} s   state ${hash}`,
      ...formatPosition(replay),
      "",
      ...frames.slice(-FRAMES_SHOWN).map((frame) => {
        return `${formatSeconds(frame.timeMs).padStart(10)} ${formatReplayed(frame)}`;
      }),
      "",
      ...formatTcbs(replay),
      ...(this.#showsCounters && !hasTrapped ? formatCounters(replay.counters()) : []),
      ...formatDivergence(replay, undefined),
    ];
    const foot = this.#digits === "" ? this.#note : `go to step ${this.#digits} …`;
    const { rows, columns } = this.#size;
    const shown = [...lines.slice(0, Math.max(1, rows - 3)), foot, KEYS];
    return shown.map((line) => line.slice(0, columns)).join("\n");
  }
}
