/**
 * `linger serve NAME`: one of the small servers, until a signal or the loss of the wire ends it.
 */
import { type AppName, APPS } from "../apps/index.ts";
import { isKeptApp } from "../apps/serve.ts";
import {
  type Command,
  CommandError,
  expectPositionals,
  parseCommandLine,
  parsePort,
  UsageError,
} from "./command.ts";
import { type Bed, planBed, type PutAway, untilAsleep, untilSignal } from "./bed.ts";
import { openUnlessInterrupted, watchInterrupt } from "./interrupt.ts";
import { openSession, planSession, SESSION_HELP, SESSION_OPTIONS } from "./session.ts";
import { STATUS_HELP, STATUS_OPTION, watchStatus } from "./status-report.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "run a small server: echo, discard, chargen, daytime or http",
  help: `linger serve echo|discard|chargen|daytime|http --wire SPEC --ip ADDRESS[/LEN] [options]

Serves until it is stopped: SIGINT closes every connection and the capture, then exits with 0.

  --port PORT          default: echo 7, discard 9, chargen 19, daytime 13, http 80
  --snapshot FILE      when stopped, or when its wire goes away, closes nothing: puts the stack with
                       its connections into FILE. If that fails it goes on serving until the next
                       signal. Starts by going on from FILE, if it is there: once, as FILE.used
                       afterwards; --gateway and --msl are as they were then
  --quiet              do not print a line for each connection
${STATUS_HELP}

${SESSION_HELP}

Example, in a network namespace of your own:
  linger serve http --wire tap:tap0 --ip 10.9.0.2/24 --pcap http.pcap`,
  run,
};

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    ...SESSION_OPTIONS,
    port: { type: "string" },
    quiet: { type: "boolean" },
    snapshot: { type: "string" },
    ...STATUS_OPTION,
  });
  const [name = ""] = expectPositionals(positionals, ["the name of a server"]);
  if (!Object.hasOwn(APPS, name)) {
    throw new UsageError(`"${name}" is none of the servers ${Object.keys(APPS).join(", ")}`);
  }
  const entry = APPS[name as AppName];
  const port = values.port === undefined ? entry.port : parsePort(values.port, "--port");
  const path = values.snapshot;
  const bed = path === undefined ? undefined : bedFor({ name, port }, path, values.record);
  const plan = planSession(values);
  const interrupt = watchInterrupt();
  const session = await openUnlessInterrupted(openSession(plan, interrupt, bed), interrupt);
  if (session === undefined) return 0;
  const { stack, clock } = session;
  const reporter = watchStatus(stack, values.status === true);
  const log = values.quiet === true ? () => undefined : (line: string) => console.log(line);
  try {
    const { kept } = stack;
    const app = entry.start(stack, { port, clock, log, ...(isKeptApp(kept) && { kept }) });
    console.log(`serving ${name} on ${stack.address}:${app.port} (MAC ${stack.mac})`);
    if (bed === undefined) {
      await untilSignal(stack, interrupt);
      reporter.atEnd(); // while its connections are still there
      await app.close();
      return 0;
    }
    const putAway: PutAway = (save) => {
      const count = app.connections.size;
      app.sleep((state) => stack.snapshot(state, save));
      return `connections put to sleep in ${bed.store.path}: ${count}`;
    };
    await untilAsleep({ command: "serve", stack, interrupt, bed, reporter, putAway });
    return 0;
  } finally {
    reporter.dispose();
    session.close();
    interrupt.dispose();
  }
}

function bedFor(
  { name, port }: { name: string; port: number },
  path: string,
  record: string | undefined,
): Bed {
  return planBed(path, record, (kept) => {
    if (!isKeptApp(kept)) {
      throw new CommandError(`the snapshot ${path} was not made by this version of linger serve`);
    }
    if (kept.name === name && kept.port === port) return;
    const has = `${kept.name} on port ${kept.port}`;
    throw new CommandError(`the snapshot ${path} is of ${has}, not of ${name} on port ${port}`);
  });
}
