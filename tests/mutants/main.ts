/**
 * `npm run mutants`: puts each of the faults of tests/mutants into a copy of the stack, and shows
 * which test notices it.
 *
 *     npm run mutants                          all of them
 *     npm run mutants -- rst-in-window         one, or some
 *     npm run mutants -- --json FILE           and the results as data
 *
 * Without names the sound stack is tried first: no detector may complain of that. The exit status
 * is 1 if a fault goes unnoticed, 2 for a wrong argument.
 */
import { openJson, readOptions, runProgram, UsageError } from "../../bench/command.ts";
import { type Catch, detect, detectors } from "./detect.ts";
import { type Mutant, readMutants } from "./mutant.ts";
import { Workshop } from "./workshop.ts";

const HELP = `npm run mutants -- [NAME…] [options]

Applies each patch of tests/mutants to a copy of the stack, builds the profile default, and asks one
detector after the other: the tests that the patch names, all test files of the stack, the unit
tests, the fuzzer, the simulator. It stops with the first that notices the fault, and shows the
score.

  --list         name them, and say what each does
  --json FILE    write the results as data too

Exit status: 0 if each fault is noticed, 1 if not, 2 for a wrong argument.`;

interface Result {
  name: string;
  fault: string;
  caughtBy: Catch | undefined;
}

function readArguments(args: string[]): {
  help: boolean;
  list: boolean;
  json: string | undefined;
  names: string[];
} {
  const { values, positionals } = readOptions({
    args,
    allowPositionals: true,
    options: { help: { type: "boolean" }, list: { type: "boolean" }, json: { type: "string" } },
  });
  const { help = false, list = false, json } = values;
  return { help, list, json, names: positionals };
}

function choose(names: readonly string[]): Mutant[] {
  const all = readMutants();
  for (const name of names) {
    if (!all.some((mutant) => mutant.name === name)) {
      throw new UsageError(`there is no mutant ${name}: --list names them`);
    }
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

/** The first detector that notices what is wrong in the workshop. */
async function ask(workshop: Workshop, first: readonly string[]): Promise<Catch | undefined> {
  for (const detector of detectors(first, workshop.folder)) {
    const caught = await detect(detector, workshop.folder);
    if (caught !== undefined) return caught;
  }
  return undefined;
}

async function tryMutant(workshop: Workshop, mutant: Mutant): Promise<Result> {
  const { name, fault, tests } = mutant;
  workshop.apply([mutant]);
  workshop.build();
  const caughtBy = await ask(workshop, tests);
  const what = caughtBy === undefined ? "UNNOTICED" : `${caughtBy.detector}: ${caughtBy.test}`;
  console.log(`${name}: ${fault}\n    ${what}`);
  return { name, fault, caughtBy };
}

async function tryAll(args: ReturnType<typeof readArguments>): Promise<number> {
  const mutants = choose(args.names);
  const writeJson = openJson(args.json);
  const workshop = new Workshop();
  try {
    if (args.names.length === 0) await trySound(workshop);
    const results: Result[] = [];
    for (const mutant of mutants) {
      results.push(await tryMutant(workshop, mutant));
      writeJson(results);
    }
    const survivors = results.filter(({ caughtBy }) => caughtBy === undefined);
    console.log(`${results.length - survivors.length} of ${results.length} faults are noticed`);
    for (const { name } of survivors) console.error(`mutants: nobody notices ${name}`);
    return survivors.length === 0 ? 0 : 1;
  } finally {
    workshop.remove();
  }
}

/** A detector that complains of the sound stack would notice everything. */
async function trySound(workshop: Workshop): Promise<void> {
  workshop.apply([]);
  workshop.build();
  const caught = await ask(workshop, []);
  if (caught === undefined) return;
  throw new Error(`the sound stack fails ${caught.detector}: ${caught.test}`);
}

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2));
  if (args.help) console.log(HELP);
  else if (args.list) {
    for (const { name, fault } of choose(args.names)) console.log(`${name.padEnd(34)} ${fault}`);
  } else return tryAll(args);
  return 0;
}

await runProgram("mutants", main);
