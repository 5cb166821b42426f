/**
 * Translates the enumerations of assembly/core/abi.ts into plain TypeScript for the HALs, comments
 * included, so that no number of the boundary is written twice.
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

/** The text of hal/host/abi.ts. `source`: the text of assembly/core/abi.ts. */
export function generateAbi(source) {
  const lines = source.replace(/^\/\*\*[\s\S]*?\*\/\n/, "").split("\n");
  const out = [HEAD.trimEnd()];
  let name = null;
  lines.forEach((line, index) => {
    const opening = /^export const enum (\w+) \{$/.exec(line);
    const member = /^ {2}(\w+) = (-?\d+),$/.exec(line);
    if (opening && name === null) {
      name = opening[1];
      out.push(`export const ${name} = {`);
    } else if (line === "}" && name !== null) {
      out.push("} as const;", `export type ${name} = (typeof ${name})[keyof typeof ${name}];`);
      name = null;
    } else if (member && name !== null) {
      out.push(`  ${member[1]}: ${member[2]},`);
    } else if (line === "" || /^\s*(\/\*\*|\*)/.test(line)) {
      out.push(line);
    } else {
      throw new Error(`assembly/core/abi.ts: not an enumeration (${index}): ${line}`);
    }
  });
  return `${out.join("\n").trimEnd()}\n`;
}
