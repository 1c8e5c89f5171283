import { join } from 'node:path'
import t from 'tap'
import { faultText, PolicyError, type Fault } from '../../../src/policy/load/faults.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { faultsOf, IDENTITIES, loadFrom, SHIPPED, writePolicies } from '../support.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const ok = (id: string): string =>
  `@id("${id}") @reason("r") @identity("ml-writer") permit (principal, action, resource);`
const template = (id: string): string =>
  `@id("${id}") @reason("r") @identity("ml-writer")\npermit (principal in ?principal, action, resource in ?resource);`

const asking = (condition: string): string =>
  `@id("a") @reason("r") @identity("ml-writer") permit (principal, action, resource) when { ${condition} };`

const places = (faults: readonly Fault[]): string[] =>
  faults.map(({ file, line }) => `${file}:${line}`)

t.test('the shipped policies and bindings load', async (t) => {
  const set = await loadPolicy({
    directory: SHIPPED,
    bindings: join(SHIPPED, 'bindings.yaml'),
    identities: IDENTITIES,
    issuers: ['entra', 'okta'],
  })
  t.ok(set.rules.has('secrets'))
  t.same([...set.templates.keys()].sort(), [
    'auditor',
    'break-glass',
    'compute',
    'data-scientist',
    'endpoint-caller',
    'ml-engineer',
    'model-reviewer',
    'operator',
    'pipeline-service',
    'public-registry',
    'reader',
    'release-reviewer',
    'subscription-reader',
    'workspace-admin',
  ])
})

t.test('every fault of every file is reported at once, with its place', async (t) => {
  const options = await writePolicies(t, {
    'a.cedar': `// a comment; with a semicolon\n${ok('fine')}\n\npermit (principal action, resource);\n`,
    'b.cedar': `@id("x") @reason("r")\npermit (principal, action, resource);`,
    'templates/t.cedar': `@id("t") @reason("r") @identity("ml-writer")\npermit (\n  principal in ?principal,\n  action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/wriet",\n  resource in ?resource\n);`,
    'bindings.yaml': 'bindings:\n  - id: one\n    template: tt\n',
  })
  const faults = await faultsOf(options)
  t.same(places(faults), [
    'a.cedar:4',
    'b.cedar:1',
    'templates/t.cedar:4',
    'bindings.yaml:2',
    'bindings.yaml:2',
    'bindings.yaml:3',
  ])
  const error = new PolicyError(faults)
  t.equal(error.faults, faults)
  for (const found of faults) t.ok(error.message.includes(faultText(found)))
})

t.test('misspelt words are named, with a suggestion', async (t) => {
  const cases: readonly (readonly [statement: string, message: string, suggestion: string])[] = [
    ['permit (principal, action == Action::"raed", resource)', 'raed', 'read'],
    ['permit (principal is Usr, action, resource)', 'Usr', 'User'],
    ['permit (principal, action, resource is Modle)', 'Modle', '"Model"'],
    [
      'permit (principal, action == Action::"jobs/write", resource)',
      'jobs/write',
      '"Microsoft.MachineLearningServices/workspaces/jobs/write"',
    ],
    [
      'permit (principal, action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/wriet", resource)',
      'wriet',
      'jobs/write"',
    ],
    ['permit (principal, action, resource is ModelVersoin)', 'ModelVersoin', 'ModelVersion'],
    [
      'permit (principal, action, resource) when { context has instanceCuont && context.instanceCuont > 1 }',
      'instanceCuont',
      'instanceCount',
    ],
    [
      'permit (principal, action, resource) when { context.instanceCuont > 1 }',
      'instanceCuont',
      'instanceCount',
    ],
    [
      'permit (principal, action in Action::"role:AzureML Data Scientst", resource)',
      'Scientst',
      'Scientist',
    ],
  ]
  for (const [statement, message, suggestion] of cases) {
    const faults = await faultsOf(
      await writePolicies(t, {
        'a.cedar': `@id("a") @reason("r") @identity("ml-writer")\n${statement};`,
      }),
    )
    t.equal(faults.length, 1, statement)
    t.match(faults[0]?.message, message)
    t.match(faults[0]?.suggestion, suggestion)
    t.equal(faults[0]?.line, 2, 'and its line')
  }
})

t.test('a fact of the wrong type, or taken for granted, is a fault', async (t) => {
  for (const condition of [
    'context has jobTypes && context.jobTypes == "command"',
    'context.instanceCount > 1',
  ]) {
    const faults = await faultsOf(
      await writePolicies(t, {
        'a.cedar': `@id("a") @reason("r") @identity("ml-writer") permit (principal, action, resource) when { ${condition} };`,
      }),
    )
    t.equal(faults.length, 1, condition)
  }
})

