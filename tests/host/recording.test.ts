/**
 * Recordings: what a stack was given comes back when it is replayed, forwards and backwards, to the
 * same states; a module that differs is found where it does; and bad files are refused.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { LingerError } from "../../hal/host/errors.ts";
import { LingerModule, type Profile } from "../../hal/host/module.ts";
import { parseFrame } from "../../hal/host/packet/index.ts";
import { callNumber, callShape, checkOf, Kind, sumOf } from "../../hal/host/recording/format.ts";
import { ImageHash } from "../../hal/host/recording/image-hash.ts";
import {
  readRecording,
  type Recording,
  Replay,
  type RecordingSink,
} from "../../hal/host/recording/index.ts";
import type { StackOptions } from "../../hal/host/stack.ts";
import { doctored, moduleOctets } from "./doctored-module.ts";
import { connected, patternOf, PORT, PROFILES, type Rig, SERVER, twoStacks } from "./two-stacks.ts";

const folder = mkdtempSync(join(tmpdir(), "linger-recording-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Gathers what a recorder gives. */
function gather(): { sink: RecordingSink; octets: () => Uint8Array } {
  const parts: Uint8Array[] = [];
  return { sink: (octets) => void parts.push(octets), octets: () => Buffer.concat(parts) };
}

interface RunOptions {
  profile?: Profile;
  hashEvery?: number;
  octets?: number;
  startMs?: number;
  client?: Partial<StackOptions>;
}

/** A transfer each way over a bad wire, the client recorded; ends with both closed. */
function recordTransfer(options: RunOptions = {}) {
  const { profile = "default", hashEvery = 1, octets = 20_000, startMs = 0, client } = options;
  const { sink, octets: recorded } = gather();
  const rig = twoStacks({
    profile,
    startMs,
    impairment: { loss: 0.05, reorder: 0.05, duplicate: 0.02, corrupt: 0.1 },
    client: { record: { to: sink, hashEvery }, mslMs: 100, ...client },
  });
  const { near, far } = connected(rig);
  const text = patternOf(octets);
  let sent = 0;
  let returned = 0;
  let echoed = 0;
  for (let turn = 0; turn < 20_000 && near.end === undefined; turn++) {
    sent += near.isReleased ? 0 : near.write(text.subarray(sent, sent + 3000));
    if (sent === text.length && !near.isReleased) near.closeWrite();
    const come = far.isReleased ? undefined : far.peek();
    if (come) {
      const taken = far.write(come);
      far.consume(taken);
      echoed += taken;
    } else if (come === null && echoed === text.length) far.closeWrite();
    returned += near.read()?.length ?? 0;
    rig.clock.advance(3);
  }
  for (let rest = near.read(); rest; rest = near.read()) returned += rest.length;
  assert.equal(returned, text.length);
  rig.clock.advance(1000);
  const counters = rig.client.counters();
  rig.client.close();
  return { recording: readRecording(recorded()), octets: recorded(), counters };
}

function load(profile: Profile): LingerModule {
  return LingerModule.load(profile);
}

function assertRefused(act: () => unknown, pattern: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof LingerError, String(error));
    assert.equal(error.code, "RECORDING_FORMAT");
    assert.match(error.message, pattern);
    return true;
  });
}

/** The hash of every state from 0 on. */
function hashesOf(replay: Replay): string[] {
  replay.seek(0);
  const hashes = [replay.stateHash()];
  while (replay.forward()) hashes.push(replay.stateHash());
  return hashes;
}

