/**
 * Recordings of a stack that is taken up again: they begin with what was in the snapshot, and are
 * replayed, cut off, damaged and compared as those that begin with the module.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { VirtualClock } from "../../hal/host/clock.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { LingerError } from "../../hal/host/errors.ts";
import { LingerModule, type Profile } from "../../hal/host/module.ts";
import { pasteRuns, sumOf } from "../../hal/host/recording/format.ts";
import { readRecording, Recorder, Replay } from "../../hal/host/recording/index.ts";
import { Stack } from "../../hal/host/stack.ts";
import { createMemoryPair, type Impairment } from "../../hal/host/wires/index.ts";
import { doctored } from "./doctored-module.ts";
import { connected, patternOf, PORT, PROFILES, SERVER, Socket, twoStacks } from "./two-stacks.ts";

const folder = mkdtempSync(join(tmpdir(), "linger-restored-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface RunOptions {
  profile?: Profile;
  hashEvery?: number;
  startMs?: number;
  sleepMs?: number;
  octets?: number;
  /** At which turns it sleeps. */
  sleepAt?: number[];
  impairment?: Impairment;
  seed?: number;
}

/** An echo whose server sleeps in the middle of it; each of its lives is recorded. */
function recordLives(options: RunOptions = {}): Uint8Array[] {
  const { profile = "default", hashEvery = 1, startMs = 0, sleepMs = 700, octets = 8000 } = options;
  const { sleepAt = [6], impairment = {}, seed = 1 } = options;
  let socket: Socket | undefined;
  const lives: Uint8Array[][] = [];
  const record = () => {
    const life: Uint8Array[] = [];
    lives.push(life);
    return { to: (part: Uint8Array) => void life.push(part), hashEvery };
  };
  const rig = twoStacks({
    profile,
    startMs,
    seed,
    impairment,
    latencyMs: 3,
    serverWire: (end) => (socket = new Socket(end)).plug(),
    server: { record: record() },
  });
  let { server } = rig;
  const { near, far: awake } = connected(rig);
  let far = awake;
  const text = patternOf(octets);
  const back: Uint8Array[] = [];
  for (let turn = 0, sent = 0; Buffer.concat(back).length < octets && turn < 20_000; turn++) {
    if (sleepAt.includes(turn)) {
      assert.ok(sent > Buffer.concat(back).length, "something is under way");
      const snapshot = server.snapshot();
      rig.clock.advance(sleepMs);
      server = Stack.restore(snapshot, {
        profile,
        clock: rig.clock,
        entropy: new SeededEntropy(turn),
        wire: socket!.plug(),
        sleptMs: sleepMs,
        record: record(),
      });
      [far] = server.openConnections() as [typeof far];
    }
    sent += near.write(text.subarray(sent, sent + 3000));
    const come = far.peek();
    if (come) far.consume(far.write(come));
    const chunk = near.read();
    if (chunk) back.push(chunk);
    rig.clock.advance(turn < 500 ? 3 : 1000);
  }
  assert.ok(Buffer.concat(back).equals(text));
  near.close();
  far.close();
  rig.clock.advance(1000);
  server.close();
  return lives.map((life) => Buffer.concat(life));
}

function recordSleeper(options: RunOptions = {}): { before: Uint8Array; since: Uint8Array } {
  const [before, since] = recordLives(options);
  return { before: before!, since: since! };
}

function load(profile: Profile = "default"): LingerModule {
  return LingerModule.load(profile);
}

function assertCode(code: string, act: () => unknown, pattern: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof LingerError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });
}

/** The check at the end of a recording with one check alone holds again. */
function resealed(octets: Uint8Array): Uint8Array {
  const end = octets.length - 5;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  view.setUint32(end + 1, sumOf(octets.subarray(0, end)), true);
  return octets;
}

