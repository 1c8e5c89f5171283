/**
 * `npm run build:bundle`: the command line with all of its packages, Cedar's WebAssembly module and the licences. It needs
 * Node and nothing else, and a command loads only the parts that it needs.
 *
 * It is what `npm pack` packs and what the image runs. The executable can load no parts: it has all of it in one file.
 * @module
 */
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { compiledSchema } from './compiled-schema.ts'

const ROOT = resolve(import.meta.dirname, '..')
const NAME = 'azureml-harness'
export const BUNDLE = `${NAME}.mjs`
export const SINGLE_FILE = `${NAME}.cjs`
/** Beside the bundle, with Cedar's module, which is looked for where Cedar is. */
const PARTS = 'parts'
export const WASM = 'cedar_wasm_bg.wasm'
const LICENCES = 'THIRD-PARTY-LICENSES.txt'

const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  // the least version that package.json takes
  target: 'node22.18',
  // names stay, for stacks
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  // compilers of schemas for routes, which no route of the gateway has (src/http/listener.ts): 3 MB of a gateway at rest
  external: ['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler'],
} satisfies BuildOptions

/** What packages that are no ES modules expect to find. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module'
const require = requireOf(import.meta.url)`
const PLACE = { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' }

/**
 * Writes the bundle and what belongs to it.
 * @param directory is made if it is not there
 * @returns the packages whose code is in each file, by the file's name
 */
export async function writeBundle(
  directory: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const parts = join(directory, PARTS)
  // their names have a hash: those of an earlier time would stay
  await rm(parts, { recursive: true, force: true })
  const { metafile } = await build({
    ...OPTIONS,
    entryPoints: { [NAME]: 'src/main.ts' },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${PARTS}/[name]-[hash]`,
    format: 'esm',
    splitting: true,
    banner: { js: REQUIRE },
    define: PLACE,
    plugins: [compiledSchema],
  })
  await copyFile(CEDAR_WASM, join(parts, WASM))
  await writeFile(join(directory, LICENCES), await licencesOf(Object.keys(metafile.inputs)))
  return new Map(
    Object.entries(metafile.outputs).map(([file, { inputs }]) => [
      basename(file),
      [...foldersOf(Object.keys(inputs))].map((folder) => folder.replace(/^.*node_modules\//, '')),
    ]),
  )
}

/** Folders of the packages that files belong to. */
const foldersOf = (files: readonly string[]): ReadonlySet<string> =>
  new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []))

/** A package may ask where its file is: that of the bundle is all there is. */
const FILE_URL = `const bundleUrl = require('node:url').pathToFileURL(__filename).href`

const CEDAR = createRequire(import.meta.url).resolve('@cedar-policy/cedar-wasm/nodejs')
const CEDAR_WASM = join(dirname(CEDAR), WASM)
const READS = "require('fs').readFileSync(wasmPath)"
const READS_OWN = `Buffer.from(require('node:sea').getRawAsset('${WASM}'))`

/** Lets Cedar find its module in the executable. */
const cedarInExecutable: Plugin = {
  name: 'cedar',
  setup(of) {
    of.onLoad({ filter: /[\\/]cedar_wasm\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      if (text.split(READS).length !== 2) throw new Error(`${path} reads its module in another way`)
      return { contents: text.replace(READS, READS_OWN), loader: 'js' }
    })
  },
}

/** Writes all of it as one file for the executable, and Cedar's module beside it. */
export async function writeSingleFile(directory: string): Promise<void> {
  await build({
    ...OPTIONS,
    entryPoints: ['src/main.ts'],
    outfile: join(directory, SINGLE_FILE),
    format: 'cjs',
    banner: { js: FILE_URL },
    define: { 'import.meta.url': 'bundleUrl' },
    // an executable can load nothing by import(): what is loaded late is a function that is called late
    supported: { 'dynamic-import': false },
    plugins: [cedarInExecutable, compiledSchema],
  })
  await copyFile(CEDAR_WASM, join(directory, WASM))
}

/** The packages that files belong to, each with its version and the text of its licence. */
async function licencesOf(files: readonly string[]): Promise<string> {
  const texts: string[] = []
  for (const folder of [...foldersOf(files)].toSorted()) {
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
