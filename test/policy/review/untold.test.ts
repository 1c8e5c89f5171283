/** Forbids whose facts never come: `policy check` names the actions. */
import t, { type Test } from 'tap'
import { DOCUMENT_FACTS } from '../../../src/azureml/body/facts.ts'
import { untoldIn } from '../../../src/policy/review/untold.ts'
import { loadFrom, ML } from '../support.ts'

async function texts(t: Test, scope: string, condition: string, annotation = '') {
  const text = `\n@id("p") @reason("r") ${annotation} forbid (${scope}) when { ${condition} };`
  const notes = untoldIn(await loadFrom(t, { 'x.cedar': text }), DOCUMENT_FACTS)
  for (const note of notes) t.match(note, { policy: 'p', file: 'x.cedar', line: 2 })
  return notes.map((note) => note.text)
}

const COUNT = 'context has instanceCount && context.instanceCount > 8'
const TAGS = 'context has tags && context.tags.contains("x")'
const write = 'principal, action in Action::"write", resource'
const action = (name: string) => `principal, action == Action::"${ML}/workspaces/${name}", resource`

t.test('what nothing tells is named, with its fact, its actions and a remedy', async (t) => {
  const [count, ...others] = await texts(t, write, COUNT)
  t.same(others, [])
  t.match(count, /^asks for "instanceCount", which nothing tells for [\w/]+, /)
  t.match(await texts(t, action('services/aci/write'), COUNT), [/services\/aci\/write: these/])
  t.notMatch(count, 'workspaces/jobs/write')
  t.match(count, /refused with fact_unknown; name the actions .* @absent\("permits"\)$/)
  t.match(await texts(t, write, TAGS), [/"tags".* and \d+ more/])
})

t.test('what bodies, answers and present documents tell is not', async (t) => {
  t.same(await texts(t, action('jobs/write'), COUNT), [])
  t.same(await texts(t, action('jobs/delete'), TAGS), [])
  t.same(await texts(t, action('experiments/runs/delete'), TAGS), [])
  t.same(await texts(t, 'principal, action in Action::"read", resource', TAGS), [])
  t.same(await texts(t, action('capabilityHosts/delete'), TAGS), [])
  t.match(await texts(t, action('capabilityHosts/write'), TAGS), [/capabilityHosts\/write/])
})

t.test('nor what a forbid does not ask for, or lets through', async (t) => {
  t.same(await texts(t, action('capabilityHosts/write'), TAGS, '@absent("permits")'), [])
  t.same(await texts(t, action('capabilityHosts/write'), TAGS, '@shadow'), [])
  t.same(await texts(t, action('capabilityHosts/write'), 'context has apiVersion'), [])
})