describe("a recording that begins with a snapshot", () => {
  for (const profile of PROFILES) {
    test(`profile ${profile}: goes on where the one before ended, through the same states`, () => {
      const hashEvery = profile === "host" ? 50 : 1;
      const octets = profile === "host" ? 200_000 : 8000;
      const { before, since } = recordSleeper({ profile, hashEvery, octets });
      const [first, second] = [readRecording(before), readRecording(since)];
      assert.equal(first.image, undefined);
      assert.equal(second.truncated, undefined);
      const replay = new Replay(second, load(profile));
      assert.equal(replay.stateHash(), first.steps.at(-1)!.hash, "the state that was put away");
      assert.equal(replay.statuses()[0]!.stateName, "ESTABLISHED");
      assert.ok(second.steps.findIndex(({ call }) => call === "wake") < 10);
      assert.ok(second.steps.every(({ call }) => call !== "init"));
      let compared = 0;
      while (replay.forward()) {
        assert.equal(replay.divergence, undefined, `step ${replay.position}`);
        if (replay.lastStep!.hash !== undefined) compared++;
      }
      assert.equal(replay.position, second.steps.length);
      assert.ok(compared >= Math.floor(second.steps.length / hashEvery) && compared > 1);
      assert.ok(replay.frames.length > 10);
    });
  }

  for (const profile of ["tiny", "default"] as const) {
    test(`${profile}: random moments over a bad wire, life after life`, () => {
      for (let seed = 1; seed <= 12; seed++) {
        const entropy = new SeededEntropy(seed);
        const first = 1 + entropy.below(12);
        const sleepAt = [first, first + 1 + entropy.below(10), first + 11 + entropy.below(5)];
        const impairment = { loss: 0.05, reorder: 0.1, duplicate: 0.05 };
        const sleepMs = entropy.below(5000);
        const run = { profile, seed, sleepAt, sleepMs, impairment, octets: 40_000 };
        const lives = recordLives(run);
        assert.equal(lives.length, 4);
        let lastHash: string | undefined;
        for (const [life, octets] of lives.entries()) {
          const recording = readRecording(octets);
          const replay = new Replay(recording, load(profile));
          if (life > 0) assert.equal(replay.stateHash(), lastHash, `seed ${seed}, life ${life}`);
          replay.seek(Infinity);
          assert.equal(replay.divergence, undefined, `seed ${seed}, life ${life}`);
          lastHash = recording.steps.at(-1)!.hash;
        }
      }
    });
  }

  test("its time begins with the wake, near 2^32 too", () => {
    for (const sleepMs of [0, 700, 200_000]) {
      const { since } = recordSleeper({ startMs: 2 ** 32 - 5100, sleepMs });
      const replay = new Replay(readRecording(since), load());
      replay.seek(Infinity);
      assert.equal(replay.divergence, undefined);
      assert.equal(replay.recording.steps[0]!.timeMs, 0);
    }
  });

  test("going back and forth meets the same states, the first among them", () => {
    const replay = new Replay(readRecording(recordSleeper().since), load());
    const hashes = [replay.stateHash()];
    while (replay.forward()) hashes.push(replay.stateHash());
    const last = hashes.length - 1;
    for (let turn = 0, position = 5; turn < 40; turn++, position = (position * 31 + 17) % last) {
      replay.seek(position);
      assert.equal(replay.stateHash(), hashes[position], `at ${position}`);
    }
    replay.seek(0);
    assert.equal(replay.stateHash(), hashes[0]);
  });

  test("a large image is written in pieces that its buffer takes", () => {
    const parts: Uint8Array[] = [];
    const octets = patternOf(1_300_000);
    const image = [
      { begin: 8, octets: octets.subarray(0, 100) },
      { begin: 70_000, octets: octets.subarray(100) },
    ];
    const recorder = new Recorder((part) => void parts.push(part), { startMs: 0, image });
    load("host").instantiate({ transmit: () => true, entropy: () => 0 }, recorder);
    recorder.close();
    const recording = readRecording(Buffer.concat(parts));
    assert.equal(recording.truncated, undefined);
    const memory = new Uint8Array(70_000 + 1_300_000);
    pasteRuns(memory, recording.image!);
    assert.ok(Buffer.from(memory.subarray(8, 108)).equals(octets.subarray(0, 100)));
    assert.ok(Buffer.from(memory.subarray(70_000, -100)).equals(octets.subarray(100)));
    assert.ok(parts.length > 2, "it is longer than the buffer");
  });

  test("no other module can go on from it", () => {
    const recording = readRecording(recordSleeper().since);
    for (const module of [load("tiny"), LingerModule.load(doctored("spoiledCommits"))]) {
      const pattern = /^the recording begins with a snapshot of another module than .*: only the/;
      assertCode("SNAPSHOT_MODULE", () => new Replay(recording, module), pattern);
    }
  });

  test("what is damaged in it is noticed, and cut off in its image it is refused", () => {
    const { since } = recordSleeper();
    const { steps } = readRecording(since);
    const header = Buffer.from(since).readUInt16LE(10);
    let holdsNone = 0;
    for (let length = header; length < since.length; length += 61) {
      const cut = since.subarray(0, length);
      try {
        const recording = readRecording(cut);
        assert.ok(recording.steps.length > 0 && recording.steps.length <= steps.length);
        assert.match(recording.truncated!, /: it goes as far as step \d+$/);
        const replay = new Replay(recording, load());
        replay.seek(Infinity);
        assert.equal(replay.divergence, undefined);
      } catch (error) {
        assertCode(
          "RECORDING_FORMAT",
          () => {
            throw error;
          },
          /begins with: it holds no step$/,
        );
        holdsNone++;
      }
    }
    assert.ok(holdsNone > 5, `${holdsNone} were cut off in the image`);
    for (let at = header; at < since.length - 6; at += 53) {
      const damaged = new Uint8Array(since);
      damaged[at]! ^= 0x41;
      let whole = true;
      try {
        whole = readRecording(damaged).truncated === undefined;
      } catch (error) {
        assert.ok(error instanceof LingerError && error.code === "RECORDING_FORMAT");
        whole = false;
      }
      assert.equal(whole, false, `octet ${at} was damaged, and nobody noticed`);
    }
  });

  test("an image that is none is refused: beyond the memory, missing, or not asked for", () => {
    const { since, before } = recordSleeper({ hashEvery: 0 });
    const header = Buffer.from(since).readUInt16LE(10);
    assert.equal(since[header], 75);
    const changed = (source: Uint8Array, change: (octets: Uint8Array) => void): Uint8Array => {
      const octets = new Uint8Array(source);
      change(octets);
      return resealed(octets);
    };
    const damaged = /is damaged behind step 0/;
    const refused = (octets: Uint8Array, pattern: RegExp): void => {
      assertCode("RECORDING_FORMAT", () => readRecording(octets), pattern);
    };
    assert.ok(readRecording(changed(since, () => undefined)).steps.length > 0);
    refused(
      changed(since, (octets) => octets.set([0xff, 0xff, 0x7f], header + 1)),
      damaged,
    );
    refused(
      changed(since, (octets) => (octets[8] = 1)),
      damaged,
    );
    refused(
      changed(before, (octets) => (octets[8] = 2)),
      damaged,
    );
    refused(
      changed(since, (octets) => (octets[8] = 3)),
      /version 3, and this reads 1 and 2$/,
    );
  });
});