describe("a replay", () => {
  for (const profile of PROFILES) {
    test(`profile ${profile}: every step of a lossy transfer gives the recorded state`, () => {
      const hashEvery = profile === "host" ? 100 : 1;
      const { recording, counters } = recordTransfer({ profile, hashEvery });
      assert.ok(counters.RETRANSMITS > 0 && counters.DROP_TCP_CHECKSUM > 0, "the wire was bad");
      assert.equal(recording.truncated, undefined);
      const replay = new Replay(recording, load(profile));
      assert.equal(replay.isSameModule, true);
      let compared = 0;
      while (replay.forward()) {
        assert.equal(replay.divergence, undefined, `step ${replay.position}`);
        const { hash } = replay.lastStep!;
        if (hash === undefined) continue;
        assert.equal(replay.stateHash(), hash, `step ${replay.position}`);
        compared++;
      }
      assert.equal(replay.position, recording.steps.length);
      assert.ok(compared >= Math.floor(recording.steps.length / hashEvery), `${compared} hashes`);
      const { FRAMES_IN, FRAMES_OUT } = replay.counters();
      const out = replay.frames.filter(({ direction }) => direction === "out");
      const came = replay.frames.filter(({ direction }) => direction === "in");
      assert.deepEqual([came.length, out.length], [FRAMES_IN, FRAMES_OUT]);
      assert.ok(FRAMES_IN >= counters.FRAMES_IN && came.length > 20);
    });
  }

  test("times, numbers and entropy near 2^32 come back", () => {
    const { recording } = recordTransfer({ startMs: 2 ** 32 - 6000, octets: 5000 });
    const replay = new Replay(recording, load("default"));
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
    assert.equal(replay.position, recording.steps.length);
    const times = recording.steps.map(({ timeMs }) => timeMs);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
      "time goes on",
    );
    assert.equal(times[0], 0);
    assert.ok(times.at(-1)! > 6000, "beyond the wrap");
  });

  test("going back and forth, by one step or by many, meets the same states", () => {
    const { recording } = recordTransfer({ octets: 3000 });
    const replay = new Replay(recording, load("default"));
    const hashes = hashesOf(replay);
    const last = recording.steps.length;
    for (let position = last; position > last - 40; position--) {
      replay.seek(position);
      assert.equal(replay.position, position);
      assert.equal(replay.stateHash(), hashes[position], `back at ${position}`);
    }
    for (let turn = 0, position = 7; turn < 60; turn++, position = (position * 31 + 17) % last) {
      replay.seek(position);
      assert.equal(replay.stateHash(), hashes[position], `at ${position}`);
      assert.ok(replay.frames.every(({ step }) => step <= position));
    }
  });

  test("looking at connections and counters leaves no trace", () => {
    const { recording } = recordTransfer({ octets: 3000 });
    const replay = new Replay(recording, load("default"));
    let seen = 0;
    while (replay.forward()) {
      const hash = replay.stateHash();
      const [status] = replay.statuses();
      replay.counters();
      if (status?.stateName === "ESTABLISHED" && status.remoteHost === SERVER) seen++;
      assert.equal(replay.stateHash(), hash, `step ${replay.position}`);
    }
    assert.ok(seen > 10, `ESTABLISHED in ${seen} states`);
    assert.equal(replay.divergence, undefined);
  });

  test("user calls of every kind, a refusal and a BUSY wire among them, come back", async () => {
    const { sink, octets } = gather();
    const rig = twoStacks({ client: { record: { to: sink, hashEvery: 1 } } });
    await actInMixedWays(rig);
    rig.client.close();
    const recording = readRecording(octets());
    const calls = new Set(recording.steps.map(({ call }) => call));
    for (const call of ["tcpListen", "tcpUrgent", "tcpSetOption", "pingSend", "tcpStatusAt"]) {
      assert.ok(calls.has(call as never), call);
    }
    assert.ok(
      recording.steps.some(({ result }) => (result ?? 0) < -3),
      "a refusal",
    );
    assert.ok(
      recording.steps.some(({ imports }) =>
        imports.some((answer) => answer.kind === "transmit" && !answer.sent),
      ),
    );
    const replay = new Replay(recording, load("default"));
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
  });
});

