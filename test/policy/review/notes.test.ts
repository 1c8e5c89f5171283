/** Policies that load and would refuse more than they say. */
import t, { type Test } from 'tap'
import { DOCUMENT_FACTS } from '../../../src/azureml/body/facts.ts'
import { notesOn } from '../../../src/policy/review/notes.ts'
import { join } from 'node:path'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { IDENTITIES, loadFrom, loadShipped, ML, SHIPPED } from '../support.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const action = (name: string) => `Action::"${ML}/workspaces/${name}"`
const EARLY = /^refuses reads before Azure has answered, when "tags" is not known yet: write "when/
const CHANGES = /^refuses changes to runs before "tags" of the run is known: write "when/

async function texts(t: Test, scope: string, conditions: string, effect = 'forbid') {
  const identity = effect === 'permit' ? '@identity("ml-reader")' : ''
  const text = `\n@id("p") @reason("r") ${identity} ${effect} (${scope}) ${conditions};`
  const notes = notesOn(await loadFrom(t, { 'x.cedar': text }), DOCUMENT_FACTS)
  for (const note of notes) t.match(note, { policy: 'p', file: 'x.cedar', line: 2 })
  return notes.map((note) => note.text)
}

const MINE = 'context has tags && context.tags.contains("project=a")'

t.test('a forbid that holds before anything is known refuses every read', async (t) => {
  const read = `principal, action == ${action('jobs/read')}, resource is Job`
  t.match(await texts(t, read, `unless { ${MINE} }`), [EARLY])
  t.same(await texts(t, read, `when { context has tags && !(${MINE}) }`), [])
  t.match(await texts(t, 'principal, action, resource', `unless { ${MINE} }`), [EARLY, CHANGES])
  t.match(
    await texts(
      t,
      'principal in Group::"entra/t/g", action in Action::"read", resource',
      `unless { ${MINE} }`,
    ),
    [EARLY],
  )
  t.same(await texts(t, read, ''), [], 'without facts it says what it does')
  t.same(await texts(t, read, `unless { ${MINE} }`, 'permit'), [])
})

t.test('so does one on changes to runs, while bodies of jobs are known at once', async (t) => {
  const write = (name: string) => `principal, action == ${action(name)}, resource`
  t.match(await texts(t, write('experiments/runs/write'), `unless { ${MINE} }`), [CHANGES])
  t.match(await texts(t, 'principal, action in Action::"write", resource', `unless { ${MINE} }`), [
    CHANGES,
  ])
  t.same(await texts(t, write('jobs/write'), `unless { ${MINE} }`), [])
})

t.test('a fact that run history does not tell keeps runs from being read', async (t) => {
  const images = 'when { context has images && context.images.contains("x") }'
  const reads = /^asks for "images" of jobs, which is not known for runs: .* see none/
  t.match(await texts(t, 'principal, action in Action::"read", resource', images), [reads])
  t.match(await texts(t, `principal, action == ${action('jobs/read')}, resource is Job`, images), [
    reads,
  ])
  t.same(await texts(t, `principal, action == ${action('models/read')}, resource`, images), [])
  t.same(await texts(t, 'principal, action in Action::"write", resource', images), [])
})

t.test('there is nothing to note of what is shipped, examples included', async (t) => {
  const bindings = `identities: [ml-reader, ml-writer]\nbindings: []\n`
  t.same(notesOn(await loadShipped(t, bindings), DOCUMENT_FACTS), [])
  for (const name of ['guardrails', 'isolation', 'step-up']) {
    const directory = join(SHIPPED, 'examples', name)
    const set = await loadPolicy({
      directory,
      bindings: join(directory, 'bindings.yaml'),
      identities: IDENTITIES,
    })
    t.same(notesOn(set, DOCUMENT_FACTS), [], name)
  }
})
