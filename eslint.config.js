const tseslint = require("typescript-eslint");

/** Forbids imports into a room past its front door, and against the arrows lib ← keeper ← replay. */
function onlyThrough(files, ...patterns) {
  return {
    files,
    rules: {
      "no-restricted-imports": ["error", { patterns: patterns.map(([regex, message]) => ({ regex, message })) }],
    },
  };
}
const LIB_DOOR = ["/lib/", "Import scripts/lib, its front door."];
const KEEPER_DOOR = ["/keeper/(?!cli)", "Import scripts/keeper, its front door."];

module.exports = tseslint.config(
  {
    ignores: [
      "artifacts/",
      "cache/",
      "coverage/",
      "deployments/",
      "forge-cache/",
      "forge-out/",
      "out/",
      "typechain-types/",
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: __dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-empty": "error", // an empty catch swallows an error
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/require-await": "off", // an implementation of an asynchronous interface may have nothing to wait for
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
    },
  },
  onlyThrough(["scripts/lib/**"], ["\\.\\./", "lib imports no other room."]),
  onlyThrough(["scripts/keeper/**"], LIB_DOOR, ["/replay(/|$)", "The keeper does not know the replay."]),
  onlyThrough(["scripts/*.ts", "scripts/{bench,mutation,proof,replay}/**", "deploy/**"], LIB_DOOR, KEEPER_DOOR),
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-expressions": "off", // chai's `expect(x).to.be.true`
    },
  },
  {
    files: ["**/*.js"],
    ...tseslint.configs.disableTypeChecked,
    rules: { ...tseslint.configs.disableTypeChecked.rules, "@typescript-eslint/no-require-imports": "off" },
  },
);