/** Calls that the transfer does not make. */
async function actInMixedWays(rig: Rig): Promise<void> {
  const { near, far } = connected(rig, { client: { noDelay: true, keepAlive: true } });
  const listener = rig.client.listen(PORT + 1, { ttl: 9 });
  assert.throws(() => rig.client.listen(PORT + 1), /in use/);
  const pinged = rig.client.ping(SERVER);
  await rig.clock.advanceAsync(10);
  assert.ok((await pinged) > 0);
  near.write("urgent");
  near.sendUrgent();
  const { send } = rig.wire;
  rig.wire.send = () => false;
  near.write("more");
  rig.clock.advance(50);
  rig.wire.send = send;
  // Two commits of one room, and one that goes beyond it.
  const room = near.reserve()!;
  room.set([1, 2]);
  near.commit(2);
  room.set([3, 4, 5, 6], 2);
  near.commit(4);
  assert.throws(() => near.commit(1_000_000), /range/);
  rig.clock.advance(300);
  rig.client.statuses();
  rig.client.lookup(SERVER, PORT, near.localPort);
  assert.equal(far.read()?.length, 16);
  far.abort();
  rig.clock.advance(300);
  listener.close();
}

describe("a module that differs", () => {
  test("the first frame that is another one is found, and shown", () => {
    const { recording } = recordTransfer({ octets: 3000 });
    const replay = new Replay(recording, LingerModule.load(doctored("spoiledCommits")));
    assert.equal(replay.isSameModule, false);
    replay.seek(Infinity);
    const { divergence } = replay;
    const commit = recording.steps.findIndex(({ call }) => call === "tcpCommit");
    const sends = ({ imports }: Recording["steps"][number]): boolean =>
      imports.some((answer) => answer.kind === "transmit" && answer.length > 500);
    const expected = recording.steps.findIndex((step, at) => at > commit && sends(step)) + 1;
    assert.equal(divergence?.step, expected);
    assert.equal(divergence.call, "poll");
    assert.match(divergence.what, /^it sends another frame, of \d+ octets too$/);
    const { tcp } = parseFrame(divergence.frame!);
    assert.equal(tcp?.payload[0], 0x21);
    replay.seek(expected - 1);
    assert.equal(replay.divergence, undefined, "before it there is none");
  });

  test("a trap is one, and a trap that was recorded comes again", () => {
    const { recording } = recordTransfer({ startMs: 4000, octets: 5000 });
    const trapping = LingerModule.load(doctored("trapInPoll"));
    const replay = new Replay(recording, trapping);
    replay.seek(Infinity);
    assert.equal(replay.divergence!.what, "it traps");
    assert.ok(recording.steps[replay.divergence!.step - 1]!.arguments[0]! >= 8000);
    assert.equal(replay.hasTrapped, true);
    replay.seek(3);
    assert.equal(replay.hasTrapped, false, "going back brings it to life");
    assert.equal(replay.position, 3);

    const { sink, octets } = gather();
    const rig = twoStacks({ client: { record: { to: sink, hashEvery: 1 }, module: trapping } });
    rig.client.listen(PORT);
    rig.clock.advance(1e6);
    assert.equal(rig.client.isClosed, false);
    rig.server.connect("10.9.0.1", PORT);
    rig.clock.advance(10_000);
    assert.equal(rig.client.isClosed, true);
    const trapped = readRecording(octets());
    assert.equal(trapped.truncated, undefined);
    assert.equal(trapped.steps.at(-1)!.result, undefined);
    const again = new Replay(trapped, trapping);
    again.seek(Infinity);
    assert.equal(again.divergence, undefined);
    assert.equal(again.hasTrapped, true);
  });

  test("a profile with other answers, and one without the recorded application, are told", () => {
    const { recording } = recordTransfer({ octets: 3000 });
    const replay = new Replay(recording, load("tiny"));
    replay.seek(Infinity);
    assert.notEqual(replay.divergence, undefined);
    const { sink, octets } = gather();
    const module = LingerModule.load(doctored("application"));
    const rig = twoStacks({ server: { record: { to: sink, hashEvery: 1 }, module } });
    rig.client.connect(SERVER, PORT);
    rig.clock.advance(2000);
    rig.server.close();
    const application = readRecording(octets());
    assert.ok(application.steps.some(({ call }) => call === "appPoll"));
    assert.throws(() => new Replay(application, load("default")), /has no application/);
    const again = new Replay(application, module);
    again.seek(Infinity);
    assert.equal(again.divergence, undefined);
  });
});

