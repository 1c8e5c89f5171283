/** Notes on grants that nobody could approve. */
import t, { type Test } from 'tap'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { requestNotes } from '../../../src/policy/review/request-notes.ts'
import { IDENTITIES, WS, writePolicies } from '../support.ts'

const TEMPLATE =
  '@id("reader") @reason("r") @identity("ml-reader") permit (principal in ?principal, action, resource in ?resource);'
const OWNERS = 'Group::"okta/owners"'

async function notesOf(t: Test, rule: string, policies = ''): Promise<readonly string[]> {
  const options = await writePolicies(t, {
    'templates/reader.cedar': TEMPLATE,
    'more.cedar': policies,
    'requests.yaml': `requests:\n  - { template: reader, way: grant, for: { max: 1h }, ${rule} }\n`,
  })
  return requestNotes(await loadPolicy(options), IDENTITIES).map(
    ({ policy, file, line, text }) => `${file}:${line}: ${policy} ${text}`,
  )
}
const forbid = (who: string, more = '', action = 'approve') =>
  `@id("no-one") @reason("r") ${more} forbid (principal ${who}, action == Action::"AzureMLHarness/grants/${action}", resource);`

t.test('who could approve', async (t) => {
  const two = `approvers: ['User::"okta/ann"', 'User::"okta/bob"']`
  const sound: readonly [string, string?][] = [
    ['reviewers: 0'],
    [`approvers: ['${OWNERS}']`],
    [`reviewers: 3, approvers: ['${OWNERS}', 'User::"okta/ann"']`],
    [`reviewers: 2, ${two}`],
    [`who: ['User::"okta/ann"'], ${two}`],
    [`approvers: ['${OWNERS}']`, forbid('', '@stepup("methods=mfa")')],
    [`approvers: ['${OWNERS}', 'Group::"okta/others"']`, forbid(`in ${OWNERS}`)],
    [`approvers: ['${OWNERS}']`, forbid('', '', 'deny')],
    [`in: 'Workspace::"${WS}"', approvers: ['${OWNERS}']`],
  ]
  for (const [rule, policies] of sound) t.same(await notesOf(t, rule, policies), [], rule)
})

t.test('what nobody could approve is named with its line', async (t) => {
  const cases: readonly [string, string, RegExp][] = [
    [`reviewers: 2, approvers: ['User::"okta/ann"']`, '', /needs 2 people, and 1 can approve it/],
    [
      `reviewers: 2, who: ['User::"okta/ann"'], approvers: ['User::"okta/ann"', 'User::"okta/bob"']`,
      '',
      /cannot be approved for okta\/ann: nobody approves their own/,
    ],
    [`approvers: ['${OWNERS}']`, forbid(''), /nobody: no-one forbids it to all approvers/],
    [`approvers: ['${OWNERS}']`, forbid(`in ${OWNERS}`), /no-one forbids it/],
  ]
  for (const [rule, policies, text] of cases) {
    const notes = await notesOf(t, rule, policies)
    t.equal(notes.length, 1, rule)
    t.match(notes[0], /^requests\.yaml:2: request of reader /)
    t.match(notes[0], text)
  }
})
