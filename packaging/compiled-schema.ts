/**
 * For bundles: the code that the schema of the configuration is compiled to, made when the bundle is.
 * @module
 */
import { dirname } from 'node:path'
import standalone from 'ajv/dist/standalone/index.js'
import type { Plugin } from 'esbuild'
import { ajv, matches } from '../src/config/matches.ts'

export const compiledSchema: Plugin = {
  name: 'compiled-schema',
  setup(of) {
    of.onLoad({ filter: /[\\/]src[\\/]config[\\/]matches\.ts$/ }, ({ path }) => ({
      contents: `${standalone.default(ajv, matches)}\nexport { validate as matches }`,
      loader: 'js',
      resolveDir: dirname(path),
    }))
  },
}
