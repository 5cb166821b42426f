/**
 * Holds the architecture and the style: each rule over the whole tree, and over examples that break
 * it, so that no rule can go blind unnoticed.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Project, readProject } from "./project.ts";
import { RULES } from "./rules/index.ts";

const project = readProject();

test("the tree is there to be judged", () => {
  for (const folder of ["assembly", "hal/host", "scripts", "tests"]) {
    assert.ok(project.code(folder).length > 3, folder);
  }
});

for (const rule of RULES) {
  describe(rule.title, () => {
    test("holds", () => {
      const complaints = rule.check(project);
      assert.ok(complaints.length === 0, `\n${complaints.join("\n")}\n`);
    });
    for (const [what, files] of Object.entries(rule.broken)) {
      test(`notices: ${what}`, () => {
        assert.notEqual(rule.check(new Project(files)).length, 0);
      });
    }
  });
}
