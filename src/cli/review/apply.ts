/**
 * `access review apply`: carries out the decisions of a review on the files of the bindings, all of them or none.
 * @module
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Binding } from '../../policy/load/bindings.ts'
import { readBindings } from '../../policy/load/bindings.ts'
import { SEPARATE, type LoadOptions } from '../../policy/load/load.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { commitFiles, committedText } from '../policy/git.ts'
import { policyOf, type PolicyValues } from '../policy/options.ts'
import { Problem, UsageError } from '../problem.ts'
import { changeText, judgeReview, type Change, type Judged } from './decisions.ts'
import { editListed, editSeparate, type Edit } from './edit.ts'
import { readReview, sha256, timeText } from './rows.ts'

export interface ApplyOptions extends PolicyValues {
  readonly files: readonly string[]
  readonly dryRun?: true | undefined
  /** True without a name. */
  readonly branch?: string | true | undefined
  readonly output: Output
}

export async function applyReview(options: ApplyOptions, io: Io): Promise<number> {
  if (options.dryRun === true && options.branch !== undefined)
    throw new UsageError('--dry-run and --branch exclude each other')
  const { set, options: load } = await policyOf(options, io)
  const rows = await Promise.all(
    options.files.map(async (file) =>
      readReview(file, await readFile(resolve(io.cwd, file), 'utf8')),
    ),
  )
  const judged = judgeReview(rows.flat(), set, io.now())
  const { faults, changes } = judged
  for (const { row, what } of faults)
    io.err(`"${row.file}", line ${row.line}, ${row.given.kind} "${row.given.through}": ${what}`)
  if (faults.length > 0) {
    io.err(`${faults.length} faults: nothing was changed`)
    return EXIT.failed
  }
  const files = await editedFiles(changes, set, load)
  const commit = await carryOut(options, files, judged, load, io)
  tell(options, judged, files, commit, io)
  return EXIT.ok
}

/** New texts of the files of the bindings, by their absolute paths; null for one that is to be deleted. */
type Files = ReadonlyMap<string, string | null>

/** @throws Problem if the files cannot be changed in such a way that nothing but these bindings changes */
async function editedFiles(
  changes: readonly Change[],
  set: PolicySet,
  load: LoadOptions,
): Promise<Files> {
  const folder = dirname(load.bindings)
  const files = new Map<string, string | null>()
  const listed: Edit[] = []
  for (const { binding, until } of changes) {
    const edit = { id: binding.id, until: until === null ? null : timeText(until) }
    if (!binding.file.startsWith(`${SEPARATE}/`)) {
      listed.push(edit)
      continue
    }
    const path = join(folder, binding.file)
    const text = edit.until === null ? null : editSeparate(await readFile(path, 'utf8'), edit.until)
    if (edit.until !== null && text === null) throw byHand(path)
    files.set(path, text)
  }
  if (listed.length > 0) {
    const text = editListed(await readFile(load.bindings, 'utf8'), listed)
    if (text === null) throw byHand(load.bindings)
    files.set(load.bindings, text)
  }
  await checkResult(files, changes, set, load)
  return files
}

const byHand = (path: string): Problem =>
  new Problem(
    `"${path}" is written in a way in which this command cannot change it`,
    'change it by hand: --dry-run says what is to be changed',
  )

/** Reads the new texts as the gateway will: every other binding has to be as it was. */
async function checkResult(
  files: Files,
  changes: readonly Change[],
  set: PolicySet,
  load: LoadOptions,
): Promise<void> {
  const folder = dirname(load.bindings)
  const { bindings, order } = set.written.bindings
  const texts = [...new Set(bindings.map(({ file }) => file))].filter((file) =>
    file.startsWith(`${SEPARATE}/`),
  )
  const textOf = async (path: string): Promise<string | null> =>
    files.get(path) === undefined ? readFile(path, 'utf8') : (files.get(path) ?? null)
  const separate = await Promise.all(
    texts.map(async (file) => ({ file, text: await textOf(join(folder, file)) })),
  )
  const known = {
    templates: new Set(set.templates.keys()),
    identities: load.identities,
    issuers: load.issuers ?? [],
  }
  const main = (await textOf(load.bindings).catch(() => null)) ?? 'bindings: []'
  const read = readBindings(
    'bindings.yaml',
    main,
    known,
    separate.flatMap(({ file, text }) => (text === null ? [] : [{ file, text }])),
  )
  const wanted = bindings.flatMap((binding): readonly Binding[] => {
    const change = changes.find((one) => one.binding.id === binding.id)
    if (change === undefined) return [binding]
    return change.until === null ? [] : [{ ...binding, until: change.until }]
  })
  const isSame =
    isDeepStrictEqual(plain(read.bindings.bindings), plain(wanted)) &&
    isDeepStrictEqual(read.bindings.order, order)
  if (read.faults.length > 0 || !isSame) throw byHand(load.bindings)
}