describe("a module with state in globals", () => {
  test("is brought back to a moment from the beginning", () => {
    const { sink, octets } = gather();
    const module = LingerModule.load(doctored("countingApplication"));
    assert.deepEqual([module.hasGlobals, load("default").hasGlobals], [true, false]);
    const rig = twoStacks({ server: { record: { to: sink, hashEvery: 1 }, module } });
    for (let peer = 0; peer < 60; peer++) {
      const connection = rig.client.connect(SERVER, PORT);
      rig.clock.advance(500);
      connection.close();
      rig.clock.advance(500);
    }
    rig.server.close();
    const recording = readRecording(octets());
    const replay = new Replay(recording, module);
    assert.ok(recording.steps.length > 600, "more than two checkpoints of others");
    const hashes = hashesOf(replay);
    for (let position = hashes.length - 1; position > 0; position -= 67) {
      replay.seek(position);
      assert.equal(replay.stateHash(), hashes[position], `back at ${position}`);
    }
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
  });
});

describe("a file", () => {
  test("is written while the stack works, and whole when it is closed", () => {
    const path = join(folder, "run.rec");
    const rig = twoStacks({ client: { record: path } });
    connected(rig).near.write("hello");
    rig.clock.advance(100);
    rig.client.close();
    assert.equal(statSync(path).mode & 0o077, 0, "its keys are the owner's alone");
    const recording = readRecording(path);
    assert.equal(recording.truncated, undefined);
    assert.equal(recording.moduleName, "linger-default.wasm");
    assert.equal(recording.abiVersion, 1);
    assert.deepEqual(recording.limits, rig.client.limits);
    assert.equal(recording.steps.filter(({ hash }) => hash !== undefined).length, 1, "the last");
    const replay = new Replay(recording, load("default"));
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
    assert.equal(replay.stateHash(), recording.steps.at(-1)!.hash);
  });

  test("that cannot be written is refused before anything begins, and the wire closed", () => {
    assert.throws(
      () => twoStacks({ client: { record: join(folder, "no", "such", "folder") } }),
      (error) => error instanceof LingerError && error.code === "RECORDING_FILE",
    );
  });

  test("cut off at any octet gives all whole steps, and says so", () => {
    const { octets, recording } = recordTransfer({ octets: 1000 });
    const header = readHeaderLength(octets);
    for (let length = header; length < octets.length; length += 97) {
      const cut = readRecording(octets.subarray(0, length));
      assert.match(cut.truncated!, /(is cut off|has no end).*: it goes as far as step \d+$/);
      assert.ok(cut.steps.length <= recording.steps.length);
      const same = ({ call, result }: Recording["steps"][number]) => `${call} ${result}`;
      assert.deepEqual(cut.steps.map(same), recording.steps.slice(0, cut.steps.length).map(same));
    }
    const replay = new Replay(
      readRecording(octets.subarray(0, octets.length / 2)),
      load("default"),
    );
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
    for (let length = 1; length < header; length++) {
      const act = () => readRecording(octets.subarray(0, length));
      assertRefused(act, /(is not a recording of Linger|in its header: it holds no step)$/);
    }
  });

  test("with any octet damaged is refused, or taken for cut off", () => {
    const { octets } = recordTransfer({ octets: 1000 });
    let refused = 0;
    let total = 0;
    for (let at = readHeaderLength(octets); at < octets.length - 6; at += 53, total++) {
      const damaged = new Uint8Array(octets);
      damaged[at]! ^= 0x41;
      try {
        const { truncated } = readRecording(damaged);
        assert.notEqual(truncated, undefined, `octet ${at} was damaged, and nobody noticed`);
      } catch (error) {
        assert.ok(error instanceof LingerError && error.code === "RECORDING_FORMAT");
        assert.match(error.message, /is damaged behind step \d+: octets \d+ on/);
        refused++;
      }
    }
    assert.ok(refused > 0.9 * total, `${refused} of ${total}`);
  });

  test("of another kind or version is refused in one line", () => {
    const { octets } = recordTransfer({ octets: 1000 });
    assertRefused(() => readRecording(new Uint8Array(0)), /^the recording is empty$/);
    assertRefused(
      () => readRecording(moduleOctets()),
      /^the recording is not a recording of Linger$/,
    );
    const later = new Uint8Array(octets);
    later[8] = 3;
    assertRefused(
      () => readRecording(later),
      /is a recording of version 3, and this reads 1 and 2$/,
    );
    assert.throws(
      () => readRecording(join(folder, "none")),
      (error) => error instanceof LingerError && error.code === "RECORDING_FILE",
    );
    const strange = new Uint8Array(octets);
    strange[12] = 9;
    // The header is covered by the first check.
    assertRefused(() => readRecording(strange), /is damaged behind step 0/);
  });

  test("is the same for the same run, to the octet", () => {
    const first = recordTransfer({ octets: 2000 }).octets;
    const second = recordTransfer({ octets: 2000 }).octets;
    assert.deepEqual(Buffer.from(first), Buffer.from(second));
  });
});

