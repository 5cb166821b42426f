/**
 * `linger run FILE.wasm`: an application module, its application inside with the stack.
 */
import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { LingerModule } from "../module.ts";
import { checkMemoryIsAll } from "../stack.ts";
import { type Command, CommandError, expectPositionals, parseCommandLine } from "./command.ts";
import { planBed, type PutAway, untilAsleep, untilSignal } from "./bed.ts";
import { openUnlessInterrupted, watchInterrupt } from "./interrupt.ts";
import { openSession, planSession, SESSION_HELP, SESSION_OPTIONS } from "./session.ts";
import { STATUS_HELP, STATUS_OPTION, watchStatus } from "./status-report.ts";

export const runCommand: Command = {
  name: "run",
  summary: "run an application module (application and stack in one FILE.wasm)",
  help: `linger run FILE.wasm --wire SPEC --ip ADDRESS[/LEN] [options]

FILE.wasm exports appInit and appPoll beside the stack's own exports (see hal/README.md). It runs
until it is stopped by SIGINT, its wire goes away, or it traps.

  --snapshot FILE      when stopped, or when its wire goes away, closes nothing: puts stack and
                       application into FILE. If that fails it goes on until the next signal. Starts
                       by going on from FILE, if it is there: once, as FILE.used afterwards;
                       --gateway and --msl are as they were then
${STATUS_HELP}

${SESSION_HELP}

--profile does not apply: the module brings its own limits.`,
  run,
};

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    ...SESSION_OPTIONS,
    snapshot: { type: "string" },
    ...STATUS_OPTION,
  });
  const [file = ""] = expectPositionals(positionals, ["FILE.wasm"]);
  const plan = planSession(values);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new CommandError(`there is no file ${file}`);
  }
  const module = LingerModule.load(pathToFileURL(file));
  if (!module.isApplication) {
    throw new CommandError(`${file} has no application: it exports neither appInit nor appPoll`);
  }
  plan.stack.module = module;
  const path = values.snapshot;
  const bed = path === undefined ? undefined : planBed(path, values.record, () => undefined);
  if (bed !== undefined) checkMemoryIsAll(module);
  const interrupt = watchInterrupt();
  const session = await openUnlessInterrupted(openSession(plan, interrupt, bed), interrupt);
  if (session === undefined) return 0;
  const { stack } = session;
  const reporter = watchStatus(stack, values.status === true);
  try {
    console.log(`running ${file} at ${stack.address} (MAC ${stack.mac})`);
    if (bed === undefined) {
      await untilSignal(stack, interrupt);
      reporter.atEnd();
      return 0;
    }
    const putAway: PutAway = (save) => {
      stack.snapshot(undefined, save);
      return `put to sleep in ${bed.store.path}`;
    };
    await untilAsleep({ command: "run", stack, interrupt, bed, reporter, putAway });
    return 0;
  } finally {
    reporter.dispose();
    session.close();
    interrupt.dispose();
  }
}
