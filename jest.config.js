const suite = (name, options = {}) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  testEnvironment: 'node',
  // Not in /tmp by user number, as is the default: inside a user namespace everybody is number 0.
  cacheDirectory: `${__dirname}/node_modules/.cache/jest`,
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  ...options,
});

/** The suites one can tell apart: `npx jest --selectProjects unit sim` runs two of them. */
module.exports = { projects: [suite('unit'), suite('sim'), suite('lab'), suite('fuzz')] };