/** LEB128 with so many septets more than it needs. */
function varint(value: number, empty = 0): number[] {
  const septets = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) septets.push(rest & 0x7f);
  septets.push(...Array.from({ length: empty }, () => 0));
  return septets.map((septet, index) => (index + 1 === septets.length ? septet : septet | 0x80));
}

const word = (value: number): number[] => [0, 8, 16, 24].map((bit) => (value >>> bit) & 0xff);

/**
 * A recording as a HAL writes it that counts its instructions: no answer but those of `nextReady`,
 * whose handle no call names again; of frames that left one word, found by a replay.
 */
function writeSparingly(octets: Uint8Array, recording: Recording, write = writeCall): Uint8Array {
  const replay = new Replay(recording, load("default"));
  const records: number[] = [...octets.subarray(0, readHeaderLength(octets))];
  let ready: number | undefined;
  let lastMs = 0;
  for (const step of recording.steps) {
    const { call, arguments: values, imports, result, hash } = step;
    const time = callShape(callNumber(call)!)!.time;
    records.push(...write(step, { ready, lastMs, skew: records.length % 4 }));
    if (time !== undefined) lastMs = values[time]!;
    const framesBefore = replay.frames.length;
    replay.forward();
    const frames = replay.frames.slice(framesBefore).filter(({ direction }) => direction === "out");
    for (const asked of imports) {
      if (asked.kind === "entropy") records.push(Kind.ENTROPY, ...word(asked.word));
      else {
        const { sent, octets: frame } = frames.shift()!;
        records.push(sent ? Kind.SENT_WORD : Kind.BUSY_WORD, ...frameNote(frame));
      }
    }
    if (call === "nextReady") {
      records.push(Kind.RETURN_WORD, ...word(result!));
      ready = result! >>> 0;
    }
    if (hash === undefined) continue;
    const [high, low] = [hash.slice(0, 8), hash.slice(8)].map((text) => parseInt(text, 16));
    records.push(Kind.HASH, ...word(low!), ...word(high!));
  }
  return Uint8Array.of(...records, Kind.END);
}

/** What a call's record need not say, and so many octets it begins behind a word. */
interface Known {
  readonly ready: number | undefined;
  readonly lastMs: number;
  readonly skew: number;
}

type Step = Recording["steps"][number];

function writeCall({ call, arguments: values, data }: Step, { ready, lastMs }: Known): number[] {
  const number = callNumber(call)!;
  const { time, parameters } = callShape(number)!;
  const isOfKnown = parameters > 0 && values[0] === (time === 0 ? lastMs : ready);
  const written = [isOfKnown ? number + Kind.OF_KNOWN : number];
  values.forEach((value, index) => {
    if (index === 0 && isOfKnown) return;
    written.push(...varint((index === time ? value - lastMs : value) >>> 0));
  });
  if (data !== undefined) written.push(...varint(data.length, data.length % 3), ...data);
  return written;
}