describe("Stack.restore", () => {
  /** A stack with a listener, put away. */
  function asleep(clock: VirtualClock): Uint8Array {
    const [wire] = createMemoryPair({ clock, latencyMs: 1 });
    const stack = Stack.create({ wire, address: `${SERVER}/24`, profile: "default", clock });
    stack.listen(PORT);
    return stack.snapshot();
  }

  test("leaves a recording that is there alone if it refuses the snapshot", () => {
    const clock = new VirtualClock();
    const path = join(folder, "there");
    writeFileSync(path, "of yesterday");
    const snapshot = asleep(clock);
    const restore = (profile: Profile, record: string) => {
      const [wire] = createMemoryPair({ clock, latencyMs: 1 });
      return Stack.restore(snapshot, { wire, profile, clock, record });
    };
    assertCode("SNAPSHOT_MODULE", () => restore("tiny", path), /another module/);
    assert.equal(readFileSync(path, "utf8"), "of yesterday");
    // And one that cannot be written leaves the snapshot what it was.
    const nowhere = join(folder, "no", "such");
    assertCode("RECORDING_FILE", () => restore("default", nowhere), /cannot write/);
    restore("default", path).close();
    assert.ok(readRecording(path).image !== undefined);
  });

  test("dates the first call, however long the sleep was", () => {
    const originMs = Date.UTC(2026, 0, 2);
    for (const sleptMs of [0, 5000, 40 * 86_400_000]) {
      const clock = new VirtualClock({ originMs });
      const snapshot = asleep(clock);
      clock.advance(sleptMs);
      const path = join(folder, "dated");
      const [wire] = createMemoryPair({ clock, latencyMs: 1 });
      Stack.restore(snapshot, { wire, profile: "default", clock, record: path }).close();
      const { startMs, steps } = readRecording(path);
      assert.equal(startMs + steps.at(-1)!.timeMs, originMs + sleptMs);
      assert.equal(new Replay(readRecording(path), load()).stepCount, steps.length);
    }
  });
});
