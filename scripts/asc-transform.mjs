/**
 * The asc transform that every Linger module is compiled with: the release profiles, and the
 * modules of applications (`asconfig.app.json`).
 *
 * It puts a runtime without an allocator in the place of asc's, so that a construct that allocates
 * is a compile error, and gives the module the shape that `hal/README.md` promises: no memory.grow
 * and no memory.size, no start function, no mutable global, a memory that never grows, and the two
 * immutable globals by which WAMR finds out how much of it is in use.
 */

import { Node } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

const PAGE_OCTETS = 65_536;
/** asc's runtime that never frees: the smallest to be replaced. */
const RUNTIME_PATH = "~lib/rt/stub";
/** At this shrink level nothing but size counts; below, speed does too; at 0 nothing else. */
const SHRINK_LEVEL_OF_SMALLEST = 2;
/** Where Linger's sources lie for an application; in Linger's own tree without what is before. */
const PACKAGE = "~lib/linger-tcp/assembly/";
const OWN_TREE = "assembly/";
/**
 * Functions that a module which shall be small inlines even so. Each was tried alone: `tiny` gets
 * smaller (`tupleHash` by 16 octets) or larger by 5 at most, since what is constant at a call takes
 * no octets once the function is there. All together: 100 octets less of module, and 25 functions
 * less, for each of which WAMR's classic interpreter keeps some 80 octets of RAM.
 */
const INLINED = {
  "core/checksum": ["checksumOf"],
  "core/octets": ["get32", "put32"],
  "netif/interface": ["nextHopOf"],
  "socket/parameters": ["setBetween"],
  "tcp/arrives": ["expectsText"],
  "tcp/calls": ["writeOffset"],
  "tcp/flow": ["copyTuple"],
  "tcp/half-open": ["halfOpenAt"],
  "tcp/isn": ["isnClock", "tupleHash"],
  "tcp/parameters": ["parameter", "setParameterValue"],
  "tcp/pending": ["nextPendingFlow"],
  "tcp/seq": ["seqGe", "seqGt", "seqLe", "seqMax"],
  "tcp/tcb": ["firstTextSeq", "receiveRingOf", "sendRingOf"],
  "tcp/timers": ["isRunning"],
  "wire/ethernet": ["isGroupMac", "putMac"],
  "wire/ipv4": ["ipv4Kind", "pseudoSum"],
  "wire/tcp": ["tcpDataOffset"],
};
/**
 * Functions that a module which need not be the smallest inlines as well: those that a segment
 * calls most often for their size. With all of them `default` is 1,450 octets larger, and WAMR
 * executes a fifth less for a segment. Of RAM, of which a board with the fast interpreter may have
 * 192 KB, they take 3,000 octets; `earliestLevel` alone would take as much.
 */
const OFTEN_CALLED = {
  "core/checksum": ["fold"],
  "core/deadlines": ["nextSlotTime"],
  "core/octets": ["swap16", "swap32", "swap64"],
  "core/ring": ["advanceOffset"],
  "netif/interface": ["isHostAddress", "isUnicast"],
  "tcp/rack": ["isLossProbeDue"],
  "tcp/seq": ["isAcceptable"],
  "tcp/tcb": ["isAckPlausible", "isWindowClosed"],
  "wire/ipv4": ["checkQuotedIpv4"],
  "wire/tcp": ["checkTcp"],
};
/** asc's name of the global that holds the end of static memory. */
const HEAP_BASE = "~lib/memory/__heap_base";
const DATA_END = "~lib/memory/__data_end";
/** WAMR rounds __data_end up to 16 and ignores both when that lies above __heap_base. */
const ALIGNMENT_OCTETS = 16;

/** What asc wants a runtime to define. Compiled only when something calls it. */
const RUNTIME = `
@global @unsafe export function __alloc(size: usize): usize { unreachable(); return 0; }
@global @unsafe export function __realloc(at: usize, n: usize): usize { unreachable(); return 0; }
@global @unsafe export function __free(at: usize): void { unreachable(); }
@global @unsafe export function __new(size: usize, id: u32): usize { unreachable(); return 0; }
@global @unsafe export function __renew(at: usize, size: usize): usize { unreachable(); return 0; }
@global @unsafe export function __pin(at: usize): usize { unreachable(); return 0; }
@global @unsafe export function __unpin(at: usize): void { unreachable(); }
@global @unsafe export function __collect(): void { unreachable(); }
@global @unsafe export function __link(a: usize, b: usize, many: bool): void {}
@global @unsafe function __visit(at: usize, cookie: u32): void {}
`;
/** The functions above that a module must not contain. */
const ALLOCATORS = ["alloc", "realloc", "free", "new", "renew", "pin", "unpin", "collect"].map(
  (name) => `${RUNTIME_PATH}/__${name}`,
);

