/**
 * Cases: an opening, then frames, calls and time by the dice of a seed, then the finale.
 *
 * What reached code that no case before had reached is kept, and others begin with its steps. A
 * case that finds something becomes a record, which is made as short as the finding allows.
 * Called by the command's workers and by the tests.
 */
import { Random } from "../random.ts";
import { type Capture, playCapture, playWhole } from "./captures.ts";
import { endCase } from "./finale.ts";
import { sendFrame, type Temper } from "./grammar.ts";
import { Finding, type FuzzedProfile } from "./machine.ts";
import { isBare, type Numbers, NUMBERS, open, OPENINGS } from "./openings.ts";
import { type CaseRecord, playStep } from "./records.ts";
import { Scene } from "./scene.ts";
import { act } from "./user.ts";

/** Frames of one case. */
const FRAMES_MIN = 40;
const FRAMES_MAX = 220;
/** Of so many cases one begins with the steps of a kept one, and one ends by filling all pools. */
const FROM_KEPT = 4;
const DEEP = 12;
const KEPT_MAX = 500;
/** Pauses between frames; two calls may lie 2^30 ms apart, not more. */
const PAUSES_MS = [0, 0, 1, 1, 5, 10, 40, 200, 500, 1_000, 3_000, 10_000, 61_000, 300_000];
const LONGEST_PAUSE_MS = 2 ** 30;

/** Where a case begins: an opening with its numbers. */
interface Place {
  opening: string;
  numbers: Numbers;
}

/** All that a case depends on. */
interface Plan {
  place: Place;
  /** Steps of a kept case that come first. */
  prefix: readonly string[];
  seed: number;
  stream: number;
}

/** The cases of one profile, with what they have reached. */
export class Cases {
  readonly profile: FuzzedProfile;
  readonly scene: Scene;
  /** Branches of the module: 1 if any case took it. */
  readonly reached: Uint8Array;
  caseCount = 0;
  readonly #images = new Map<string, ReturnType<Scene["save"]>>();
  readonly #places: Place[] = [];
  readonly #captures: readonly Capture[];
  readonly #kept: { place: Place; steps: readonly string[] }[] = [];
  readonly #director = new Random(0);

  constructor(profile: FuzzedProfile, captures: readonly Capture[]) {
    this.profile = profile;
    this.scene = new Scene(profile);
    this.reached = new Uint8Array(this.scene.machine.branches.length);
    this.#captures = captures;
    for (const opening of Object.keys(OPENINGS)) {
      for (const numbers of NUMBERS) this.#places.push({ opening, numbers });
    }
  }

  get reachedCount(): number {
    return this.reached.reduce((sum, one) => sum + one, 0);
  }

  get keptCount(): number {
    return this.#kept.length;
  }

  /** Plays the next case of a seed; a record of it if it finds something. */
  run(seed: number): CaseRecord | undefined {
    const plan = this.#plan(seed);
    const finding = this.#play(plan);
    const isNew = this.#gather() && this.#kept.length < KEPT_MAX;
    if (finding === undefined && !isNew) return undefined;
    // Once more, with the same dice and a log.
    const { machine } = this.scene;
    const steps: string[] = [];
    machine.log = steps;
    const again = this.#play(plan);
    machine.log = undefined;
    if (again?.message !== finding?.message) {
      throw new Error(`the same case twice: ${finding?.message} and ${again?.message}`);
    }
    if (finding === undefined) this.#kept.push({ place: plan.place, steps });
    else return { profile: this.profile, ...plan.place, finding: finding.message, steps };
    return undefined;
  }

