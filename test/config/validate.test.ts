/**
 * What validation costs each start, counted: ajv makes code of the configuration's schema only, and not of the schema of
 * schemas, because this file validates the schema in its place.
 */
import t from 'tap'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { ConfigSchema } from '../../src/config/schema/schema.ts'

t.test('one function is made when the module is loaded', async (t) => {
  const made: unknown[] = []
  const real = globalThis.Function
  globalThis.Function = new Proxy(real, {
    construct: (target, args, self) => {
      made.push(args)
      return Reflect.construct(target, args, self) as object
    },
  })
  t.teardown(() => (globalThis.Function = real))
  const { isConfig } = await import('../../src/config/validate.ts')
  t.notOk(isConfig({}, () => undefined))
  t.equal(made.length, 1)
})

t.test('the schema is one', async (t) => {
  const ajv = new Ajv2020({ strict: true })
  ajvFormats.default(ajv, ['uri'])
  t.ok(await ajv.validateSchema(ConfigSchema), JSON.stringify(ajv.errors))
})
