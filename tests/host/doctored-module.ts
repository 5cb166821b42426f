/**
 * Release modules with something changed in them: a trap at a given time, another ABI version, a
 * missing export, an application. Made with Binaryen, so that everything else is the real thing.
 *
 * Used by the tests of this folder. Holds no test itself.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";
import type { Profile } from "../../hal/host/module.ts";

const { Features, i32 } = binaryen;

/** The features that scripts/build.mjs builds with; the file itself does not tell. */
const FEATURES =
  Features.BulkMemory |
  Features.BulkMemoryOpt |
  Features.SignExt |
  Features.MutableGlobals |
  Features.NontrappingFPToInt;

export function moduleOctets(profile: Profile = "default"): Uint8Array {
  const url = new URL(`../../dist/wasm/linger-${profile}.wasm`, import.meta.url);
  return readFileSync(fileURLToPath(url));
}

/** Changes a release module; `alter` gets it as Binaryen's own object. */
export function doctored(alter: (module: binaryen.Module) => void): Uint8Array {
  const module = binaryen.readBinary(moduleOctets());
  module.setFeatures(FEATURES);
  alter(module);
  if (!module.validate()) throw new Error("the doctored module is not valid");
  const octets = module.emitBinary();
  module.dispose();
  return octets;
}

/** The function behind an export. */
function exported(module: binaryen.Module, name: string): string {
  return binaryen.getExportInfo(module.getExport(name)).value;
}

/** Puts `before` at the beginning of an exported function, which keeps its own work. */
function prepend(module: binaryen.Module, name: string, before: binaryen.ExpressionRef): void {
  const internal = exported(module, name);
  const ref = module.getFunction(internal);
  const info = binaryen.getFunctionInfo(ref);
  const body = module.block(null, [before, info.body], info.results);
  module.removeFunction(internal);
  module.addFunction(internal, info.params, info.results, info.vars, body);
}

/** A module whose export traps when its first parameter is at least `from`. */
export function trapping(name: string, from: number): Uint8Array {
  return doctored((module) => {
    const late = module.i32.ge_u(module.local.get(0, i32), module.i32.const(from));
    prepend(module, name, module.if(late, module.unreachable()));
  });
}

/** A module that says it speaks another version of the boundary. */
export function ofVersion(version: number): Uint8Array {
  return doctored((module) => {
    prepend(module, "abiVersion", module.return(module.i32.const(version)));
  });
}

/**
 * A module with an application: `appInit` listens on `port` and answers `initResult` if that is
 * below 0; `appPoll` accepts whoever comes, sends one octet, and closes.
 */
export function withApplication(port: number, initResult = 0): Uint8Array {
  return doctored((module) => {
    const call = (name: string, ...values: binaryen.ExpressionRef[]) =>
      module.call(exported(module, name), values, i32);
    const number = (value: number) => module.i32.const(value);
    const listener = () => module.i32.load(0, 4, number(8));
    const handle = () => module.local.get(1, i32);
    const init = [
      module.i32.store(0, 4, number(8), call("tcpListen", number(0), number(port), number(4))),
      module.return(number(initResult)),
    ];
    module.addFunction("appInit", binaryen.none, i32, [], module.block(null, init, i32));
    const serve = [
      module.drop(call("tcpReserve", handle())),
      module.i32.store8(0, 1, call("tcpReservedAddress", handle()), number(0x21)),
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
  });
}
