import t from 'tap'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../../src/config/load.ts'
import { profileSchemaText } from '../../src/config/schema/profile.ts'
import { requestsSchemaText } from '../../src/config/schema/requests.ts'
import { schemaText } from '../../src/config/schema/schema.ts'
import { ConfigSchema } from '../../src/config/schema/schema.ts'
import { loadPolicy } from '../../src/policy/load/load.ts'

const EXAMPLE = fileURLToPath(new URL('../../config/harness.yaml', import.meta.url))
const SCHEMA = fileURLToPath(new URL('../../config/harness.schema.json', import.meta.url))

void t.test('the example is a right configuration', async (st) => {
  const config = await loadConfig(EXAMPLE)
  st.equal(config.cloud.name, 'AzureCloud')
})

void t.test(
  'the example has the identities and issuers that the shipped policies name',
  async (st) => {
    const { policies, identities, issuers } = await loadConfig(EXAMPLE)
    const set = await loadPolicy({
      directory: policies.directory,
      bindings: policies.bindings ?? `${policies.directory}/bindings.yaml`,
      identities: Object.keys(identities),
      issuers: issuers.map(({ name }) => name),
    })
    st.ok(set.bindings.bindings.length > 0)
  },
)

void t.test('the example is right with every commented key brought in as well', async (st) => {
  const text = await readFile(EXAMPLE, 'utf8')
  // a commented line is a key, an item, or prose; prose has no colon or dash in the place of either
  const lines = text.split('\n').map((line) => {
    const commented = /^(\s*)# ?(\s*(?:- )?[A-Za-z/][\w/.-]*:(?: .*)?)$/.exec(line)
    return commented === null ? line : `${commented[1]}${commented[2]}`
  })
  const whole = lines
    .filter((line) => !/^\s*#/.test(line))
    .filter((line) => !/tenants:|dangerouslyPlain|yaml-language-server/.test(line))
    .join('\n')
  const file = `${st.testdir({ 'harness.yaml': whole })}/harness.yaml`
  const config = await loadConfig(file)
  st.equal(config.identities['as-caller']?.kind, 'on-behalf-of')
  st.equal(config.audit.sinks.length, 6)
  const { limits } = await loadConfig(EXAMPLE)
  st.same(config.limits, limits, 'its commented limits are the defaults')
})

void t.test('the example shows every key that the schema has', async (st) => {
  const text = await readFile(EXAMPLE, 'utf8')
  const keys = new Set<string>()
  const walk = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return
    for (const [key, value] of Object.entries(schema)) {
      if (key === 'properties') for (const name of Object.keys(value as object)) keys.add(name)
      walk(value)
    }
  }
  walk(ConfigSchema)
  const missing = [...keys].filter((key) => !new RegExp(`\\b${key}:|\\{${key}:`).test(text))
  st.same(missing, [])
  st.ok(keys.size > 60)
})

void t.test(
  'the published schema is that of the program; `config schema FILE` writes it',
  async (st) => {
    st.equal(await readFile(SCHEMA, 'utf8'), schemaText())
    const requests = SCHEMA.replace('harness.schema', 'requests.schema')
    st.equal(await readFile(requests, 'utf8'), requestsSchemaText())
    const profile = SCHEMA.replace('harness.schema', 'profile.schema')
    st.equal(await readFile(profile, 'utf8'), profileSchemaText())
  },
)
