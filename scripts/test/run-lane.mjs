/**
 * Runs one lane of tests in a process group of its own, and tells how it went.
 *
 * Used by `scripts/test.mjs`. Whatever happens, nothing that a lane started is left running: the
 * whole group is ended after its leader has, by the lane's time limit, or by `endLanes`.
 */
import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { ROOT } from "../ready.mjs";
import { countSoFar, readOutcome } from "./counts.mjs";
import { findObstacle, testPath } from "./needs.mjs";

const NO_TIME = { passed: 0, failed: 1, skipped: 0, problem: "no time is left for it" };

/** What runs now: process groups, by the process id of their leaders. */
const groups = new Set();

/**
 * A lane that was started: { lane, result, progress() }. `strict`: what is skipped has failed.
 * `leftS`: the seconds that are left for all lanes.
 */
export function startLane(lane, { strict, leftS }) {
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  const skipped = leftS <= 0 ? NO_TIME : findSkip(lane, strict);
  if (skipped !== undefined) {
    const result = Promise.resolve({ seconds: 0, output: "", ...skipped });
    return { lane, result, progress: () => "" };
  }
  const chunks = [];
  const limitS = Math.min(lane.timeoutS, leftS);
  const result = runGroup(lane.command(), { limitS, chunks }).then((end) => {
    const output = Buffer.concat(chunks).toString();
    const outcome = readOutcome({ kind: lane.kind, output, end, strict });
    return { ...outcome, output, seconds: seconds() };
  });
  const progress = () => {
    const count = countSoFar(Buffer.concat(chunks).toString());
    return `${lane.name} ${count} done, ${seconds().toFixed(0)} s`;
  };
  return { lane, result, progress };
}

/** Why a lane does not run here, as an outcome; undefined if it does. */
function findSkip(lane, strict) {
  if (lane.files().length === 0) {
    return { passed: 0, failed: 1, skipped: 0, problem: "there is no test in this lane" };
  }
  const obstacles = lane.needs.map(findObstacle).filter((obstacle) => obstacle !== undefined);
  if (obstacles.length === 0) return undefined;
  const reasons = obstacles.map(({ reason }) => reason).join("; ");
  const commands = [...new Set(obstacles.map(({ get }) => get))].join("; ");
  const problem = `skipped: ${reasons} (get it: ${commands})`;
  return { passed: 0, failed: strict ? 1 : 0, skipped: strict ? 0 : 1, problem };
}

function runGroup([program, ...args], { limitS, chunks }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: laneEnvironment(),
    });
    let timedOut = false;
    const collect = (chunk) => void chunks.push(chunk);
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    if (child.pid !== undefined) groups.add(child.pid);
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
    }, limitS * 1000);
    child.on("error", (error) => collect(Buffer.from(`${program}: ${error.message}\n`)));
    child.on("exit", () => endGroup(child.pid));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      groups.delete(child.pid);
      resolve({ code, signal, timedOut });
    });
  });
}

/** Plain output, whatever the terminal; and tests that do not take themselves for nested ones. */
function laneEnvironment() {
  const environment = { ...process.env, NO_COLOR: "1", PATH: testPath() };
  delete environment.FORCE_COLOR;
  delete environment.NODE_TEST_CONTEXT;
  return environment;
}

/** Ends what is left of a group; that nothing is left is the usual case. */
function endGroup(pid) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH" && error.code !== "EPERM") throw error;
  }
}

/** Ends every lane that runs: for an interrupt. */
export function endLanes() {
  for (const pid of groups) endGroup(pid);
}
