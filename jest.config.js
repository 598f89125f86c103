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

// The virtual machine that jest runs a test in looks globals up slowly, unless it is given them: a simulation asks for these all the time.
const simulation = suite('sim', { sandboxInjectedGlobals: ['Math', 'Number'] });

/** The suites one can tell apart: `npx jest --selectProjects unit sim` runs two of them. */
module.exports = { projects: [suite('unit'), simulation, suite('lab'), suite('fuzz')] };
