/**
 * Runs asc several times in one process, on files of which some need not exist.
 *
 * Started by binaries.test.ts, as a process without a TypeScript loader, which takes longer to read
 * the compiler than this to run. Standard input: a JSON list of { folder, args, files }; standard
 * output: a list of { failed, said, written }, files as base64 by path.
 */
import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import asc from "assemblyscript/asc";

async function compile({ folder, args, files }) {
  const written = {};
  let said = "";
  const { error } = await asc.main([...args, "--baseDir", folder, "--noColors"], {
    stderr: { write: (text) => (said += text) },
    stdout: { write: () => undefined },
    readFile: (name, base) => {
      const path = resolve(base, name);
      const known = files[relative(folder, path)];
      if (known !== undefined) return known;
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (name, contents) => {
      written[name] = Buffer.from(contents).toString("base64");
    },
  });
  return { failed: error !== null, said, written };
}

const results = [];
for (const job of JSON.parse(readFileSync(0, "utf8"))) results.push(await compile(job));
process.stdout.write(JSON.stringify(results));
