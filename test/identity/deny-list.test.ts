import { rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createDenyList } from '../../src/identity/deny-list.ts'
import { sign } from './support/issuer.ts'
import { bearer, codeOf, makeWorld, OBJECT, TENANT } from './support/world.ts'

const quiet = () => undefined
const world = await makeWorld()
t.teardown(() => world.close())
const entra = async () => bearer(await sign(world.entraKey, world.entraUser()))
const okta = async (changes = {}) => bearer(await sign(world.oktaKey, world.oktaUser(changes)))

async function setUp(test: typeof t, text: string) {
  const file = join(test.testdir({ 'deny.txt': text }), 'deny.txt')
  const denyList = createDenyList({ file, log: quiet })
  denyList.start()
  const identify = await world.makeIdentify({ denyList })
  return {
    file,
    denyList,
    ask: async (request = entra()) => codeOf(identify.identify(await request)),
    identify,
  }
}

void t.test(
  'a principal that is added is refused at once, also with a token in the cache',
  async (test) => {
    const { file, denyList, ask, identify } = await setUp(test as typeof t, '# nobody yet\n')
    const request = await entra()
    test.equal(await codeOf(identify.identify(request)), 'accepted')
    await writeFile(file, `principal   entra/${TENANT}/${OBJECT}   # left the company\n`)
    test.equal(await codeOf(identify.identify(request)), 'revoked')
    test.equal(await ask(), 'revoked')
    await writeFile(file, '')
    await denyList.settle()
    test.equal(await codeOf(identify.identify(request)), 'revoked', 'a file cut short frees nobody')
    await denyList.settle()
    test.equal(await codeOf(identify.identify(request)), 'accepted', 'one that stays empty does')
  },
)

void t.test(
  'the file is read again by itself, also when it is replaced by a rename',
  async (test) => {
    const { file, denyList } = await setUp(test as typeof t, '')
    const changed = new Promise<void>((resolve) => {
      denyList.onChange(resolve)
    })
    await writeFile(`${file}.new`, 'client okta/0oaclient\n')
    await rename(`${file}.new`, file)
    await changed
    test.equal(denyList.state().entries, 1)
  },
)

void t.test('a name that is gone stays denied until the file was left alone', async (test) => {
  const { file, denyList, ask } = await setUp(
    test as typeof t,
    `principal entra/${TENANT}/${OBJECT}\n`,
  )
  await ask()
  await writeFile(file, '')
  test.equal(await ask(), 'revoked', 'a request has seen the change')
  await denyList.settle()
  test.equal(await ask(), 'revoked', 'it may be a moment old only')
  await denyList.settle()
  test.equal(await ask(), 'accepted')
})

void t.test(
  'a file that changed within one tick of its clock is seen all the same',
  async (test) => {
    const { file, denyList, ask } = await setUp(test as typeof t, 'token entra/another\n')
    await utimes(file, 1, 1)
    await denyList.settle()
    const name = `principal entra/${TENANT}/${OBJECT}\n`
    await writeFile(file, name.replace(OBJECT, OBJECT.replaceAll(/[0-9a-f]/g, '0')))
    test.equal(await ask(), 'accepted')
    // the same size, inode and times, as far as they can be set back
    const { atime, mtime } = await stat(file)
    await writeFile(file, name)
    await utimes(file, atime, mtime)
    await denyList.settle()
    test.equal(await ask(), 'revoked')
  },
)

void t.test('a change drops the cached tokens', async (test) => {
  const { file, denyList, identify } = await setUp(test as typeof t, '')
  await identify.identify(await entra())
  const size = () =>
    identify.metrics().find(({ name }) => name === 'token_cache_entries')?.values[0]?.value
  test.equal(size(), 1)
  await writeFile(file, 'token entra/another\n')
  await denyList.settle()
  test.equal(size(), 0)
})

void t.test('each kind of line refuses its own kind of thing', async (test) => {
  const lines = ['principal okta/00UPERSON', 'client okta/0oaclient', 'token okta/AT.1']
  for (const line of lines) {
    const { ask } = await setUp(test as typeof t, line)
    test.equal(await ask(okta()), 'revoked', line)
    test.equal(await ask(okta({ uid: 'other', cid: 'other', jti: 'AT.9' })), 'accepted')
    test.equal(await ask(), 'accepted', 'the other issuer is not meant')
  }
})

void t.test('a line that cannot be understood stops the start', async (test) => {
  for (const line of ['user x/y', 'principal', 'principal someone', 'principal a/b c']) {
    const file = join(test.testdir({ 'deny.txt': `\n${line}\n` }), 'deny.txt')
    test.throws(() => createDenyList({ file, log: quiet }).start(), { message: /line 2/ })
  }
})

void t.test('a file that is not there stops the start', async (test) => {
  const file = join(test.testdir({}), 'deny.txt')
  test.throws(() => createDenyList({ file, log: quiet }).start(), { message: /cannot be read/ })
})

void t.test('a slip while editing lets nobody back in, and the good lines count', async (test) => {
  const { file, denyList, ask } = await setUp(
    test as typeof t,
    `principal entra/${TENANT}/${OBJECT}\n`,
  )
  await writeFile(file, 'principle oops\nclient okta/0oaclient\n')
  await denyList.settle()
  test.equal(await ask(), 'revoked')
  test.equal(
    await ask(sign(world.oktaKey, world.oktaUser()).then((token) => bearer(token))),
    'revoked',
  )
  test.match(denyList.state(), { entries: 2, fault: /line 1/ })
  await rm(file)
  await denyList.settle()
  test.equal(await ask(), 'revoked', 'nor does a file that is gone')
})
