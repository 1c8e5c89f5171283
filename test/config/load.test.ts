import t from 'tap'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ConfigError } from '../../src/config/faults.ts'
import { loadConfig, PATH_KEYS } from '../../src/config/load.ts'
import { ConfigSchema } from '../../src/config/schema/schema.ts'
import { GOOD, faultsOf, writeConfig } from './write.ts'

void t.test('a right file is loaded, with defaults filled in', async (st) => {
  const config = await loadConfig(await writeConfig(st, GOOD))
  st.equal(config.listen.host, '0.0.0.0')
  st.equal(config.issuers[0]?.name, 'entra')
  st.match(config.limits, { bodyBytes: 4_194_304, requestTimeoutMs: 1_800_000 })
})

void t.test('paths are relative to the file, wherever the process runs', async (st) => {
  const file = await writeConfig(st, GOOD)
  const config = await loadConfig(path.relative(process.cwd(), file))
  const directory = path.dirname(file)
  st.equal(config.listen.tls?.certFile, path.join(directory, 'tls/cert.pem'))
  st.equal(config.policies.directory, path.join(path.dirname(directory), 'policies'))
  st.equal(config.audit.spool.directory, '/var/spool/harness')
})

void t.test('every key of the schema that is described as a path is resolved', async (st) => {
  const found = new Set<string>()
  const walk = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return
    for (const [key, value] of Object.entries(schema)) {
      const description: unknown = value?.description
      if (typeof description === 'string' && /\bfile('s path|;)/.test(description)) found.add(key)
      walk(value)
    }
  }
  walk(ConfigSchema)
  st.same([...found].toSorted(), [...PATH_KEYS].toSorted())
})

void t.test('the result is frozen to its depth', async (st) => {
  const config = await loadConfig(await writeConfig(st, GOOD))
  const walk = (value: object): number => {
    st.ok(Object.isFrozen(value))
    return Object.values(value)
      .filter((child) => typeof child === 'object' && child !== null)
      .reduce<number>((count, child) => count + walk(child), 1)
  }
  st.ok(walk(config) > 10)
})

void t.test(
  'all faults are reported at once, with key, line, column and the nearest word',
  async (st) => {
    const text = GOOD.replace('port: 8443', 'prot: 8443')
      .replace('profile: entra', 'profile: entre')
      .replace('kind: managed-identity', 'kind: managed-identiy')
      .replace('audiences: [api://harness]', 'audiences: []')
      .replace('    clientId: 33333333-3333-4333-8333-333333333333\n', '    client: x\n')
      .replace('  directory: ../policies', '  {}')
      .replace('ruleId: dcr-1', 'ruleId: 1')
    st.same(await faultsOf(st, text), [
      '2:3 listen.prot: is no known key; did you mean "port"?',
      '9:5 issuers[0].profile: must be one of entra, okta, oidc; did you mean "entra"?',
      '11:5 issuers[0].audiences: must have at least one entry',
      '14:5 identities.writer.kind: must be one of managed-identity, workload-identity, on-behalf-of; did you mean "managed-identity"?',
      '16:3 identities.caller.clientId: is missing',
      '19:5 identities.caller.client: is no known key; did you mean "clientId"?',
      '21:1 policies.directory: is missing',
      '27:78 audit.sinks[0].ruleId: must be a string',
    ])
  },
)

void t.test('each kind of wrong value has a message of its own', async (st) => {
  const cases: [string, string, RegExp][] = [
    ['port: 8443', 'port: 70000', /^2:3 listen.port: must be <= 65535$/],
    ['port: 8443', 'port: "8443"', /listen.port: must be a whole number$/],
    [
      'publicUrl: https://ml.contoso.example',
      'publicUrl: https://ml.contoso.example/',
      /listen.publicUrl: must be: the origin .* without a trailing slash/,
    ],
    [
      'publicUrl: https://ml.contoso.example',
      'publicUrl: http://ml.contoso.example',
      /listen.publicUrl: must be: the origin/,
    ],
    ['name: AzureCloud', 'name: AzurePublic', /cloud.name: must be one of AzureCloud, /],
    [
      'name: AzureCloud',
      'name: AzureCloud\n  __proto__: { polluted: true }',
      /cloud.__proto__: is no known key$/,
    ],
    ['  writer:', '  Writer:', /identities.Writer: must be a lower-case name/],
    ['directory: /var/spool/harness', 'directory: ""', /audit.spool.directory: must not be empty/],
    [
      'directory: /var/spool/harness',
      'directory: /x\n  hashKey: { fromEnv: A, fromFile: b }',
      /audit.hashKey: must be: where a secret comes from/,
    ],
    [
      'directory: /var/spool/harness',
      'directory: /x\n  unidentified: { spoolShare: 0.95 }',
      /audit.unidentified.spoolShare: must be .*0.9/,
    ],
    [
      'directory: /var/spool/harness',
      'directory: /x\n  unidentified: { burst: -1 }',
      /audit.unidentified.burst: must be .*0/,
    ],
    [
      'directory: /var/spool/harness',
      'directory: /x\n  hashKey: plain',
      /audit.hashKey: must be: where a secret comes from/,
    ],
    ['  writer:', '  other: 5\n  writer:', /identities.other.kind: is missing|identities.other: /],
  ]
  for (const [from, to, expected] of cases) {
    const faults = await faultsOf(st, GOOD.replace(from, to))
    st.ok(
      faults.some((fault) => expected.test(fault)),
      `${to}: ${faults.join(' | ')}`,
    )
  }
  st.notOk('polluted' in {})
})

void t.test('YAML that two readers could read differently is refused', async (st) => {
  const cases: [string, string | Uint8Array][] = [
    ['a duplicate key', GOOD.replace('  port: 8443', '  port: 8443\n  port: 8444')],
    ['an unknown tag', GOOD.replace('port: 8443', 'port: !env PORT')],
    ['a second document', `${GOOD}---\nlisten: {}\n`],
    ['a merge key', GOOD.replace('  port: 8443', '  <<: { port: 1 }\n  port: 8443')],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from(GOOD), Buffer.from([0xff])])],
    ['a key that is no string', GOOD.replace('  port: 8443', '  port: 8443\n  5: x')],
    ['a key that is a list', GOOD.replace('  port: 8443', '  port: 8443\n  ? [a]\n  : x')],
    ['an empty file', ''],
    ['a list', '- a'],
    ['broken indentation', 'listen:\n port: 1\n  host: a'],
  ]
  for (const [what, text] of cases) st.ok((await faultsOf(st, text)).length > 0, what)
})

