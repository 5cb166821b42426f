/**
 * `npm test`: runs the lanes of tests, two at a time, and says how each went.
 *
 *     npm test              all lanes
 *     npm test -- tcp tidy  some lanes
 *     npm test -- --list    their names
 *
 * Works on a fresh clone: installs and builds first what it needs. A lane whose tool or right is
 * missing is skipped, with the reason and the command that gets it; under CI=true that is a
 * failure, and so is every single test that was skipped. The last line is `N passed, N failed`; the
 * exit status is 0 only if nothing failed. Judges nothing itself: see `test/counts.mjs`.
 */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import { hasCode, isPageFresh, PAGE, readRequirements } from "./conformance/documents.mjs";
import { formatCounts, judge } from "./conformance/judge.mjs";
import { readResults } from "./conformance/labels.mjs";
import { makeReady, ReadyError, ROOT } from "./ready.mjs";
import { LANES, SHARED, TOTAL_S } from "./test/lanes.mjs";
import { findObstacle } from "./test/needs.mjs";
import { endLanes, startLane } from "./test/run-lane.mjs";

const LANES_AT_ONCE = 2;
/** How often the progress line changes on a terminal, and how often it is printed elsewhere. */
const TERMINAL_PERIOD_MS = 1000;
const LOG_PERIOD_MS = 30_000;

const strict = process.env.CI === "true";
const isTerminal = process.stdout.isTTY === true;

function chooseLanes(names) {
  const unknown = names.filter((name) => !LANES.some((lane) => lane.name === name));
  if (unknown.length > 0) {
    const known = LANES.map(({ name }) => name).join(", ");
    console.error(`test: there is no lane ${unknown.join(", ")}; the lanes are ${known}`);
    process.exit(2);
  }
  return names.length === 0 ? LANES : LANES.filter(({ name }) => names.includes(name));
}

function formatResult({ name }, { passed, failed, skipped, problem, seconds }) {
  const mark = failed > 0 ? "✖" : passed === 0 ? "﹣" : "✔";
  const counts = [`${passed} passed`, `${failed} failed`];
  if (skipped > 0) counts.push(`${skipped} skipped`);
  const time = `${seconds.toFixed(1)} s`;
  const rest = problem === undefined ? "" : `  ${problem}`;
  return `${mark} ${name.padEnd(15)} ${time.padStart(7)}  ${counts.join(", ")}${rest}`;
}

/** Runs lanes two at a time; resolves with the results, in the lanes' order. */
async function runLanes(lanes) {
  const endMs = performance.now() + TOTAL_S * 1000;
  const results = new Map();
  const running = new Set();
  const waiting = [...lanes];
  const stopProgress = showProgress(running);
  const work = async () => {
    for (let lane = waiting.shift(); lane !== undefined; lane = waiting.shift()) {
      const started = startLane(lane, { strict, leftS: (endMs - performance.now()) / 1000 });
      running.add(started);
      const result = await started.result;
      running.delete(started);
      results.set(lane, result);
      clearProgress();
      if (result.failed > 0 && result.output !== "") {
        console.log(`\n──── ${lane.name}: ${lane.covers} ────\n${result.output.trimEnd()}\n`);
      }
      console.log(formatResult(lane, result));
    }
  };
  await Promise.all(Array.from({ length: LANES_AT_ONCE }, work));
  stopProgress();
  return lanes.map((lane) => results.get(lane));
}

/**
 * Holds the table of RFC 9293's requirements to the results of the lanes that ran: as a lane of
 * its own, or undefined when not all tests with labels did.
 */
function checkConformance(lanes) {
  const labelled = LANES.filter(({ isLabelled }) => isLabelled);
  if (!labelled.every((lane) => lanes.includes(lane))) return undefined;
  const startedMs = performance.now();
  const results = labelled.flatMap(({ name }) => readResults(name));
  const { rows, complaints } = judge({ requirements: readRequirements(), results, hasCode });
  if (complaints.length === 0 && !isPageFresh(rows)) {
    complaints.push(`${PAGE} is stale: npm run conformance makes it`);
  }
  for (const complaint of complaints) console.log(`conformance: ${complaint}`);
  const seconds = (performance.now() - startedMs) / 1000;
  const failed = complaints.length === 0 ? 0 : 1;
  const result = { passed: 1 - failed, failed, skipped: 0, seconds, problem: formatCounts(rows) };
  console.log(formatResult({ name: "conformance" }, result));
  return result;
}

function showProgress(running) {
  const show = () => {
    const text = `… ${[...running].map(({ progress }) => progress()).join(" | ")}`;
    if (!isTerminal) return console.log(text);
    process.stdout.write(`\r\x1b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
  };
  const timer = setInterval(show, isTerminal ? TERMINAL_PERIOD_MS : LOG_PERIOD_MS);
  return () => {
    clearInterval(timer);
    clearProgress();
  };
}

/** What fails here fails again in the lane that wants it, which says why. */
function makeShared(lanes) {
  for (const { needs, command } of SHARED) {
    const isWanted = lanes.some((lane) => needs.every((need) => lane.needs.includes(need)));
    if (!isWanted || needs.some((need) => findObstacle(need) !== undefined)) continue;
    spawnSync(command[0], command.slice(1), { cwd: ROOT, stdio: "ignore" });
  }
}

function clearProgress() {
  if (isTerminal) process.stdout.write("\r\x1b[K");
}

async function main(args) {
  if (args.includes("--list")) {
    for (const { name, covers } of LANES) console.log(`${name.padEnd(15)} ${covers}`);
    return 0;
  }
  const lanes = chooseLanes(args);
  const startedMs = performance.now();
  try {
    makeReady(console.log);
  } catch (error) {
    if (!(error instanceof ReadyError)) throw error;
    console.error(error.message);
    console.log("0 passed, 1 failed");
    return 1;
  }
  makeShared(lanes);
  const results = await runLanes(lanes);
  const conformance = checkConformance(lanes) ?? { passed: 0, failed: 0, skipped: 0 };
  const total = (key) => results.reduce((sum, result) => sum + result[key], conformance[key]);
  console.log(`\n${((performance.now() - startedMs) / 1000).toFixed(0)} s in all`);
  for (const [i, lane] of lanes.entries()) {
    if (results[i].skipped > 0) console.log(formatResult(lane, results[i]));
  }
  console.log(`${total("passed")} passed, ${total("failed")} failed`);
  return total("failed") === 0 ? 0 : 1;
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
]) {
  process.on(signal, () => {
    endLanes();
    process.exit(code);
  });
}
process.exitCode = await main(process.argv.slice(2));
