/** The architecture as rules: protocols, pages → features → tenancy → events → core; features only leftwards. */
const features = ['notifications', 'directory', 'applications', 'access', 'authentication', 'federation', 'provisioning'];
const outer = ['reporting', 'compliance'];

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'core-knows-no-product', severity: 'error', from: { path: '^src/core/' }, to: { path: '^src/(?!core/|config\\.ts|generated/)' } },
    { name: 'events-stand-on-core', severity: 'error', from: { path: '^src/events/' }, to: { path: '^src/(?!core/|events/|config\\.ts|generated/)' } },
    { name: 'tenancy-stands-on-events', severity: 'error', from: { path: '^src/tenancy/' }, to: { path: '^src/(?!core/|events/|tenancy/|config\\.ts|generated/)' } },
    ...features.map((feature, place) => ({
      name: `${feature}-looks-only-leftwards`, severity: 'error',
      from: { path: `^src/${feature}/` },
      to: { path: `^src/(${[...features.slice(place + 1), ...outer, 'protocols', 'pages', 'console'].join('|')})/` },
    })),
    { name: 'pages-know-no-protocol', severity: 'error', from: { path: '^src/pages/' }, to: { path: '^src/protocols/' } },
    { name: 'through-the-public-face', severity: 'error',
      comment: 'Another folder is imported through its index.ts.',
      from: { path: '^src/([^/]+)/' },
      to: { path: `^src/(tenancy|events|${[...features, ...outer, 'pages'].join('|')})/(?!index\\.ts)`, pathNot: '^src/$1/' } },
    { name: 'bootstrap-is-the-top', severity: 'error', comment: 'Only what starts the server or runs a command knows the first start.',
      from: { path: '^src/', pathNot: '^src/(bootstrap/|operator/|main\\.ts|operator\\.ts|server\\.ts)' }, to: { path: '^src/(bootstrap|operator)/' } },
    { name: 'not-the-own-index', severity: 'error',
      from: { path: '^src/([^/]+)/(?!index\\.ts)' }, to: { path: '^src/$1/index\\.ts$' } },
    { name: 'one-door-out', severity: 'error', comment: 'Only core/outbound opens connections to the outside.',
      from: { path: '^src/', pathNot: '^src/core/(outbound|addresses)' }, to: { path: '^(undici|node:https?|node:net|node:tls)$', dependencyTypesNot: ['type-only'] } },
    { name: 'no-tests-in-the-product', severity: 'error', from: { path: '^src/', pathNot: '\\.test\\.ts$|/testing/' }, to: { path: '\\.test\\.ts$|/testing/|^test/' } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: '\\.(d|test)\\.ts$|^src/(main|operator)\\.ts$|^src/pages/assets/|^src/core/jobs\\.ts$|^src/authentication/(flow/feature-facts|enrolments/enrolment)\\.ts$' }, to: {} },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/generated/|^src/console/' },
    tsPreCompilationDeps: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