void t.test('aliases that multiply are refused before they fill the memory', async (st) => {
  const levels = Array.from({ length: 12 }, (_, level) =>
    level === 0 ? 'a0: &a0 [x, x]' : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(9)}x]`,
  )
  st.match(await faultsOf(st, levels.join('\n')), [
    '1:1 : has more aliases than a configuration needs',
  ])
})

void t.test('a file that is not there is a fault like any other', async (st) => {
  await st.rejects(loadConfig('/nowhere/harness.yaml'), {
    name: 'ConfigError',
    faults: [{ line: 1 }],
  })
})

void t.test('the error’s message lists the faults under the file’s name', async (st) => {
  const file = await writeConfig(st, GOOD.replace('port: 8443', 'prot: 1\n  hots: x'))
  const error: unknown = await loadConfig(file).catch((reason: unknown) => reason)
  st.ok(error instanceof ConfigError)
  st.equal(
    (error as Error).message,
    `${file} has 2 faults\n  2:3 listen.prot: is no known key; did you mean "port"?\n  3:3 listen.hots: is no known key; did you mean "hosts"?`,
  )
})

void t.test(
  'whatever is done to a file, it is loaded or refused with faults that have a place',
  async (st) => {
    const file = await writeConfig(st, GOOD)
    // a fixed sequence (Numerical Recipes' generator), so that a failure comes again
    let seed = 4711
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed % below
    }
    const pieces = [
      ' ',
      '\n',
      ':',
      '- ',
      '{',
      '}',
      '[',
      '"',
      '&a',
      '*a',
      '!x',
      '|',
      '?',
      '0',
      'null',
      '\t',
      '\u0000',
    ]
    let refusals = 0
    for (let round = 0; round < 400; round += 1) {
      const at = random(GOOD.length)
      const text =
        GOOD.slice(0, at) + (pieces[random(pieces.length)] ?? '') + GOOD.slice(at + random(4))
      await writeFile(file, text)
      const error: unknown = await loadConfig(file).then(
        () => null,
        (reason: unknown) => reason,
      )
      if (error === null) continue
      refusals += 1
      if (!(error instanceof ConfigError))
        throw new Error(`broke on ${JSON.stringify(text)}`, { cause: error })
      const inside = error.faults.every(
        ({ line, column }) => line >= 1 && line <= 40 && column >= 1,
      )
      if (error.faults.length === 0 || !inside) st.fail(JSON.stringify(error.faults))
    }
    st.ok(refusals > 100, `${refusals} of 400 were refused`)
  },
)
