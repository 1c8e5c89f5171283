/**
 * The schema of the configuration as a function. A bundle has the code that it is compiled to in the place of this module
 * (packaging/compiled-schema.ts): that saves a start the compilation.
 * @module
 */
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { ConfigSchema } from './schema/schema.ts'
import type { Config } from './schema/schema.ts'

// two thirds less of a start's time: a test validates the schema itself, and code that runs once need not be optimized
export const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: true,
  useDefaults: true,
  validateSchema: false,
  code: { optimize: false, source: true, esm: true },
})
// `export default` seen from an ES module that imports CommonJS: the function is one level down
ajvFormats.default(ajv, ['uri'])

/** Fills in the defaults of the schema. Its `errors` say what is wrong, each with the part of the schema that says so. */
export const matches = ajv.compile<Config>(ConfigSchema)