  /** Plays a record, to its end and through the finale; what it finds, if anything. */
  replay(record: CaseRecord): Finding | undefined {
    return this.#attempt(record, () => {
      for (const step of record.steps) playStep(this.scene, step);
      endCase(this.scene, true);
    });
  }

  /** Plays a capture to a module that listens, and through the finale. */
  replayCapture(capture: Capture): Finding | undefined {
    return this.#attempt({ opening: "listen", numbers: "plain" }, () => {
      playWhole(this.scene, capture);
      endCase(this.scene, true);
    });
  }

  #plan(seed: number): Plan {
    const stream = this.caseCount++;
    const director = this.#director;
    director.reseed(~seed, stream);
    if (this.#kept.length === 0 || !director.oneIn(FROM_KEPT)) {
      return { place: director.pick(this.#places), prefix: [], seed, stream };
    }
    const { place, steps } = director.pick(this.#kept);
    return { place, prefix: steps.slice(0, director.below(steps.length + 1)), seed, stream };
  }

  #play({ place, prefix, seed, stream }: Plan): Finding | undefined {
    const { scene } = this;
    return this.#attempt(place, () => {
      scene.random.reseed(seed, stream);
      for (const step of prefix) playStep(scene, step);
      this.#fuzz(isBare(place.opening));
      const isDeep = scene.random.oneIn(DEEP);
      scene.machine.log = undefined;
      endCase(scene, isDeep);
    });
  }

  /** Restores a place and does something there; a Finding is caught. */
  #attempt(place: Place, run: () => void): Finding | undefined {
    try {
      this.scene.restore(this.#imageOf(place));
      run();
      return undefined;
    } catch (error) {
      if (error instanceof Finding) return error;
      throw error;
    }
  }

  #imageOf({ opening, numbers }: Place): ReturnType<Scene["save"]> {
    const key = `${opening}, ${numbers}`;
    let image = this.#images.get(key);
    if (image === undefined) {
      const { machine } = this.scene;
      const log = machine.log;
      machine.log = undefined;
      try {
        open(this.scene, opening, numbers);
      } finally {
        machine.log = log;
      }
      image = this.scene.save();
      this.#images.set(key, image);
    }
    return image;
  }

  /** Frames, calls and time. */
  #fuzz(isBarePlace: boolean): void {
    const { scene } = this;
    const { random, machine } = scene;
    const temper: Temper = { sane: random.pick([9, 9, 7, 4, 1]), damage: random.pick([4, 15, 60]) };
    const isMoody = random.oneIn(6);
    const end = machine.frameCount + random.between(FRAMES_MIN, FRAMES_MAX);
    while (machine.frameCount < end) {
      if (this.#captures.length > 0 && random.oneIn(60)) {
        playCapture(scene, random.pick(this.#captures), temper.damage);
      } else sendFrame(scene, temper);
      if (isMoody && random.oneIn(8)) machine.setBusy(random.oneIn(3));
      if (random.oneIn(3)) {
        machine.poll();
        if (random.oneIn(4)) scene.questions.length = 0;
        else if (scene.answer()) machine.poll();
      }
      if (random.oneIn(4)) act(scene);
      if (random.oneIn(8)) machine.advance(random.pick(PAUSES_MS));
      if (random.oneIn(4_000)) machine.advance(random.below(LONGEST_PAUSE_MS));
      if (random.oneIn(60) && !isBarePlace) random.pick(scene.innocents).exchange(scene);
    }
  }

  /** Adds what was reached since the last time; whether any of it is new. */
  #gather(): boolean {
    const { branches } = this.scene.machine;
    let isNew = false;
    for (let i = 0; i < branches.length; i++) {
      if (branches[i] === 0) continue;
      branches[i] = 0;
      if (this.reached[i] === 0) isNew = true;
      this.reached[i] = 1;
    }
    return isNew;
  }
}

/** Leaves out steps as long as the same is found (ddmin, with chunks that halve). */
export function minimise(cases: Cases, record: CaseRecord): CaseRecord {
  const kind = kindOf(record.finding);
  let { steps } = record;
  const stillFinds = (fewer: string[]): boolean => {
    const found = cases.replay({ ...record, steps: fewer });
    return found !== undefined && kindOf(found.message) === kind;
  };
  if (!stillFinds(steps)) return record;
  for (let size = steps.length >> 1; size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < steps.length;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (stillFinds(fewer)) steps = fewer;
      else at += size;
    }
  }
  const finding = cases.replay({ ...record, steps })?.message ?? record.finding;
  return { ...record, finding, steps };
}

/** What was found, without the numbers that differ from case to case. */
export function kindOf(finding: string): string {
  return finding.split(/[:,]/)[0]!.replaceAll(/\d+/g, "#");
}
