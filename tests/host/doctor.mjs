/**
 * Writes variants of a release module, each with one thing changed, into a folder: `node doctor.mjs
 * MODULE FOLDER`. Made with Binaryen, so that everything else is the real thing.
 *
 * Started by doctored-module.ts as a process of its own: Binaryen's 15 MB take a TypeScript loader
 * ten seconds, and Node half of one.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import binaryen from "binaryen";

const { Features, i32, none } = binaryen;

/** The features that scripts/build.mjs builds with; the file itself does not tell. */
const FEATURES =
  Features.BulkMemory |
  Features.BulkMemoryOpt |
  Features.SignExt |
  Features.MutableGlobals |
  Features.NontrappingFPToInt;

/** The function behind an export. */
function exported(module, name) {
  return binaryen.getExportInfo(module.getExport(name)).value;
}

/** Puts `before` at the beginning of an exported function, which keeps its own work. */
function prepend(module, name, before) {
  const internal = exported(module, name);
  const { params, results, vars, body } = binaryen.getFunctionInfo(module.getFunction(internal));
  module.removeFunction(internal);
  module.addFunction(internal, params, results, vars, module.block(null, [before, body], results));
}

/** The export traps when its first parameter is at least `from`. */
function trapFrom(module, name, from) {
  const late = module.i32.ge_u(module.local.get(0, i32), module.i32.const(from));
  prepend(module, name, module.if(late, module.unreachable()));
}

/**
 * Adds an application: `appInit` listens on port 7 and answers `initResult`; `appPoll` accepts
 * whoever comes, sends "!", and closes.
 */
function addApplication(module, initResult, octet = () => module.i32.const(0x21)) {
  const call = (name, ...values) => module.call(exported(module, name), values, i32);
  const number = (value) => module.i32.const(value);
  // Optimised modules keep nothing below 1,024.
  const listener = () => module.i32.load(0, 4, number(8));
  const handle = () => module.local.get(1, i32);
  const init = [
    module.i32.store(0, 4, number(8), call("tcpListen", number(0), number(7), number(4))),
    module.return(number(initResult)),
  ];
  module.addFunction("appInit", none, i32, [], module.block(null, init, i32));
  const serve = [
    module.drop(call("tcpReserve", handle())),
    module.i32.store8(0, 1, call("tcpReservedAddress", handle()), octet()),
    module.drop(call("tcpCommit", handle(), number(1))),
    module.drop(call("tcpRelease", handle())),
  ];
  const poll = [
    module.local.set(1, call("tcpAccept", listener())),
    module.if(module.i32.gt_s(handle(), number(0)), module.block(null, serve)),
    module.return(number(-1)),
  ];
  module.addFunction("appPoll", i32, i32, [i32], module.block(null, poll, i32));
  module.addFunctionExport("appInit", "appInit");
  module.addFunctionExport("appPoll", "appPoll");
}

/** An export that does nothing and takes nothing. */
function addEmpty(module, name) {
  module.addFunction(`empty ${name}`, none, none, [], module.nop());
  module.addFunctionExport(`empty ${name}`, name);
}

/** Whatever is committed, its first octet is "!". */
function spoilCommits(module) {
  const handle = module.local.get(0, i32);
  const place = module.call(exported(module, "tcpReservedAddress"), [handle], i32);
  prepend(module, "tcpCommit", module.i32.store8(0, 1, place, module.i32.const(0x21)));
}

/** An application that counts its polls in a global, and sends the count instead. */
function addCountingApplication(module) {
  const count = () => module.global.get("count", i32);
  addApplication(module, 0, count);
  module.addGlobal("count", i32, true, module.i32.const(0));
  prepend(
    module,
    "appPoll",
    module.global.set("count", module.i32.add(count(), module.i32.const(1))),
  );
}

const VARIANTS = {
  trapInPoll: (module) => trapFrom(module, "poll", 8000),
  trapInCloseWrite: (module) => trapFrom(module, "tcpCloseWrite", 0),
  version2: (module) => prepend(module, "abiVersion", module.return(module.i32.const(2))),
  spoiledCommits: spoilCommits,
  otherImport: (module) => module.addFunctionImport("log", "env", "log", none, none),
  lacking: (module) => {
    for (const name of ["poll", "tcpListen", "tcpPeek", "nextReady"]) module.removeExport(name);
  },
  otherShape: (module) => {
    module.removeExport("tcpPeek");
    addEmpty(module, "tcpPeek");
  },
  halfApplication: (module) => addEmpty(module, "appPoll"),
  application: (module) => addApplication(module, 0),
  countingApplication: addCountingApplication,
  refusingApplication: (module) => addApplication(module, -7),
};

const [source, folder] = process.argv.slice(2);
for (const [name, alter] of Object.entries(VARIANTS)) {
  const module = binaryen.readBinary(readFileSync(source));
  module.setFeatures(FEATURES);
  alter(module);
  if (!module.validate()) throw new Error(`${name} is not a valid module`);
  writeFileSync(join(folder, `${name}.wasm`), module.emitBinary());
  module.dispose();
}
