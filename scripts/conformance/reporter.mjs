/**
 * A reporter for node:test: one line of JSON for each test whose title carries labels.
 *
 * Named by `labels.mjs` on the command line of a lane, and loaded by Node there. Reports skipped
 * tests too, but not those that `--test-name-pattern` left out: they carry no label.
 */
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { readTitle } from "./labels.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function outcomeOf(type, { skip, todo, details }) {
  if (skip !== undefined || todo !== undefined) return "skipped";
  // Tests of an empty group would pass whatever the code does.
  if (details?.type === "suite") return "a group";
  return type === "test:pass" ? "passed" : "failed";
}

export default async function* report(events) {
  /** The titles around the test that is running, from the outermost. */
  let around = [];
  for await (const { type, data } of events) {
    if (type === "test:start") around = [...around.slice(0, data.nesting), data.name];
    if (type !== "test:pass" && type !== "test:fail") continue;
    const { title, labels } = readTitle(data.name);
    if (labels?.length === 0) continue;
    const file = relative(ROOT, data.file ?? "")
      .split(sep)
      .join("/");
    const suites = around.slice(0, data.nesting);
    const outcome = labels === undefined ? "malformed" : outcomeOf(type, data);
    yield `${JSON.stringify({ file, suites, title, labels: labels ?? [], outcome })}\n`;
  }
}
