/**
 * Modules that only some subcommands need, loaded when they are: the schema library alone takes as long to load as
 * everything that `multihomectl status` does.
 */

export function configurationLoader(): typeof import('../config/load') {
  return require('../config/load') as typeof import('../config/load');
}

export function kernelTeardown(): typeof import('../kernel/teardown') {
  return require('../kernel/teardown') as typeof import('../kernel/teardown');
}

export function capturing(): typeof import('../../native-bindings/capture') {
  return require('../../native-bindings/capture') as typeof import('../../native-bindings/capture');
}

export function doctoring() {
  return {
    ...(require('../doctor/doctor') as typeof import('../doctor/doctor')),
    ...(require('../doctor/repair') as typeof import('../doctor/repair')),
    ...(require('./doctor-text') as typeof import('./doctor-text')),
  };
}