/** The same, but for those calls that have a form in words. */
function writeUsualCall(step: Step, known: Known): number[] {
  const { call, arguments: values, data } = step;
  const toWord = Array.from({ length: (4 - known.skew) % 4 }, () => Kind.NOTHING);
  if (call === "frameReceived") {
    const [slot, octets, nowMs] = values as [number, number, number];
    const passed = nowMs - known.lastMs;
    if (slot > 7 || octets > 0x3fff || passed > 127 || passed < 0) return writeCall(step, known);
    const fields = Kind.FRAME | (slot << 8) | (octets << 11) | (passed << 25);
    return [...toWord, ...word(fields), 0xde, 0xad, ...data!];
  }
  const octets = values[1]!;
  if (values[0] !== known.ready) return writeCall(step, known);
  if (call === "tcpConsume") return [Kind.CONSUME, octets & 0xff, octets >> 8];
  if (call !== "tcpCommit") return writeCall(step, known);
  const before = octets % 4;
  const head = word(Kind.COMMIT | (before << 8) | (octets << 16));
  return [...toWord, ...head, ...Array.from({ length: before }, () => 0xbe), ...data!];
}

/** Its length, and octets 48 to 51, or the last ones. */
function frameNote(frame: Uint8Array): number[] {
  const { length } = frame;
  return [length & 0xff, length >> 8, ...frame.subarray(Math.min(length, 52) - 4).subarray(0, 4)];
}

describe("a recording that leaves out what a replay knows", () => {
  const ways = [
    ["octet by octet", writeCall],
    ["in words", writeUsualCall],
  ] as const;
  for (const [way, write] of ways) {
    test(`gives the same steps and states, ${way}, in fewer octets`, () => {
      const { octets, recording } = recordTransfer({ octets: 3000 });
      const kinds = new Set<number | undefined>();
      const sparing = writeSparingly(octets, recording, (step, known) => {
        const written = write(step, known);
        kinds.add(written.find((octet) => octet !== Kind.NOTHING));
        return written;
      });
      const isInWords = [Kind.FRAME, Kind.COMMIT, Kind.CONSUME].map((kind) => kinds.has(kind));
      assert.deepEqual(
        isInWords,
        isInWords.map(() => write === writeUsualCall),
      );
      assert.ok(sparing.length < octets.length, `${sparing.length} of ${octets.length} octets`);
      const read = readRecording(sparing);
      assert.equal(read.truncated, undefined);
      const known = ({ data, ...step }: Recording["steps"][number]) => {
        const { call, arguments: values, timeMs, hash } = step;
        const written = data && Buffer.from(data).toString("hex");
        return [call, ...values, timeMs, hash, written].join(" ");
      };
      assert.deepEqual(read.steps.map(known), recording.steps.map(known));
      assert.ok(
        read.steps.some(({ call, result }) => call === "poll" && result === undefined),
        "an answer was left out",
      );
      const replay = new Replay(read, load("default"));
      replay.seek(Infinity);
      assert.equal(replay.divergence, undefined);
      assert.equal(replay.position, recording.steps.length);
    });
  }

  test("tells another frame by its word, and a trap", () => {
    const { octets, recording } = recordTransfer({ startMs: 4000, octets: 5000 });
    const read = readRecording(writeSparingly(octets, recording));
    const spoiled = new Replay(read, LingerModule.load(doctored("spoiledCommits")));
    spoiled.seek(Infinity);
    assert.match(spoiled.divergence!.what, /^it sends another frame, of \d+ octets too$/);
    const trapping = new Replay(read, LingerModule.load(doctored("trapInPoll")));
    trapping.seek(Infinity);
    assert.equal(trapping.divergence!.what, "it traps");
  });

  test("has 0 for a handle before one was told, and is damaged where there is none", () => {
    const { octets } = recordTransfer({ octets: 100 });
    const header = octets.subarray(0, readHeaderLength(octets));
    const consume = callNumber("tcpConsume")! + Kind.OF_KNOWN;
    const ready = [callNumber("nextReady")!, Kind.RETURN_WORD, ...word(77)];
    const records = [consume, 1, ...ready, consume, 2, Kind.END];
    const { steps } = readRecording(Uint8Array.of(...header, ...records));
    assert.deepEqual(
      steps.map(({ arguments: values }) => values),
      [[0, 1], [], [77, 2]],
    );
    const wrong = [...ready, callNumber("nextReady")! + Kind.OF_KNOWN, 1, Kind.END];
    assertRefused(() => readRecording(Uint8Array.of(...header, ...wrong)), /is damaged/);
  });

  test("has the time of the call before where none is told", () => {
    const { octets } = recordTransfer({ octets: 100 });
    const poll = callNumber("poll")!;
    const records = [poll, 9, poll, 3, Kind.NOTHING, poll + Kind.OF_KNOWN, Kind.NOTHING, Kind.END];
    const header = octets.subarray(0, readHeaderLength(octets));
    const { steps, truncated } = readRecording(Uint8Array.of(...header, ...records));
    assert.equal(truncated, undefined);
    assert.deepEqual(
      steps.map(({ arguments: values, timeMs }) => [...values, timeMs]),
      [
        [9, 0],
        [12, 3],
        [12, 3],
      ],
    );
  });
});

