/** Profiles of workspaces: each is valid, has cases beside it, and its bindings decide as those say. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { givenOf, lackingIn } from '../../src/cli/workspace/onboard/bindings.ts'
import { readProfile } from '../../src/cli/workspace/onboard/profile.ts'
import { checkSignIn } from '../../src/identity/sign-in.ts'
import { loadPolicy } from '../../src/policy/load/load.ts'
import { runCases } from '../../src/policy/review/cases.ts'
import { IDENTITIES, SHIPPED, WS } from './support.ts'

const PROFILES = join(SHIPPED, 'profiles')
const names = (await readdir(PROFILES))
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('.tests.yaml'))
  .map((file) => file.replace('.yaml', ''))

t.test('the bindings of each profile decide as its cases say', async (t) => {
  t.ok(names.includes('standard'))
  const bindings = join(
    t.testdir({ 'bindings.yaml': 'identities: [ml-reader, ml-writer]\nbindings: []\n' }),
    'bindings.yaml',
  )
  const options = { directory: SHIPPED, bindings, identities: IDENTITIES }
  for (const name of names) {
    const profile = await readProfile(SHIPPED, name)
    const groups = Object.keys(profile.groups)
    const given = givenOf(
      groups.map((one) => `${one}=Group::"entra/t/${one}"`),
      profile,
    )
    const { bindings: added } = lackingIn(await loadPolicy(options), profile, given, WS)
    t.equal(added.length, groups.length + (profile.computes === undefined ? 0 : 1))
    const set = await loadPolicy({ ...options, added })
    const file = `${name}.tests.yaml`
    const text = await readFile(join(PROFILES, file), 'utf8')
    for (const group of groups) t.match(text, `entra/t/${group}]`, `${group} has a case`)
    const results = runCases(
      set,
      { file, text },
      { identities: IDENTITIES, issuers: [] },
      checkSignIn,
    )
    t.ok(results.length > 20)
    for (const { name: what, wrong } of results) t.equal(wrong, null, what)
    t.same(lackingIn(set, profile, given, WS).bindings, [], 'what is bound is not bound again')
  }
})

t.test('a profile that is none is said, and where', async (t) => {
  const directory = t.testdir({
    profiles: {
      'empty.yaml': 'about: x\ngroups: {}\n',
      'unknown.yaml': 'about: x\ngroups: { a: { template: reader, tempalte: x } }\n',
      'broken.yaml': 'about: [\n',
    },
  })
  for (const [name, said] of [
    ['empty', /no profile: \/groups/],
    ['unknown', /no profile: \/groups\/a/],
    ['broken', /is not YAML/],
  ] as const)
    await t.rejects(readProfile(directory, name), { message: said })
})
