/**
 * An asc transform beside `scripts/asc-transform.mjs`: it leaves in the module, as the custom
 * section "linger.layout", where everything lies in its memory, as JSON.
 *
 *     { regions: { "tcp/pending/PENDING": { address, octets } },
 *       tables: [{ address, octets }],    what has a value from the start, and keeps it
 *       classes: { "tcp/flow/FlowList": { octets, fields: { first: { offset, octets } } } },
 *       constants: { "tcp/tcb/Flag/SEND_CLOSED": 1 } }
 *
 * All of it is the compiler's own word, so that what reads a memory image by it (`layout.ts`) can
 * never read it by an old layout. Used for the `check` profile only; fails where a segment of
 * memory has no name.
 */
import { Transform } from "assemblyscript/transform";

const SECTION = "linger.layout";
const FOLDER = "assembly/";

export default class LayoutTransform extends Transform {
  /** Runs before the optimizer, while every segment still has its place. */
  afterCompile(module) {
    const regions = {};
    const classes = {};
    const constants = {};
    const segments = readSegments(module);
    for (const [path, element] of this.program.elementsByName) {
      if (!path.startsWith(FOLDER)) continue;
      const name = path.slice(FOLDER.length);
      const value = integerOf(element, module, this.binaryen);
      if (isFunctionOfRegion(element)) {
        for (const { internalName } of element.instances?.values() ?? []) {
          const address = resultOf(internalName, module, this.binaryen);
          regions[name] = takeSegment(segments, address, name);
        }
      } else if (isRegion(element)) {
        if (value !== 0) regions[name] = takeSegment(segments, value, name);
      } else if (value !== undefined) constants[name] = value;
      for (const instance of element.instances?.values?.() ?? []) {
        if (instance.nextMemoryOffset !== undefined) classes[name] = describeClass(instance);
      }
    }
    const rest = segments.filter(({ isTaken }) => !isTaken);
    const nameless = rest.filter(({ isTable }) => !isTable);
    if (nameless.length > 0) fail(`memory without a name: ${JSON.stringify(nameless)}`);
    const tables = rest.map(({ offset, octets }) => ({ address: offset, octets }));
    const text = JSON.stringify({ regions, tables, classes, constants });
    module.addCustomSection(SECTION, Buffer.from(text));
  }
}

function fail(message) {
  const error = new Error(message);
  error.stack = message;
  throw error;
}

/** `memory.data(…)` stands in its initialiser. */
function isRegion(element) {
  const initializer = element.declaration?.initializer;
  return initializer?.range?.toString().includes("memory.data(") ?? false;
}

/** A function that returns `memory.data(…)`: how what shall lie last is declared. */
function isFunctionOfRegion(element) {
  const body = element.declaration?.body;
  return body?.range?.toString().includes("memory.data(") ?? false;
}

/** The constant that a function returns. */
function resultOf(name, module, binaryen) {
  let info = binaryen.getExpressionInfo(binaryen.getFunctionInfo(module.getFunction(name)).body);
  while (info.value === undefined || info.id !== binaryen.ConstId) {
    const [inner] = info.children ?? [info.value];
    info = binaryen.getExpressionInfo(inner);
  }
  return info.value;
}

/** The value of a constant, whether it was inlined or became a global; undefined for others. */
function integerOf(element, module, binaryen) {
  const inlined = element.constantIntegerValue;
  if (inlined === undefined) return undefined;
  if (element.constantValueKind !== 0) return Number(BigInt.asIntN(32, toBigInt(inlined)));
  const global = module.getGlobal(element.internalName);
  if (!global) return undefined;
  return binaryen.getExpressionInfo(binaryen.getGlobalInfo(global).init).value;
}

/** asc keeps 64-bit numbers as pairs. */
function toBigInt(value) {
  if (typeof value !== "object") return BigInt(value);
  return (BigInt(value.high) << 32n) | BigInt(value.low >>> 0);
}

function readSegments(module) {
  return Array.from({ length: module.getNumDataSegments() }, (_, i) => {
    const { offset, data } = module.getDataSegmentInfo(module.getDataSegmentByIndex(i));
    const isTable = new Uint8Array(data).some((octet) => octet !== 0);
    return { offset, octets: data.byteLength, isTaken: false, isTable };
  });
}

/** The segment in which an address lies: frames begin two octets behind their start. */
function takeSegment(segments, address, name) {
  const segment = segments.find(
    ({ offset, octets }) => offset <= address && address < offset + octets,
  );
  if (segment === undefined || segment.isTaken) fail(`no segment of its own: ${name}`);
  segment.isTaken = true;
  return { address: segment.offset, octets: segment.octets };
}

function describeClass(instance) {
  const fields = {};
  for (const [name, member] of instance.members) {
    const property = member.instance ?? member;
    if (property.isField !== true || property.memoryOffset < 0) continue;
    fields[name] = { offset: property.memoryOffset, octets: property.type.byteSize };
  }
  return { octets: instance.nextMemoryOffset, fields };
}