t.test('a policy that can never apply is a fault', async (t) => {
  const faults = await faultsOf(
    await writePolicies(t, {
      'a.cedar':
        '@id("a") @reason("r") @identity("ml-writer") permit (principal, action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/write", resource is Datastore);',
    }),
  )
  t.equal(faults.length, 1)
})

t.test('annotations are checked', async (t) => {
  const cases: readonly (readonly [annotations: string, effect: string, messages: number])[] = [
    ['', 'permit', 3],
    ['@id("A") @reason("r") @identity("ml-writer")', 'permit', 1],
    ['@id("a") @reason(" ") @identity("ml-writer")', 'permit', 1],
    ['@id("a") @reason("r") @identity("ml-wrter")', 'permit', 1],
    ['@id("a") @reason("r") @identity("ml-writer") @stmap', 'permit', 1],
    ['@id("a") @reason("r") @identity("ml-writer") @pin("no")', 'permit', 1],
    ['@id("a") @reason("r") @identity("ml-writer") @record', 'permit', 1],
    ['@id("a") @reason("r") @identity("ml-writer") @record("all")', 'permit', 1],
    ['@id("a") @reason("r") @identity("ml-writer")', 'forbid', 1],
    ['@id("a") @reason("r") @stamp', 'forbid', 1],
    ['@id("a") @reason("r")', 'forbid', 0],
    [
      '@id("a") @reason("r") @identity("ml-writer") @pin @stamp @redact @shadow @record("body")',
      'permit',
      0,
    ],
  ]
  for (const [annotations, effect, messages] of cases) {
    const options = await writePolicies(t, {
      'a.cedar': `${annotations} ${effect} (principal, action, resource);`,
    })
    t.equal((await faultsOf(options)).length, messages, `${annotations} ${effect}`)
  }
})

t.test('policies and templates have their places', async (t) => {
  const faults = await faultsOf(
    await writePolicies(t, {
      'a.cedar': template('a'),
      'templates/b.cedar': ok('b'),
      'templates/c.cedar': template('other'),
      'templates/d.cedar': `${template('d')} ${template('e')}`,
      'templates/f.cedar':
        '@id("f") @reason("r") @identity("ml-writer") permit (principal in ?principal, action, resource);',
      'templates/g.cedar': '// nothing here',
    }),
  )
  t.same(places(faults), [
    'a.cedar:1',
    'templates/b.cedar:1',
    'templates/c.cedar:1',
    'templates/d.cedar:2',
    'templates/d.cedar:1',
    'templates/f.cedar:1',
    'templates/g.cedar:1',
  ])
})

t.test('an id is taken once, over policies and templates', async (t) => {
  const faults = await faultsOf(
    await writePolicies(t, {
      'a.cedar': `${ok('x')}\n${ok('x')}`,
      'templates/x.cedar': template('x'),
    }),
  )
  t.same(places(faults), ['a.cedar:2', 'templates/x.cedar:1'])
})

t.test('missing files and folders are faults, not crashes', async (t) => {
  const directory = t.testdir({ 'a.cedar': ok('a') })
  const faults = await faultsOf({
    directory,
    bindings: join(directory, 'b.yaml'),
    identities: IDENTITIES,
  })
  t.same(places(faults), ['templates:1', 'b.yaml:1'])
  const nowhere = join(directory, 'nowhere')
  t.equal((await faultsOf({ directory: nowhere, bindings: nowhere, identities: [] })).length, 1)
})

t.test('two identities need an order', async (t) => {
  const files = {
    'a.cedar': `${ok('a')} ${ok('b').replace('ml-writer', 'ml-reader')}`,
    'bindings.yaml': 'identities: [ml-reader]\nbindings: []\n',
  }
  const faults = await faultsOf(await writePolicies(t, files))
  t.same(
    faults.map(({ message }) => message),
    ['identity "ml-writer" has no place in the order of "identities"'],
  )
})

t.test('the version is the content', async (t) => {
  const files = { 'a.cedar': ok('a'), 'templates/t.cedar': template('t') }
  const version = async (more: Readonly<Record<string, string>>): Promise<string> =>
    (await loadFrom(t, { ...files, ...more })).version
  const first = await version({})
  t.match(first, /^[0-9a-f]{64}$/u)
  t.equal(await version({}), first, 'wherever the files are')
  t.not(await version({ 'a.cedar': `${ok('a')} ` }), first)
  t.not(await version({ 'bindings.yaml': 'bindings: [] # none' }), first)
})

t.test('the facts that policies ask for are known, so that no other is collected', async (t) => {
  const facts = async (text: string): Promise<string | null> => {
    const set = await loadFrom(t, { 'a.cedar': text })
    return set.facts === null ? null : [...set.facts].join(' ')
  }
  t.equal(await facts(ok('a')), '')
  t.same(
    await facts(
      asking('context has instanceCount && context.instanceCount < 9 && !(context has floating)'),
    ),
    'instanceCount floating',
  )
  t.equal(await facts(asking('context == context')), null, 'all of them')
})
