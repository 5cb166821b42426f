/**
 * What two modules get through a lossy link: never less than is required, and the same each time.
 *
 * The simulation is bench/goodput; time is virtual, so that a goodput is a number like any other.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { moduleWithRings } from "../../bench/goodput/modules.ts";
import { isReached, limitOf, measure, OCTETS, POINTS, SEEDS } from "../../bench/goodput/points.ts";
import { formatLoss } from "../../bench/goodput/report.ts";
import { type SeenFrame, RTO_MIN_DEFAULT_MS, transfer } from "../../bench/goodput/transfer.ts";
import { isIpv4, Wiretap } from "../../bench/goodput/wiretap.ts";
import { buildFrame, Flag } from "../../hal/host/packet/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXTENT = { octets: OCTETS, rtoMinMs: RTO_MIN_DEFAULT_MS };

describe("goodput over 100 ms, in octets per second", () => {
  for (const point of POINTS.filter(({ required }) => required !== undefined)) {
    const { ringOctets, loss, required = 0 } = point;
    test(`rings of ${ringOctets}, ${formatLoss(loss)} loss: ${required} at least`, () => {
      // Without loss there is no chance.
      const seeds = loss === 0 ? SEEDS.slice(0, 1) : SEEDS;
      const measured = measure(point, { ...EXTENT, seeds });
      assert.ok(isReached(measured), `${measured.median}`);
      for (const run of measured.runs) {
        assert.ok(run.octetsPerSecond <= limitOf(ringOctets), "no window lets more through");
        if (loss === 0) assert.deepEqual([run.lost, run.retransmissions, run.timeouts], [0, 0, 0]);
        else assert.ok(run.lost > 0 && run.retransmissions > 0);
      }
    });
  }

  test("every octet arrives at 30 % loss", () => {
    const module = moduleWithRings(4_096);
    const { lost, timeouts } = transfer({ module, octets: 100_000, loss: 0.3, seed: 1 });
    assert.ok(lost > 20 && timeouts > 5, `${lost} lost, ${timeouts} time-outs`);
  });

  test("the same seed gives the same transfer, another one another", () => {
    const module = moduleWithRings(4_096);
    // Each frame: when it left, and whether it was lost.
    const run = (seed: number): string[] => {
      const seen: string[] = [];
      const onFrame = ({ atMs, isLost }: SeenFrame) => seen.push(`${atMs} ${isLost}`);
      transfer({ module, octets: 200_000, loss: 0.05, seed, onFrame });
      return seen;
    };
    assert.deepEqual(run(1), run(1));
    assert.notDeepEqual(run(1), run(2));
  });
});

describe("the wiretap", () => {
  const frameOf = (seq: number, octets: number, flags: number = Flag.ACK) =>
    buildFrame({
      ipv4: { source: 1, destination: 2 },
      tcp: { seq: seq >>> 0, flags, payload: new Uint8Array(octets) },
    });

  test("tells what was sent again, and what of it for nothing, round 2^32", () => {
    const wiretap = new Wiretap(400);
    const look = (seq: number, octets: number, isLost = false) => {
      const { offset, isRepeated, isSpurious } = wiretap.look(frameOf(seq, octets), isLost)!;
      return [offset, isRepeated, isSpurious];
    };
    assert.equal(wiretap.look(frameOf(-101, 0, Flag.SYN), false)!.offset, -1);
    assert.equal(wiretap.look(frameOf(-101, 0, Flag.SYN), false)!.isRepeated, true);
    assert.deepEqual(look(-100, 100), [0, false, false]);
    assert.deepEqual(look(0, 100, true), [100, false, false]);
    assert.deepEqual(look(0, 100, true), [100, true, false]);
    assert.deepEqual(look(50, 50), [150, true, false]);
    assert.deepEqual(look(0, 100), [100, true, false]);
    assert.deepEqual(look(0, 100), [100, true, true]);
    assert.deepEqual(look(-100, 50, true), [0, true, true]);
  });

  test("overlooks acknowledgements and what is not TCP", () => {
    const wiretap = new Wiretap(1);
    assert.equal(wiretap.look(frameOf(0, 0), false), undefined);
    const arp = buildFrame({ arp: { operation: 1 } });
    assert.equal(wiretap.look(arp, false), undefined);
    assert.equal(isIpv4(arp), false);
    assert.equal(isIpv4(frameOf(0, 0)), true);
  });
});

describe("npm run goodput", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", "bench/goodput/main.ts", ...args], {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });

  test("prints the table of a point, and writes the runs as data", () => {
    const folder = mkdtempSync(join(tmpdir(), "linger-goodput-"));
    try {
      const json = join(folder, "x.json");
      const narrow = ["--rings", "4096", "--loss", "0.1", "--octets", "50000", "--seeds", "2"];
      const { status, stdout, stderr } = run(...narrow, "--json", json);
      assert.deepEqual([status, stderr], [0, ""]);
      assert.match(stdout, /^\| rings \|.*\n\| ---: .*\n\| 4,096 \| 10 % \|.*\n$/);
      const { points } = JSON.parse(readFileSync(json, "utf8")) as {
        points: { median: number; runs: { seed: number; octetsPerSecond: number }[] }[];
      };
      assert.equal(points.length, 1);
      const { runs, median } = points[0]!;
      assert.deepEqual(runs.map(({ seed }) => seed).sort(), [1, 2]);
      assert.equal(median, Math.min(...runs.map(({ octetsPerSecond }) => octetsPerSecond)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("traces a transfer, frame by frame", () => {
    const { status, stdout } = run(
      ...["--trace", "2", "--rings", "4096", "--loss", "0.1", "--octets", "30000"],
    );
    assert.equal(status, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0]!, /─► <SEQ=0><CTL=SYN>/);
    const last = lines.pop();
    assert.match(last!, /octets per second/);
    const lost = lines.filter((line) => / lost /.test(line)).length;
    const again = lines.filter((line) => / again/.test(line)).length;
    assert.match(last!, new RegExp(`, ${lost} frames lost, ${again} segments sent again,`));
    assert.ok(lost > 0 && again > 0);
  });

  test("refuses wrong arguments in one line", () => {
    for (const args of [
      ["--rings", "100"],
      ["--loss", "2"],
      ["--seeds", "x"],
      ["--json", join("no", "such", "folder")],
      ["--nonsense"],
      ["extra"],
    ]) {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [2, ""], args.join(" "));
      assert.match(stderr, /^goodput: [^\n]+\n$/);
    }
  });
});
