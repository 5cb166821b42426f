/**
 * eslint's rules, for `npm run lint`: TypeScript and the scripts by type-aware rules, assembly/ by
 * a ban on the constructs that allocate.
 *
 * asc, not tsc, knows whether assembly/ is right; here it is only read as TypeScript, decorated
 * functions and all.
 */
import tseslint from "typescript-eslint";

/** A selector that bans a construct, and why. */
const ban = (selector, message) => ({ selector, message });

const NO_ALLOCATION = [
  ban("NewExpression", "new allocates: storage comes from memory.data"),
  ban("ThrowStatement", "throw allocates: return a Status, or assert"),
  ban("TemplateLiteral", "a template literal allocates"),
  ban(":function ArrayExpression", "an array literal in a function allocates"),
  ban("ObjectExpression", "an object literal allocates"),
  ban("VariableDeclaration[kind='var']", "use const or let"),
  ban(
    ":matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind='let']",
    "a module-level let is a mutable global: state lies in memory.data",
  ),
  ban("ForInStatement, ForOfStatement", "AssemblyScript has neither for-in nor for-of"),
  ban("TryStatement", "AssemblyScript has no exceptions to catch"),
];

/** The globals of Node that scripts use; everything else they import. */
const NODE_GLOBALS = Object.fromEntries(
  [
    ...["process", "console", "Buffer", "URL", "WebAssembly"],
    ...["setTimeout", "clearTimeout", "setInterval", "clearInterval"],
  ].map((name) => [name, "readonly"]),
);

/** What finds mistakes in a script that no type checker reads. */
const SCRIPT_RULES = Object.fromEntries(
  [
    ...["eqeqeq", "no-const-assign", "no-control-regex", "no-dupe-args", "no-dupe-keys"],
    ...["no-duplicate-case", "no-empty", "no-fallthrough", "no-redeclare", "no-self-assign"],
    ...["no-sparse-arrays", "no-this-before-super", "no-undef", "no-unreachable", "no-unused-vars"],
    ...["no-unsafe-finally", "no-useless-escape", "no-var", "prefer-const", "use-isnan"],
  ].map((rule) => [rule, "error"]),
);

export default tseslint.config(
  { ignores: ["dist/", "build/", "coverage/", "node_modules/", "hal/host/abi.ts"] },
  {
    files: ["hal/**/*.ts", "bench/**/*.ts", "tests/**/*.ts"],
    ignores: ["tests/unit/**", "bench/segment/linger/**", "hal/recorder/**"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.lint.json" } },
    rules: {
      eqeqeq: "error",
      // An interface asks for a promise, not every implementation waits for something.
      "@typescript-eslint/require-await": "off",
      // `string` beside literals documents what is known among what is allowed.
      "@typescript-eslint/no-redundant-type-constituents": "off",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      // node:test's test() and describe() return promises that the runner itself awaits.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", name: ["test", "describe", "it", "suite"], package: "node:test" },
          ],
        },
      ],
    },
  },
  {
    // Handlers that return promises, and messages made of anything, are as good as any in a test.
    files: ["tests/**/*.ts"],
    ignores: ["tests/unit/**"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/restrict-template-expressions": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["scripts/**/*.mjs", "bench/**/*.mjs", "tests/**/*.mjs", "tests/**/*.js", "*.mjs"],
    languageOptions: { globals: NODE_GLOBALS },
    rules: SCRIPT_RULES,
  },
  {
    files: ["assembly/**/*.ts", "examples/**/*.ts", "bench/segment/linger/**/*.ts"],
    languageOptions: { parser: tseslint.parser, parserOptions: { allowInvalidAST: true } },
    rules: { "no-restricted-syntax": ["error", ...NO_ALLOCATION] },
  },
  {
    // Its state lies in globals: the memory is the recorded module's.
    files: ["hal/recorder/**/*.ts"],
    languageOptions: { parser: tseslint.parser, parserOptions: { allowInvalidAST: true } },
    rules: {
      "no-restricted-syntax": [
        "error",
        ...NO_ALLOCATION.filter(({ selector }) => !selector.includes("kind='let'")),
      ],
    },
  },
);
