/**
 * Controls as data: the file that is shipped says what the product takes without one, and is of its schema.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { CONTROLS } from '../../../src/cli/evidence/controls/controls.ts'
import { mappingOf } from '../../../src/cli/evidence/controls/mapping.ts'

const CONFIG = join(import.meta.dirname, '..', '..', '..', 'config')
const SHIPPED = join(CONFIG, 'evidence.yaml')
const schema: object = JSON.parse(await readFile(join(CONFIG, 'evidence.schema.json'), 'utf8'))

t.test('the shipped file is what is taken without one, and is of its schema', async (t) => {
  t.same(await mappingOf(SHIPPED), CONTROLS)
  t.same(await mappingOf(null), CONTROLS)
  const validate = new Ajv2020().compile(schema)
  t.ok(validate(parse(await readFile(SHIPPED, 'utf8'))), JSON.stringify(validate.errors))
})

t.test('what is no mapping is refused with its line, by the schema too', async (t) => {
  const [one] = CONTROLS
  const validate = new Ajv2020().compile(schema)
  const file = join(t.testdir(), 'own.yaml')
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ controls: [] }, /"controls" is a list of at least one/],
    [{ controls: 'all' }, /"controls" is a list/],
    [{ controls: [one], more: 1 }, /more/],
    [{ controls: ['x'] }, /a control is a mapping with id/],
    [{ controls: [{ ...one, id: 'x y' }] }, /"x y" is no id/],
    [{ controls: [{ ...one, criteria: [] }] }, /"criteria" is a list of texts/],
    [{ controls: [{ ...one, statement: '' }] }, /a control needs "statement"/],
    [{ controls: [{ ...one, test: undefined }] }, /a control needs "test"/],
    [{ controls: [{ ...one, evidence: ['../x'] }] }, /"..\/x" is no file of a bundle/],
    [{ controls: [{ ...one, evidence: ['/etc/passwd'] }] }, /is no file of a bundle/],
    [{ controls: [{ ...one, extra: 1 }] }, /extra/],
  ]
  for (const [value, why] of cases) {
    await writeFile(file, stringify(value))
    await t.rejects(mappingOf(file), why, String(why))
    t.notOk(validate(JSON.parse(JSON.stringify(value))), String(why))
  }
  await writeFile(file, stringify({ controls: [one, one] }, { aliasDuplicateObjects: false }))
  await t.rejects(mappingOf(file), /control "AMH-01" appears twice/)
  await writeFile(file, stringify({ controls: [{ ...one, id: 'X-1', criteria: ['A.5.15'] }] }))
  t.match(await mappingOf(file), [{ id: 'X-1', criteria: ['A.5.15'] }])
})
