/** `requests.yaml`: what it says, each fault of it by name, and what follows from it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { readRequests, type Requests } from '../../../src/policy/load/requests.ts'
import { lengthText, readLength } from '../../../src/policy/load/period.ts'
import type { Policy } from '../../../src/policy/load/source.ts'
import { signatureOf } from '../../../src/policy/load/watch.ts'
import { RequestsSchema } from '../../../src/config/schema/requests.ts'
import { createLivePolicy } from '../../../src/policy/reload.ts'
import { offered, offersFor, type AskedFor } from '../../../src/policy/requests.ts'
import { faultsOf, RG, SHIPPED, SUB, WS, writePolicies } from '../support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const PERMIT = { effect: 'permit', shadow: false } as Policy
const KNOWN = {
  templates: new Map<string, Policy | null>([
    ['reader', PERMIT],
    ['admin', PERMIT],
    ['fence', { effect: 'forbid', shadow: false } as Policy],
    ['broken', null],
  ]),
  names: new Map([
    ['Group staff', 'okta/employees'],
    ['Workspace lab', WS],
  ]),
  issuers: ['entra', 'okta'],
}

function read(text: string): { requests: Requests; said: readonly string[] } {
  const { requests, faults } = readRequests('requests.yaml', text, KNOWN)
  return {
    requests,
    said: faults.map(({ line, message, suggestion }) => `${line}: ${message}; ${suggestion ?? ''}`),
  }
}

const GRANT = {
  template: 'reader',
  who: ['Group::"staff"'],
  in: 'Workspace::"lab"',
  way: 'grant',
  for: { default: '8h', max: '7d' },
  reviewers: 0,
}
const rule = (given: object): string => `requests: ${JSON.stringify([{ ...GRANT, ...given }])}\n`

const WAYS = `requests:
  - template: reader
    who: [Group::"staff", Role::"entra/Guest"]
    in: ResourceGroup::"${RG}"
    way: grant
    for: { default: 8h, max: 7d }
    reviewers: 0
  - template: admin
    way: grant
    for: { max: 30m }
    approvers: [Group::"okta/owners"]
  - template: admin
    who: [User::"entra/t/ann"]
    in: Subscription::"${SUB}"
    way: pull-request
    for: { default: 90d, max: 365d }
    codeOwners: "@contoso/ml-platform"
  - template: admin
    way: link
    url: https://myaccess.microsoft.com/@contoso.com#/access-packages/1
    note: your manager approves; sign in again afterwards
repository: { kind: github, url: https://github.com/contoso/ml-policies/, directory: ml/bindings.d }
`

t.test('the ways to ask are read as they are written', async (t) => {
  const { requests, said } = read(WAYS)
  t.same(said, [])
  t.ok(Value.Check(RequestsSchema, parse(WAYS)), 'and an editor agrees')
  t.match(requests.rules[0], {
    template: 'reader',
    who: [
      { type: 'Group', id: 'okta/employees' },
      { type: 'Role', id: 'entra/Guest' },
    ],
    within: { type: 'ResourceGroup', id: RG },
    way: 'grant',
    lasts: { usual: 8 * HOUR, most: 7 * DAY },
    reviewers: 0,
    approvers: [],
    line: 2,
  })
  t.match(requests.rules[1], {
    who: null,
    within: null,
    lasts: { usual: 30 * 60_000, most: 30 * 60_000 },
    reviewers: 1,
    approvers: [{ type: 'Group', id: 'okta/owners' }],
  })
  t.match(requests.rules[2], { codeOwners: '@contoso/ml-platform', url: null })
  t.match(requests.rules[3], { url: /access-packages/, lasts: null, note: /your manager/ })
  t.same(requests.repository, {
    kind: 'github',
    url: 'https://github.com/contoso/ml-policies',
    branch: 'main',
    directory: 'ml/bindings.d',
  })
})

t.test('the example is what an editor takes', async (t) => {
  const file = join(SHIPPED, 'examples', 'access-for-a-time', 'requests.yaml')
  t.ok(Value.Check(RequestsSchema, parse(await readFile(file, 'utf8'))))
})

t.test('the sign-in that whoever decides needs is read as that of @stepup', async (t) => {
  const text = rule({ stepUp: 'max-age=900 methods=mfa,hwk' })
  const { requests, said } = read(text)
  t.same(said, [])
  t.ok(Value.Check(RequestsSchema, parse(text)))
  t.same(requests.rules[0]?.stepUp, { maxAgeSeconds: 900, methods: ['mfa', 'hwk'] })
  t.equal(read(rule({})).requests.rules[0]?.stepUp, null)
  for (const stepUp of ['', 'often', 'max-age=0', 'max-age=900000', 7]) {
    t.match(read(rule({ stepUp })).said[0], /"stepUp"/, String(stepUp))
    t.notOk(Value.Check(RequestsSchema, parse(rule({ stepUp }))) && stepUp === 'often')
  }
  const link = { way: 'link', url: 'https://a', for: undefined, reviewers: undefined }
  t.match(read(rule({ ...link, stepUp: 'methods=mfa' })).said[0], /"stepUp" is for grant/)
})

t.test('each thing that can be wrong is named', async (t) => {
  t.same(read(rule({})).said, [])
  const cases: readonly (readonly [text: string, words: RegExp])[] = [
    ['[]', /requests are a mapping/],
    ['requests: {}', /"requests" is a list/],
    ['request: []', /unknown key "request"; did you mean "requests"/],
    ['requests: [x]', /a request is a mapping/],
    ['requests: [{]', /^1: /],
    [rule({ template: 'raeder' }), /unknown template "raeder"; did you mean "reader"/],
    [rule({ template: undefined }), /a request needs "template"/],
    [rule({ template: 'fence' }), /"fence" permits nothing/],
    [rule({ way: 'grnat' }), /"way" is link, pull-request or grant; did you mean "grant"/],
    [rule({ way: undefined }), /"way" is link, pull-request or grant/],
    [rule({ who: [] }), /"who" is a list .* with one entry at least/],
    [rule({ who: 'Group::"staff"' }), /"who" is a list/],
    [rule({ who: ['Group::"stuff"'] }), /no Group is called "stuff"; did you mean "staff"/],
    [rule({ who: ['Group::"otka/x"'] }), /unknown issuer "otka"; did you mean "okta"/],
    [rule({ who: ['Compute::"okta/x"'] }), /"Compute" cannot ask/],
    [rule({ who: [7] }), /is no reference/],
    [rule({ in: 'Job::"x/y"' }), /"Job" cannot be bound as a resource/],
    [rule({ in: 'Workspace::"nowhere"' }), /no Workspace is called "nowhere"/],
    [rule({ in: `Workspace::"${WS.toUpperCase()}"` }), /upper-case/],
    [rule({ for: undefined }), /a grant needs "for"/],
    [rule({ for: '8h' }), /"for" is a mapping/],
    [rule({ for: { default: '8h' } }), /"max" is a time from 1m to 366d/],
    [rule({ for: { max: '8' } }), /"max" is a time/],
    [rule({ for: { max: '0h' } }), /"max" is a time/],
    [rule({ for: { max: '367d' } }), /"max" is a time/],
    [rule({ for: { default: '8d', max: '7d' } }), /"default" is longer than "max"/],
    [rule({ for: { max: '7d', min: '1h' } }), /unknown key "min"/],
    [rule({ reviewers: undefined }), /"reviewers" is a number from 0 to 9; write 0/],
    [rule({ reviewers: -1 }), /"reviewers" is a number/],
    [rule({ reviewers: '0' }), /"reviewers" is a number/],
    [rule({ reviewers: 1 }), /"approvers" is missing/],
    [rule({ approvers: ['Group::"staff"'] }), /nothing to approve/],
    [rule({ reviewers: 1, approvers: ['Service::"okta/x"'] }), /"Service" cannot approve/],
    [rule({ codeOwners: '@x' }), /"codeOwners" is for pull-request, not for grant/],
    [rule({ way: 'pull-request' }), /"reviewers" is for grant, not for pull-request/],
    [
      rule({ way: 'link', url: 'https://x', reviewers: undefined }),
      /"for" is for pull-request and grant/,
    ],
    ['requests: [{ template: reader, way: link }]', /a link needs "url"/],
    ['requests: [{ template: reader, way: link, url: "http://x.example" }]', /https:/],
    [rule({ note: 'two\nlines' }), /"note" is one line of text/],
    [rule({ note: 'x'.repeat(501) }), /"note" is one line of text/],
    [rule({ Note: 'x' }), /unknown key "Note"; did you mean "note"/],
    [
      `requests: ${JSON.stringify([GRANT, { ...GRANT, reviewers: 0 }])}`,
      /offered in this way to the same in line 1/,
    ],
    ['requests: []\nrepository: x', /2: "repository" is a mapping/],
    [
      'requests: []\nrepository: { kind: githup, url: "https://a/b" }',
      /"kind" is one of .*; did you mean "github"/,
    ],
    ['requests: []\nrepository: { kind: gitea }', /"url" is the https:/],
    ['requests: []\nrepository: { kind: gitea, url: "https://a/b?c" }', /"url" is/],
    ['requests: []\nrepository: { kind: gitea, url: "https://me:pw@a/b" }', /"url" is/],
    ['requests: []\nrepository: { kind: gitea, url: "https://a/b", branch: "a b" }', /"branch" is/],
    [
      'requests: []\nrepository: { kind: gitea, url: "https://a/b", branch: "a..b" }',
      /"branch" is/,
    ],
    [
      rule({ way: 'link', url: 'https://me:pw@x', for: undefined, reviewers: undefined }),
      /names no user/,
    ],
    [
      rule({ way: 'link', url: 'https://x.example@y', for: undefined, reviewers: undefined }),
      /names no user/,
    ],
    [rule({ way: 'link', url: 'https://:80', for: undefined, reviewers: undefined }), /"url"/],
    [
      'requests: []\nrepository: { kind: gitea, url: "https://a/b", directory: "../bindings.d" }',
      /"directory" is/,
    ],
    [
      'requests: []\nrepository: { kind: gitea, url: "https://a/b", directory: "policies" }',
      /bindings\.d/,
    ],
  ]
  for (const [text, words] of cases) {
    const { said } = read(text)
    t.ok(
      said.some((one) => words.test(one)),
      `${words}`,
      { text, said },
    )
  }
  t.same(read(rule({ template: 'broken' })).said, [], 'a template with faults has its own')
})

t.test('lengths have one unit', async (t) => {
  for (const [text, length] of [
    ['30m', 30 * 60_000],
    ['8h', 8 * HOUR],
    ['90d', 90 * DAY],
  ] as const) {
    t.equal(readLength(text), length)
    t.equal(lengthText(length), text)
  }
  t.equal(lengthText(24 * HOUR), '1d')
  for (const text of ['', '8', 'h', '8 h', '8H', '-8h', '8.5h', '1w', '999999d'])
    t.equal(readLength(text), null, text)
})

t.test('what is asked for is what a rule offers, or the answer says what it is not', async (t) => {
  const { requests } = read(`requests:
  - { template: reader, who: ['Group::"staff"'], in: 'Workspace::"lab"', way: grant, for: { max: 7d }, reviewers: 0 }
  - { template: admin, who: ['Group::"staff"'], way: pull-request }
  - { template: reader, who: ['User::"okta/boss"'], way: grant, for: { max: 30d }, reviewers: 0 }
`)
  const places = [
    { type: 'Workspace', id: WS },
    { type: 'ResourceGroup', id: RG },
  ]
  const staff = { type: 'Group', id: 'okta/employees' }
  const asked = (given: Partial<AskedFor> = {}) => {
    const ask: AskedFor = {
      principals: [{ type: 'User', id: 'okta/ann' }, staff],
      places,
      template: 'reader',
      way: 'grant',
      length: 8 * HOUR,
      ...given,
    }
    const answer = offered(requests.rules, ask)
    return 'why' in answer ? answer.why : answer.rule.line
  }
  t.equal(asked(), 2)
  t.equal(asked({ length: 7 * DAY }), 2, 'as long as it may be')
  t.equal(asked({ length: 7 * DAY + 1 }), '"reader" is given for 7d at most')
  t.equal(asked({ length: null }), '"reader" is given for 7d at most', 'no end is longer')
  t.equal(asked({ length: 0 }), '"reader" is given for 7d at most')
  t.equal(asked({ length: -1 }), '"reader" is given for 7d at most')
  t.equal(asked({ way: 'link' }), '"reader" is asked for by grant, not by link')
  t.equal(asked({ template: 'admin' }), '"admin" is asked for by pull-request, not by grant')
  t.equal(asked({ template: 'admin', way: 'pull-request', length: null }), 3)
  t.equal(asked({ template: 'fence' }), 'nobody offers you "fence" there')
  const nobody = 'nobody offers you "reader" there'
  t.equal(asked({ principals: [{ type: 'User', id: 'okta/employees' }] }), nobody, 'another type')
  t.equal(asked({ places: places.slice(1) }), nobody, 'around what is offered')
  t.equal(asked({ principals: [], places: [] }), nobody)
  const both = [{ type: 'User', id: 'okta/boss' }, staff]
  t.equal(asked({ principals: both, length: 20 * DAY }), 4, 'another rule covers it')
  t.equal(offersFor(requests.rules, { principals: [staff], places: [] }).length, 1)
})

const TEMPLATE =
  '@id("reader") @reason("r") @identity("ml-reader") permit (principal in ?principal, action, resource in ?resource);'

async function files(t: Test, requests: string) {
  return writePolicies(t, { 'templates/reader.cedar': TEMPLATE, 'requests.yaml': requests })
}

t.test('it is loaded with the policies, and is a part of their version', async (t) => {
  const options = await files(t, 'requests: [{ template: reader, way: link, url: "https://a" }]')
  const live = await createLivePolicy(options)
  t.match(live.current().requests.rules, [{ template: 'reader', way: 'link' }])
  const [version, signature] = [live.current().version, await signatureOf(options)]
  const file = join(options.directory, 'requests.yaml')
  await writeFile(file, 'requests: [{ template: reader, way: nonsense }]')
  t.not(await signatureOf(options), signature, 'its changes are noticed')
  t.match(await live.reload(), { outcome: 'kept', version })
  t.equal(live.current().requests.rules.length, 1, 'the last good ones stay')
  await writeFile(file, 'requests: []')
  t.match(await live.reload(), { outcome: 'changed' })
  t.same(live.current().requests, { rules: [], repository: null })
  t.not(live.current().version, version)
})

t.test('its faults refuse the load, each with its line', async (t) => {
  const said = await faultsOf(await files(t, 'requests:\n  - template: raeder\n    way: x\n'))
  t.match(said, [
    { file: 'requests.yaml', line: 2, message: 'unknown template "raeder"' },
    { file: 'requests.yaml', line: 3, message: /"way" is link, pull-request or grant/ },
  ])
})
