module.exports = {
  skipFiles: ["mocks/"],
  configureYulOptimizer: true, // without the optimizer some functions have too many variables for the stack
  istanbulReporter: ["text", "lcov", "json-summary"],
};