/** An instruction of module-level code that does something; ERROR's conditions only compute. */
const EFFECT =
  /^\((call (?!\$start:)|call_indirect|global\.set|memory\.|\S+\.store|unreachable|loop)/;

export default class LingerTransform extends Transform {
  /** Puts the runtime without allocator in the place of asc's. */
  afterParse(parser) {
    const place = parser.sources.findIndex((source) => source.internalPath === RUNTIME_PATH);
    if (place < 0) fail('a Linger module is compiled with "runtime": "stub"');
    parser.sources.splice(place, 1);
    parser.donelog.delete(RUNTIME_PATH);
    parser.parseFile(RUNTIME, `${RUNTIME_PATH}.ts`, false);
    const shrinkLevel = this.program.options.shrinkLevelHint;
    if (shrinkLevel === 0) return;
    const isApplication = parser.sources.some((source) => source.internalPath.startsWith(PACKAGE));
    const own = isApplication ? PACKAGE : OWN_TREE;
    for (const source of parser.sources) {
      const isOwn = source.internalPath.startsWith(own);
      if (source.internalPath.startsWith("~lib/") && !isOwn) continue;
      source.statements.forEach(dropInlining);
      if (!isOwn) continue;
      const path = source.internalPath.slice(own.length);
      inlineAmong(source, path, INLINED);
      if (shrinkLevel < SHRINK_LEVEL_OF_SMALLEST) inlineAmong(source, path, OFTEN_CALLED);
    }
  }

  /** Sets the memory and refuses what a Linger module must not have. Runs before the optimizer. */
  afterCompile(module) {
    this.#fixMemory(module);
    const functions = readFunctions(module);
    refuse(
      findAllocating(functions),
      "a Linger module never allocates (new, throw, array or object literals, strings), this does",
    );
    refuse(
      findFunctions(functions, (line) => /^\(memory\.(grow|size)\b/.test(line)),
      "the memory never grows, but this asks for it",
    );
    refuse(
      findFunctions(functions, (line) => EFFECT.test(line)).filter((name) =>
        name.startsWith("start:"),
      ),
      "module-level code would need a start function: initialise with constants",
    );
    this.#refuseMutableGlobals(module);
  }

  #refuseMutableGlobals(module) {
    for (let i = 0; i < module.getNumGlobals(); ++i) {
      const { name, mutable } = this.binaryen.getGlobalInfo(module.getGlobalByIndex(i));
      if (mutable) fail(`a mutable global, keep it in static memory (memory.data): ${name}`);
    }
  }

  /** Sets initial = maximum memory and both globals, and exports them. */
  #fixMemory(module) {
    const { binaryen } = this;
    const global = module.getGlobal(HEAP_BASE);
    if (!global) fail("no __heap_base: the entry must export all of linger-tcp/assembly");
    const end = binaryen.getExpressionInfo(binaryen.getGlobalInfo(global).init).value;
    const heapBase = Math.ceil(end / ALIGNMENT_OCTETS) * ALIGNMENT_OCTETS;
    const names = { [HEAP_BASE]: "__heap_base", [DATA_END]: "__data_end" };
    for (const [name, exported] of Object.entries(names)) {
      if (module.getGlobal(name)) module.removeGlobal(name);
      module.addGlobal(name, binaryen.i32, false, module.i32.const(heapBase));
      if (!module.getExport(exported)) module.addGlobalExport(name, exported);
    }
    const pages = Math.ceil(heapBase / PAGE_OCTETS);
    module.setMemory(pages, pages, null, readSegments(module), false, false, "0");
  }
}

/**
 * Takes `@inline` off functions and methods, not off constants. asc obeys the decorator wherever it
 * stands; a module that shall be small inlines what is smaller that way, which wasm-opt finds out.
 */
function dropInlining(statement) {
  const { declaration, members, signature, decorators } = statement;
  if (declaration) dropInlining(declaration);
  members?.forEach(dropInlining);
  if (!signature || !decorators) return;
  statement.decorators = decorators.filter(({ name }) => name.text !== "inline");
}

/** Puts `@inline` on those functions of a file that are among the chosen ones. */
function inlineAmong({ statements }, path, chosen) {
  for (const name of chosen[path] ?? []) {
    const isMeant = (statement) => statement.signature && statement.name.text === name;
    const found = statements.find(isMeant);
    if (!found) fail(`${path} has no function ${name}, which scripts/asc-transform.mjs inlines`);
    const inline = Node.createIdentifierExpression("inline", found.range);
    found.decorators = [Node.createDecorator(inline, null, found.range)];
  }
}

/** Ends the compilation. asc prints an error's stack, which would say nothing to a user. */
function fail(message) {
  const error = new Error(message);
  error.stack = message;
  throw error;
}

/** The name of a function or of what is called; those of generics stand in quotation marks. */
function readName(line, keyword) {
  const match = /^\((\w+) \$(?:"([^"]+)"|([^\s)]+))/.exec(line);
  return match?.[1] === keyword ? (match[2] ?? match[3]) : undefined;
}

/** Ends the compilation when there are culprits. */
function refuse(culprits, reason) {
  if (culprits.length > 0) fail(`${reason}: ${culprits.join(", ")}`);
}

/** The names of the functions that contain a line of some kind. */
function findFunctions(functions, isWrong) {
  return [...functions].filter(([, lines]) => lines.some(isWrong)).map(([name]) => name);
}

/** The functions that call the allocator, directly or through asc's library. */
function findAllocating(functions) {
  const allocating = new Set(ALLOCATORS);
  const reaches = (line) => allocating.has(readName(line, "call"));
  for (let size = 0; size !== allocating.size;) {
    size = allocating.size;
    for (const name of findFunctions(functions, reaches)) {
      if (name.startsWith("~lib/")) allocating.add(name);
    }
  }
  return findFunctions(functions, reaches).filter((name) => !name.startsWith("~lib/"));
}

/** The functions of a module by name, each with its instructions, one per line. */
function readFunctions(module) {
  const functions = new Map();
  let lines = [];
  for (const text of module.emitText().split("\n")) {
    const line = text.trim();
    const name = readName(line, "func");
    if (name !== undefined) functions.set(name, (lines = []));
    else lines.push(line);
  }
  return functions;
}

/** The data segments, to be given to the memory again, but for those that are all zeros. */
function readSegments(module) {
  return Array.from({ length: module.getNumDataSegments() }, (_, i) => {
    const info = module.getDataSegmentInfo(module.getDataSegmentByIndex(i));
    return { ...info, offset: module.i32.const(info.offset), data: new Uint8Array(info.data) };
  }).filter(({ data }) => data.some((octet) => octet !== 0));
}
