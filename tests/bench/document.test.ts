/** The page of the benchmark keeps what another command has written into it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withSection } from "../../bench/end-to-end/run.ts";

describe("the section of what was measured end to end", () => {
  const section = "## End to end\n\nfigures\n";
  test("is added behind the rest", () => {
    assert.equal(withSection("# Page\n\ntext\n", section), `# Page\n\ntext\n\n${section}`);
  });
  test("takes the place of the one before", () => {
    const page = "# Page\n\ntext\n\n## End to end\n\nold\n";
    assert.equal(withSection(page, section), `# Page\n\ntext\n\n${section}`);
  });
  test("may be missing", () => {
    assert.equal(withSection("# Page\n\ntext\n", "").trimEnd(), "# Page\n\ntext");
  });
});
