/**
 * What the spool relies on: a file that lost its name before a write began is known to have lost it once that write and a
 * sync are over.
 */
import { mkdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import t from 'tap'
import { diskFiles } from '../../../src/audit/spool/files.ts'
import { watchNames } from '../../../src/audit/spool/names.ts'

const DATA = Buffer.from('a record\n')
const skip = process.platform === 'linux' ? false : 'only Linux tells at once'

async function writeAndSync(file: FileHandle): Promise<void> {
  await file.write(DATA, 0, DATA.length, 0)
  await file.datasync()
}

t.test('a name that went before a write is told after its sync, each time', { skip }, async (t) => {
  const directory = t.testdir({})
  const names = watchNames(directory)
  t.teardown(() => names.close())
  t.ok(names.haveChanged(), 'nobody knows what was before')
  for (let n = 0; n < 100; n += 1) {
    const path = `${directory}/${n}`
    const file = await open(path, 'w')
    await writeAndSync(file)
    t.ok(names.haveChanged(), 'it came')
    await writeAndSync(file)
    t.notOk(names.haveChanged(), 'a write changes no name')
    if (n % 2 === 0) unlinkSync(path)
    else renameSync(path, `${path}.moved`)
    await writeAndSync(file)
    t.ok(names.haveChanged(), 'it went')
    await file.close()
  }
})

t.test(
  'a directory that cannot be watched is one whose names may always have changed',
  async (t) => {
    const names = watchNames(`${t.testdir({})}/none`)
    t.teardown(() => names.close())
    t.ok(names.haveChanged())
    t.ok(names.haveChanged())
  },
)

for (const [what, remove] of [
  ['removed', (directory: string, name: string) => unlinkSync(`${directory}/${name}`)],
  ['removed with its directory', (directory: string) => rmSync(directory, { recursive: true })],
] as const) {
  t.test(`a segment that was ${what} takes no record more`, async (t) => {
    for (let n = 0; n < 20; n += 1) {
      const directory = `${t.testdirName}-${n}`
      mkdirSync(directory, { recursive: true })
      t.teardown(() => rmSync(directory, { recursive: true, force: true }))
      const file = await diskFiles.create(directory, 'segment')
      for (let at = 0; at < 5; at += 1) {
        await file.write(DATA, 0, at * DATA.length)
        await file.datasync()
      }
      remove(directory, 'segment')
      await file.write(DATA, 0, 5 * DATA.length)
      await t.rejects(file.datasync(), { code: 'ENOENT' })
      await file.close()
    }
  })
}
