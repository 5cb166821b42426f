/**
 * Times one module in V8, its optimizing compiler alone (node --no-liftoff):
 *
 *     node --no-liftoff v8-child.mjs FILE.wasm linger|lwip { scenario, markNs }(JSON)
 *
 * Prints nanoseconds per unit, best and median, as JSON. Started by v8.ts, in a process of its own
 * for each side and scenario, so that none warms up another's code.
 */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

const WARM_UP_MS = 400;
const MEASURE_MS = 600;
const RUNS_MIN = 15;
const REMEMBERED = 64;
const PORTS_OFFSET = 34;
const SEQ_OFFSET = 38;
const STAMP_OFFSET = 70;
const NS_PER_MS = 1e6;

const [, , file, side, order] = process.argv;
const module = new WebAssembly.Module(readFileSync(file));

let startedAt = 0;
let spentMs = 0;
let exports;
let view;
let sentCount = 0;
const sentPorts = new Uint32Array(REMEMBERED);
const sentSeqs = new Uint32Array(REMEMBERED);
const sentStamps = new Uint32Array(REMEMBERED);

const env = {
  prof_start: () => (startedAt = performance.now()),
  prof_stop: () => (spentMs += performance.now() - startedAt),
  arrived: () => undefined,
  sent_count: () => sentCount,
  sent_ports: (index) => sentPorts[index % REMEMBERED],
  sent_seq: (index) => sentSeqs[index % REMEMBERED],
  sent_stamp: (index) => sentStamps[index % REMEMBERED],
};
let seed = 1;
const hal = {
  transmit(frame) {
    const at = sentCount++ % REMEMBERED;
    sentPorts[at] = view.getUint32(frame + PORTS_OFFSET);
    sentSeqs[at] = view.getUint32(frame + SEQ_OFFSET);
    sentStamps[at] = view.getUint32(frame + STAMP_OFFSET);
    return 0;
  },
  entropy: () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0),
};

/** Best and median of many runs, without what the marks take. */
function time({ code, mode, connections, count, marks }, markNs) {
  sentCount = 0;
  exports = new WebAssembly.Instance(module, { env, hal }).exports;
  view = new DataView(exports.memory.buffer);
  let errors = exports.bench_setup(code, mode, connections);
  const warmUntil = performance.now() + WARM_UP_MS;
  do errors += exports.bench_run(count);
  while (performance.now() < warmUntil);
  const samples = [];
  const until = performance.now() + MEASURE_MS;
  do {
    spentMs = 0;
    errors += exports.bench_run(count);
    samples.push((spentMs * NS_PER_MS) / count - markNs * marks[side]);
  } while (samples.length < RUNS_MIN || performance.now() < until);
  samples.sort((a, b) => a - b);
  return { best: samples[0], median: samples[samples.length >> 1], errors };
}

const { scenario, markNs } = JSON.parse(order);
console.log(JSON.stringify(time(scenario, markNs)));
