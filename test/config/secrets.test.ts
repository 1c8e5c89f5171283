import t from 'tap'
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { inspect } from 'node:util'
import { readSecret } from '../../src/config/secrets.ts'

const directory = t.testdir()
const CANARY = 'canary-4711'

async function secretFile(
  name: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<string> {
  const file = path.join(directory, name)
  await writeFile(file, content)
  await chmod(file, mode)
  return file
}

void t.test('a secret comes from the environment that is handed in', async (st) => {
  st.equal(await readSecret({ fromEnv: 'TOKEN' }, { TOKEN: CANARY }), CANARY)
})

void t.test('a secret comes from a file, without the newline at its end', async (st) => {
  for (const content of [CANARY, `${CANARY}\n`, `${CANARY}\r\n`]) {
    st.equal(await readSecret({ fromFile: await secretFile('a', content) }, {}), CANARY)
  }
  const file = await secretFile('b', ` ${CANARY}\n\n`)
  st.equal(await readSecret({ fromFile: file }, {}), ` ${CANARY}\n`, 'and nothing else is cut')
})

void t.test('a file that others may read is refused', async (st) => {
  for (const mode of [0o640, 0o604, 0o660, 0o644]) {
    const fromFile = await secretFile('open', CANARY, mode)
    await st.rejects(readSecret({ fromFile }, {}), { message: /open to others/ })
  }
})

void t.test(
  'a file as Kubernetes mounts it, read-only for a group, is accepted from root only',
  async (st) => {
    const fromFile = await secretFile('mounted', CANARY, 0o440)
    const root = (await stat(fromFile)).uid === 0
    const read = readSecret({ fromFile }, {})
    if (root) st.equal(await read, CANARY)
    else await st.rejects(read, { message: /open to others/ })
  },
)

void t.test(
  'what cannot be a secret is refused by the name of its place, not by its value',
  async (st) => {
    const nested = path.join(directory, 'folder')
    await mkdir(nested, { mode: 0o700 })
    const cases = [
      [{ fromEnv: 'MISSING' }, /environment variable MISSING is not set/],
      [{ fromEnv: 'constructor' }, /environment variable constructor is not set/],
      [{ fromEnv: 'EMPTY' }, /environment variable EMPTY is empty/],
      [{ fromFile: path.join(directory, 'none') }, /none cannot be opened \(ENOENT\)/],
      [{ fromFile: await secretFile('empty', '\n') }, /empty is empty/],
      [{ fromFile: await secretFile('large', CANARY.repeat(10_000)) }, /large is too large/],
      [
        {
          fromFile: await secretFile(
            'bytes',
            Buffer.concat([Buffer.from(CANARY), Buffer.of(0xff)]),
          ),
        },
        /bytes is not UTF-8/,
      ],
      [{ fromFile: nested }, /folder cannot be read \(EISDIR\)/],
    ] as const
    for (const [source, message] of cases) {
      const error: unknown = await readSecret(source, { EMPTY: '', OTHER: CANARY }).catch(
        (reason: unknown) => reason,
      )
      st.match(error, { message })
      st.notOk(inspect(error, { depth: 9, showHidden: true }).includes(CANARY))
    }
  },
)
