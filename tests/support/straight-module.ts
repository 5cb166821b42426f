/**
 * The module `default` with the straight ways (`CONFIG_STRAIGHT=1`), which no small release module
 * has, and with the calls that copy as exports: compiled when a test wants it.
 *
 * Called by tests/tcp/straight.test.ts and tests/fuzz.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUILD = join(ROOT, "build");
/**
 * An application with a buffer of its own, and nothing else; and the records of connections, with
 * all that both ways keep in them. Left out are links, and the parts at the end: ECN's, which none
 * that goes straight has, and the template.
 */
const ENTRY = `
import { ListedFlow } from "../../assembly/tcp/flow";
import { Flag, Tcb, tcbAt } from "../../assembly/tcp/tcb";
import { ECN_OFFSET } from "../../assembly/tcp/tcb-layout";
export * from "../../assembly/index";
export { tcpReceive, tcpSend } from "../../assembly/socket/copying";
const BUFFER = memory.data(4096);
export function buffer(): usize { return BUFFER; }
const RECORD = memory.data(512);
export function record(index: u32): usize {
  memory.copy(RECORD, changetype<usize>(tcbAt(index)), ECN_OFFSET);
  const tcb = changetype<Tcb>(RECORD);
  tcb.flags &= ~Flag.UNLEARNT;
  tcb.acceptNext = 0;
  tcb.timeWait = 0;
  return RECORD + offsetof<ListedFlow>();
}
export function recordOctets(): usize { return ECN_OFFSET - offsetof<ListedFlow>(); }
`;

/** The module with the straight ways, or the same one without. */
export function compileStraight(isStraight = true): Uint8Array {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(join(BUILD, "straight-"));
  try {
    const path = join(folder, "straight.wasm");
    const entry = join(folder, "entry.ts");
    writeFileSync(entry, ENTRY);
    execFileSync(process.execPath, [
      ...[join(ROOT, "node_modules/assemblyscript/bin/asc.js"), entry],
      ...["--config", join(ROOT, "asconfig.app.json"), "--target", "default", "--noColors"],
      ...["--use", `CONFIG_STRAIGHT=${isStraight ? 1 : 0}`, "-o", path],
    ]);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
