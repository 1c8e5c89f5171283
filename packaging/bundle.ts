/**
 * `npm run build:bundle`: the command line in one file, with Cedar's WebAssembly module and the licences of all packages
 * in it beside it. It needs Node and nothing else, and starts without looking for hundreds of files.
 *
 * It is what `npm pack` packs, and what the executable runs.
 * @module
 */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '..')
export const BUNDLE = 'azureml-harness.cjs'
/** Read from beside the bundle, or out of the executable. */
export const WASM = 'cedar_wasm_bg.wasm'
const LICENCES = 'THIRD-PARTY-LICENSES.txt'

// the target is the least version that package.json takes
const TARGET = 'node22.18'
/** A package may ask where its file is: that of the bundle is all there is. */
const BANNER = `const bundleUrl = require('node:url').pathToFileURL(__filename).href`

const CEDAR = createRequire(import.meta.url).resolve('@cedar-policy/cedar-wasm/nodejs')
const READS = "require('fs').readFileSync(wasmPath)"
const READS_BOTH = `(require('node:sea').isSea() ? Buffer.from(require('node:sea').getRawAsset('${WASM}')) : ${READS})`

/** Lets Cedar find its module in the executable, too. */
const cedar: Plugin = {
  name: 'cedar',
  setup(of) {
    of.onLoad({ filter: /[\\/]cedar_wasm\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      if (text.split(READS).length !== 2) throw new Error(`${path} reads its module in another way`)
      return { contents: text.replace(READS, READS_BOTH), loader: 'js' }
    })
  },
}

/** Writes the bundle and what belongs to it. @param directory is made if it is not there */
export async function writeBundle(directory: string): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts'],
    outfile: join(directory, BUNDLE),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: TARGET,
    banner: { js: BANNER },
    define: { 'import.meta.url': 'bundleUrl' },
    // an executable can load nothing by import(): what is loaded late is a function that is called late
    supported: { 'dynamic-import': false },
    // names stay, for stacks
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    metafile: true,
    plugins: [cedar],
  })
  await copyFile(join(dirname(CEDAR), WASM), join(directory, WASM))
  await writeFile(join(directory, LICENCES), await licencesOf(Object.keys(metafile.inputs)))
}

/** The packages that files belong to, each with its version and the text of its licence. */
async function licencesOf(files: readonly string[]): Promise<string> {
  const folders = new Set(
    files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  )
  const texts: string[] = []
  for (const folder of [...folders].toSorted()) {
    const path = resolve(ROOT, folder)
    const { name, version, license }: Record<string, unknown> = JSON.parse(
      await readFile(join(path, 'package.json'), 'utf8'),
    )
    const file = (await readdir(path)).find((one) => /^licen[cs]e/i.test(one))
    const text = file === undefined ? '' : `\n${await readFile(join(path, file), 'utf8')}`
    texts.push(`${String(name)} ${String(version)}, ${String(license)}\n${text.trimEnd()}\n`)
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

if (import.meta.main) await writeBundle(join(ROOT, 'dist'))