describe("a recorder", () => {
  test("writes few octets beside what passes, and gives them away in large pieces", () => {
    const parts: Uint8Array[] = [];
    const rig = twoStacks({ client: { record: (octets) => void parts.push(octets) } });
    const { near, far } = connected(rig);
    for (let sent = 0; sent < 2_000_000; rig.clock.advance(1)) {
      sent += near.write(patternOf(2920));
      far.read();
    }
    rig.client.close();
    const whole = Buffer.concat(parts);
    const { steps } = readRecording(whole);
    const data = steps.reduce((sum, step) => sum + (step.data?.length ?? 0), 0);
    const answers = steps.reduce((sum, step) => sum + step.imports.length, 0);
    // A call with a handle, two numbers and its answer is 15; what transmit was answered is 8.
    assert.ok(whole.length - data < 15 * steps.length + 8 * answers + 1000, `${whole.length}`);
    assert.ok(parts.length <= Math.ceil(whole.length / 500_000) + 1, `${parts.length} pieces`);
  });

  test("leaves the module its memory: what is recorded sees and does the same", () => {
    const run = (record?: RecordingSink): string => {
      const rig = twoStacks({ client: record === undefined ? {} : { record } });
      const { near, far } = connected(rig);
      for (let turn = 0; turn < 50; turn++, rig.clock.advance(3)) {
        near.write(patternOf(1000));
        far.read();
      }
      const told = JSON.stringify([rig.client.counters(), rig.client.statuses()]);
      rig.client.close();
      return told;
    };
    assert.equal(
      run(() => undefined),
      run(),
    );
  });
});

