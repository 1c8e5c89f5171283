import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkSignIn } from '../../../src/identity/sign-in.ts'
import { runCases } from '../../../src/policy/review/cases.ts'
import { PolicyError } from '../../../src/policy/load/faults.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { IDENTITIES, loadFrom, SHIPPED, WS } from '../support.ts'

const NAMES = { identities: IDENTITIES, issuers: [] }
const set = await loadPolicy({
  directory: SHIPPED,
  bindings: join(SHIPPED, 'bindings.yaml'),
  identities: IDENTITIES,
})

t.test('every template and every policy has cases, and all of them are as expected', async (t) => {
  const files = (await readdir(SHIPPED)).filter((name) => name.endsWith('.tests.yaml'))
  const fixed = [...set.rules.values()].flatMap(({ id, link }) => (link === null ? [id] : []))
  for (const id of [...set.templates.keys(), ...fixed]) t.ok(files.includes(`${id}.tests.yaml`), id)
  for (const file of files) {
    const text = await readFile(join(SHIPPED, file), 'utf8')
    for (const { name, wrong } of runCases(set, { file, text }, NAMES, checkSignIn)) {
      t.equal(wrong, null, `${file}: ${name}`)
    }
  }
})

const HEAD = `workspace: ${WS}
bindings: [{ id: b, template: reader, principal: 'Group::"e/g"', resource: 'Workspace::"${WS}"' }]
identities: [ml-reader, ml-writer]
principals: { me: { groups: [e/g] } }
`

function wrong(line: string): string | null | undefined {
  return runCases(set, { file: 'x', text: `${HEAD}cases: [${line}]` }, NAMES, checkSignIn)[0]?.wrong
}

t.test('a case that is not as expected says what was decided instead', async (t) => {
  t.equal(wrong('{ who: me, does: workspaces/jobs/read, decision: permit }'), null)
  t.match(wrong('{ who: me, does: workspaces/jobs/read, decision: refuse }'), 'permit: ')
  t.match(wrong('{ who: me, does: workspaces/jobs/write, decision: permit }'), 'refuse: no policy')
  t.match(
    wrong('{ who: me, does: workspaces/jobs/read, decision: permit, policies: [x] }'),
    'decided by [reader@b]',
  )
  t.match(
    wrong('{ who: me, does: workspaces/jobs/read, decision: permit, identity: ml-writer }'),
    'ml-reader',
  )
  t.match(
    wrong('{ who: me, does: workspaces/listKeys/action, decision: refuse, code: policy_refused }'),
    'secrets_refused',
  )
})

t.test('a case says when and how its principal signed in', async (t) => {
  const stepUp = await loadFrom(t, {
    'a.cedar': `@id("all") @reason("r") @identity("ml-writer") permit (principal, action, resource);
@id("fresh") @reason("r") @stepup("max-age=900 methods=mfa") forbid (principal, action in Action::"delete", resource);
@id("old") @reason("r") forbid (principal, action in Action::"write", resource)
when { context has signInAgeSeconds && context.signInAgeSeconds > 60 };`,
  })
  const judged = (principal: string, line: string): string | null | undefined => {
    const text = `workspace: ${WS}\nprincipals: { me: { ${principal} } }\ncases: [{ who: me, ${line} }]`
    return runCases(stepUp, { file: 'x', text }, NAMES, checkSignIn)[0]?.wrong
  }
  const remove = 'does: workspaces/jobs/delete, decision: permit'
  t.equal(judged('signedIn: { ageSeconds: 30, methods: [mfa] }', remove), null)
  t.equal(judged('methods: [mfa], signedIn: { ageSeconds: 30 }', remove), null)
  t.equal(judged('', `signedIn: { ageSeconds: 900, methods: [mfa] }, ${remove}`), null)
  for (const [principal, line] of [
    ['', ''],
    ['methods: [mfa]', ''],
    ['signedIn: { ageSeconds: 30 }', ''],
    ['signedIn: { ageSeconds: 30, methods: [mfa] }', 'signedIn: { ageSeconds: 901 }, '],
    ['signedIn: { ageSeconds: 30, methods: [mfa] }', 'signedIn: { methods: [pwd] }, '],
  ] as const)
    t.match(judged(principal, `${line}${remove}, code: x`), 'with the code insufficient_scope')
  const write = 'does: workspaces/jobs/write, decision: refuse, policies: [old]'
  t.equal(judged('', `signedIn: { ageSeconds: 61 }, ${write}`), null, 'the fact is there, too')
  t.match(judged('', `signedIn: { ageSeconds: 60 }, ${write}`), 'permit')
  t.throws(() => judged('', `signedIn: { age: 1 }, ${remove}`), { name: 'PolicyError' })
  t.throws(() => judged('', `signedIn: { ageSeconds: -1 }, ${remove}`), { name: 'PolicyError' })
})

t.test('a file of cases that is not understood is refused', async (t) => {
  const bad: readonly string[] = [
    'cases: [',
    'a: 1',
    `${HEAD}cases: []`,
    `${HEAD}cases: [{ who: me, does: x, decision: maybe }]`,
    `${HEAD}cases: [{ who: you, does: workspaces/read, decision: permit }]`,
    `${HEAD}cases: [{ who: constructor, does: workspaces/read, decision: permit }]`,
    `${HEAD}cases: [{ who: me, does: workspaces/read, decision: permit, polices: [] }]`,
    `${HEAD.replace('template: reader', 'template: raeder')}cases: [{ who: me, does: workspaces/read, decision: permit }]`,
  ]
  for (const text of bad) {
    t.throws(
      () => runCases(set, { file: 'x', text }, NAMES, checkSignIn),
      { name: 'PolicyError' },
      text,
    )
  }
  t.ok(new PolicyError([]) instanceof Error)
})