/** Bindings wherever they stand. */
const plain = (all: readonly Binding[]): unknown =>
  all.map((one) => ({ ...one, file: '', line: 0 }))

/** @returns the commit and its branch, or null if files were written or nothing was to be done */
async function carryOut(
  { dryRun, branch: asked }: ApplyOptions,
  files: Files,
  { changes }: Judged,
  load: LoadOptions,
  io: Io,
): Promise<{ readonly branch: string; readonly commit: string } | null> {
  if (files.size === 0 || dryRun === true) return null
  if (asked === undefined) {
    await replaceAll(files)
    return null
  }
  const folder = dirname(load.bindings)
  const inside = new Map([...files].map(([path, text]) => [path.slice(folder.length + 1), text]))
  for (const [file] of inside) {
    const text = await readFile(join(folder, file), 'utf8')
    if ((await committedText(io, folder, file)) !== text)
      throw new Problem(
        `"${join(folder, file)}" is not as the last commit has it`,
        'commit or take back what was changed there, then apply again',
      )
  }
  const reviews = [...new Set(changes.map(({ row }) => row.given.review))].join(', ')
  const name = sha256(changes.map((change) => [change.binding.id, change.until])).slice(0, 12)
  const branch = asked === true ? `access-review/${name}` : asked
  const lines = changes.map((change) => `${changeText(change)}\n  ${reasonOf(change)}\n`)
  const message = `access review ${reviews}\n\n${lines.join('')}`
  return { branch, commit: await commitFiles(io, { folder, files: inside, branch, message }) }
}

const reasonOf = ({ row: { written } }: Change): string =>
  `${written.reviewed_by}, ${written.reviewed_at}: ${written.decision_reason.replaceAll(/\s+/gu, ' ')}`

const beside = (path: string): string => `${path}.access-review`

/** Every new text is on the disk before the first file changes; if one cannot, those before it are put back. */
async function replaceAll(files: Files): Promise<void> {
  const before = new Map<string, string>()
  try {
    for (const [path, text] of files) {
      before.set(path, await readFile(path, 'utf8'))
      if (text === null) continue
      const { mode } = await stat(path)
      await writeFile(beside(path), text, { flag: 'wx', mode })
    }
  } catch (error) {
    await Promise.all([...files.keys()].map((path) => rm(beside(path), { force: true })))
    throw error
  }
  const done: string[] = []
  try {
    for (const [path, text] of files) {
      if (text === null) await rm(path)
      else await rename(beside(path), path)
      done.push(path)
    }
  } catch (error) {
    for (const path of done) await writeFile(path, before.get(path) ?? '')
    await Promise.all([...files.keys()].map((path) => rm(beside(path), { force: true })))
    throw error
  }
}

function tell(
  { dryRun, output }: ApplyOptions,
  { changes, kept, undecided }: Judged,
  files: Files,
  committed: { readonly branch: string; readonly commit: string } | null,
  io: Io,
): void {
  show(io, output, {
    json: () => ({
      changes: changes.map(({ binding: { id }, until }) => ({
        binding: id,
        decision: until === null ? 'remove' : 'shorten-until',
        until: until === null ? null : timeText(until),
      })),
      kept,
      undecided,
      files: [...files.keys()],
      applied: dryRun !== true && files.size > 0,
      branch: committed?.branch ?? null,
      commit: committed?.commit ?? null,
    }),
    table: () => [
      ...changes.map(changeText),
      ...(committed === null ? [] : [`committed to ${committed.branch}: ${committed.commit}`]),
      `${changes.length} changed, ${kept} kept, ${undecided} not decided${dryRun === true ? ': nothing was written' : ''}`,
    ],
    tsv: () =>
      changes.map(({ binding: { id }, until }) => [
        id,
        until === null ? 'remove' : 'shorten-until',
        until === null ? '' : timeText(until),
      ]),
  })
}
