/**
 * Translates the enumerations of assembly/core/abi.ts into plain TypeScript and C for the HALs,
 * comments included, so that no number of the boundary is written twice.
 *
 * Called by the build. Understands `export const enum` with one `NAME = number,` per line, which is
 * all that file may hold, and refuses anything else.
 */

const HEAD = `/**
 * The words that cross the module's boundary: status codes, states, events, reasons, options,
 * limits, counters and the layout of the status block. \`hal/README.md\` explains them.
 *
 * Generated from assembly/core/abi.ts by \`npm run build\`. Changes made here are lost.
 */
`;

/** How a language writes an enumeration; `member` is given the enumeration's name as well. */
const TYPESCRIPT = {
  open: (name) => [`export const ${name} = {`],
  member: (_, name, value) => `  ${name}: ${value},`,
  close: (name) => ["} as const;", `export type ${name} = (typeof ${name})[keyof typeof ${name}];`],
};
const C = {
  open: (name) => [`enum ${toSnake(`Linger${name}`)} {`],
  member: (enumeration, name, value) =>
    `  ${toSnake(`Linger${enumeration}`).toUpperCase()}_${name} = ${value},`,
  close: () => ["};"],
};

/** The text of hal/host/abi.ts. `source`: the text of assembly/core/abi.ts. */
export function generateAbi(source) {
  return generate(source, TYPESCRIPT).join("\n");
}

/** The text of hal/wamr/include/linger-abi.h, likewise. */
export function generateAbiHeader(source) {
  const [head, ...lines] = generate(source, C);
  const guard = "LINGER_ABI_H";
  return [head, `#ifndef ${guard}`, `#define ${guard}`, ...lines, "#endif", ""].join("\n");
}

/** The parts of the text: the head, and the rest line by line. The last is empty. */
function generate(source, language) {
  const lines = source.replace(/^\/\*\*[\s\S]*?\*\/\n/, "").split("\n");
  const out = [HEAD.trimEnd()];
  let name = null;
  lines.forEach((line, index) => {
    const opening = /^export const enum (\w+) \{$/.exec(line);
    const member = /^ {2}(\w+) = (-?\d+),$/.exec(line);
    if (opening && name === null) {
      name = opening[1];
      out.push(...language.open(name));
    } else if (line === "}" && name !== null) {
      out.push(...language.close(name));
      name = null;
    } else if (member && name !== null) {
      out.push(language.member(name, member[1], member[2]));
    } else if (line === "" || /^\s*(\/\*\*|\*)/.test(line)) {
      out.push(line);
    } else {
      throw new Error(`assembly/core/abi.ts: not an enumeration (${index}): ${line}`);
    }
  });
  while (out.at(-1) === "") out.pop();
  return [...out, ""];
}

/** `LingerEndReason` → `linger_end_reason`. */
function toSnake(name) {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
