import t from 'tap'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { schemaText } from '../../src/config/schema/schema.ts'
import { GOOD, writeConfig } from '../config/write.ts'
import { run as runArgs, type Ran } from './support/run.ts'

const configCheck = ['config', 'check']
const configSchema = ['config', 'schema']
const run = (command: readonly string[], args: readonly string[], cwd = '/'): Promise<Ran> =>
  runArgs([...command, ...args], { cwd })

void t.test(
  'config check answers 0 for a right file, found from the working directory',
  async (st) => {
    const file = await writeConfig(st, GOOD)
    const { status, out, err } = await run(configCheck, ['harness.yaml'], path.dirname(file))
    st.equal(status, 0)
    st.match(out, /harness\.yaml is valid\n {2}issuers: entra\n/)
    st.equal(err, '')
  },
)

void t.test('config check answers 1 and lists the faults', async (st) => {
  const file = await writeConfig(st, GOOD.replace('port: 8443', 'prot: 8443'))
  const { status, out, err } = await run(configCheck, [file])
  st.equal(status, 1)
  st.equal(out, '')
  st.match(err, / {2}2:3 listen\.prot: is no known key; did you mean "port"\?/)
})

void t.test('config check --json answers with one object either way', async (st) => {
  const right = await writeConfig(st, GOOD)
  st.same(JSON.parse((await run(configCheck, ['--json', right])).out), {
    file: right,
    ok: true,
    faults: [],
  })
  const wrong = await writeConfig(st, GOOD.replace('port: 8443', 'prot: 8443'))
  const { status, out } = await run(configCheck, [wrong, '--json'])
  st.equal(status, 1)
  st.same(JSON.parse(out), {
    file: wrong,
    ok: false,
    faults: [
      { key: 'listen.prot', line: 2, column: 3, message: 'is no known key; did you mean "port"?' },
    ],
  })
})

void t.test('config schema prints the schema or writes it', async (st) => {
  st.equal((await run(configSchema, [])).out, schemaText())
  const directory = st.testdir()
  st.equal((await run(configSchema, ['a.json'], directory)).status, 0)
  st.equal(await readFile(path.join(directory, 'a.json'), 'utf8'), schemaText())
})

void t.test('wrong arguments are status 2', async (st) => {
  for (const [command, args] of [
    [configCheck, []],
    [configCheck, ['--yaml', 'a']],
    [configCheck, ['a', 'b']],
    [configSchema, ['--json']],
    [configSchema, ['a', 'b']],
  ] as const) {
    const { status, err } = await run(command, [...args])
    st.equal(status, 2)
    st.not(err, '')
  }
})