describe("docs/recording.md", () => {
  test("has the numbers of all calls, as they are written", () => {
    const { octets } = recordTransfer({ octets: 1000 });
    const text = readFileSync(new URL("../../docs/recording.md", import.meta.url), "utf8");
    const listed = [...text.matchAll(/ (\d+) `(\w+)` /g)].map(([, number, name]) => [
      Number(number),
      name,
    ]);
    assert.deepEqual(
      listed,
      listed.map((_, index) => [index + 1, callShape(index + 1)?.name]),
    );
    assert.equal(callShape(listed.length + 1), undefined);
    // The first record is the first call: init, its number from the document.
    assert.equal(octets[readHeaderLength(octets)], listed.find(([, name]) => name === "init")![0]);
  });

  test("may have checks of each kind, and each finds what is damaged", () => {
    const { octets } = recordTransfer({ octets: 500 });
    const last = octets.length - 5;
    assert.equal(octets[last], Kind.SUM);
    const checks: [number, (octets: Uint8Array) => number][] = [
      [Kind.SUM, sumOf],
      [Kind.CHECK, checkOf],
      [Kind.CRC, (checked) => crc32(checked)],
    ];
    for (const [kind, check] of checks) {
      const whole = new Uint8Array(octets);
      whole[last] = kind;
      new DataView(whole.buffer).setUint32(last + 1, check(whole.subarray(0, last)), true);
      assert.ok(readRecording(whole).steps.length > 0);
      const damaged = new Uint8Array(whole);
      damaged[last >> 1]! ^= 4;
      assertRefused(() => readRecording(damaged), /damaged/);
    }
  });

  test("leaves out what changes nothing", () => {
    const { recording } = recordTransfer();
    const calls = new Set(recording.steps.map(({ call }) => call));
    for (const question of ["tcpPeek", "tcpPeekedAddress", "tcpLookup"] as const) {
      assert.ok(!calls.has(question), question);
    }
    assert.ok(calls.has("tcpCommit") && calls.has("tcpConsume"));
    const refused = recording.steps.filter(({ call }) => call === "tcpReserve");
    assert.ok(refused.length > 0 && refused.every(({ result }) => result! < 0));
    const ready = recording.steps.filter(({ call }) => call === "nextReady");
    assert.ok(ready.length > 0 && ready.every(({ result }) => result !== 0));
  });

  test("defines the sum as it is computed", () => {
    const mix = (sum: number, word: bigint): number => {
      const product = Math.imul(sum ^ Number(word & 0xffffffffn), 0x9e3779b1) >>> 0;
      return (product ^ (product >>> 15)) >>> 0;
    };
    for (const length of [0, 1, 4, 15, 63, 64, 65, 130, 16_384, 16_385, 40_000]) {
      const octets = patternOf(length);
      const rows = new DataView(new ArrayBuffer(64 * Math.ceil(length / 64)));
      new Uint8Array(rows.buffer).set(octets);
      let expected = length;
      for (let block = 0; block < rows.byteLength; block += 16_384) {
        const sums = Array<bigint>(16).fill(0n);
        const end = Math.min(block + 16_384, rows.byteLength);
        for (let at = block; at < end; at += 4) {
          sums[(at / 4) % 16]! += BigInt(rows.getUint32(at, true));
        }
        expected = sums.reduce(mix, expected);
      }
      assert.equal(sumOf(octets), expected, `${length} octets`);
    }
  });

  test("defines the check and the state hash as they are computed", () => {
    const octets = patternOf(4096 + 30);
    const view = new DataView(octets.buffer);
    const mix = (sum: number, word: number, factor: number, shift: number): number => {
      const product = Number((BigInt((sum ^ word) >>> 0) * BigInt(factor)) & 0xffffffffn);
      return (product ^ (product >>> shift)) >>> 0;
    };
    for (const length of [0, 1, 3, 4, 15, 16, 17, 30]) {
      const padded = new Uint8Array(64);
      padded.set(octets.subarray(0, length));
      const words = new DataView(padded.buffer);
      const lanes = [length, 0, 0, 0];
      for (let at = 0; at < length; at += 4) {
        const lane = (at / 4) % 4;
        lanes[lane] = mix(lanes[lane]!, words.getUint32(at, true), 0x9e3779b1, 15);
      }
      const sum = lanes.reduce((first, lane) => mix(first, lane, 0x9e3779b1, 15));
      assert.equal(checkOf(octets.subarray(0, length)), sum, `${length} octets`);
    }
    const skip = { skipBegin: 100, skipEnd: 116 };
    const sums = [0, 0];
    for (const page of [0, 1]) {
      let low = 2 * page + 1;
      let high = low;
      for (let at = page * 4096; at < (page + 1) * 4096; at += 4) {
        let word = at + 4 <= octets.length ? view.getUint32(at, true) : 0;
        if (at === 4124) word = view.getUint16(at, true); // the last two octets
        if (at >= skip.skipBegin && at < skip.skipEnd) word = 0;
        low = mix(low, word, 0x9e3779b1, 15);
        high = mix(high, word, 0x85ebca6b, 13);
      }
      sums[0] = (sums[0]! + low) >>> 0;
      sums[1] = (sums[1]! + high) >>> 0;
    }
    const memory = new Uint8Array(3 * 65_536);
    memory.set(octets);
    memory.fill(1, octets.length); // beyond the image
    const hash = new ImageHash(memory, { octets: octets.length, ...skip });
    const expected = [sums[1]!, sums[0]!].map((sum) => sum.toString(16).padStart(8, "0")).join("");
    assert.equal(hash.current(), expected);
    memory[104]! ^= 1;
    assert.equal(hash.current(), expected, "a receive slot is no state");
    memory[99]! ^= 1;
    assert.notEqual(hash.current(), expected);
    memory[99]! ^= 1;
    assert.equal(hash.current(), expected, "the way back");
  });
});

function readHeaderLength(octets: Uint8Array): number {
  return Buffer.from(octets).readUInt16LE(10);
}
