/**
 * Links to the next page as Azure's services write them, followed by the published clients: a link that is handed out
 * can be followed, and means at Azure what it meant when Azure wrote it; or the first page says why not.
 */
import t from 'tap'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import {
  RESOURCE_GROUP as RG,
  SUBSCRIPTION,
  WORKSPACE as WS,
  workspaceId,
} from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { environment, runScript, said, settings } from './support/published.ts'

const LIST = `${workspaceId()}/data`
const BASE = `${LIST}?api-version=2024-04-01`
/** Of Azure's data plane, which pages by a document in its query. */
const TOKEN = '[{"compositeToken":{"token":"+RID:~x==#RT:1#TRC:2","range":{"min":"","max":"FF"}}}]'
const SPACED = encodeURIComponent(TOKEN).replaceAll('%20', ' ')

/** What stands behind Azure's origin, and the parameters that Azure is to be asked with. */
const FOLLOWED: Readonly<
  Record<string, readonly [link: string, asked: Readonly<Record<string, string>>]>
> = {
  plain: [`${BASE}&$skip=a1`, { $skip: 'a1' }],
  'a raw document with a # in it': [`${BASE}&$skip=${TOKEN}`, { $skip: TOKEN.replace('+', ' ') }],
  'the same, in part encoded': [`${BASE}&$skip=${SPACED}`, { $skip: TOKEN }],
  'raw spaces and quotes': [`${BASE}&$filter=name eq "a b"&$skip=1`, { $filter: 'name eq "a b"' }],
  'a # and nothing else': [`${BASE}&$skip=page#2`, { $skip: 'page#2' }],
  'braces, bars, carets, semicolons': [
    `${BASE}&$skip={a|b}^c\`d\\e;f<g>`,
    { $skip: '{a|b}^c`d\\e;f<g>' },
  ],
  'letters beyond ASCII': [`${BASE}&$skip=café-日本`, { $skip: 'café-日本' }],
  '%24top beside $top': [`${BASE}&%24top=2&$top=2&$skip=a1`, { $top: '2', $skip: 'a1' }],
}
/** What stands behind Azure's origin, and what the first page says of it. */
const REFUSED: Readonly<Record<string, readonly [link: string, reason: RegExp]>> = {
  'two values of one parameter': [`${BASE}&%24top=2&$top=3`, /"\$top" twice/],
  'a percent sign that encodes nothing': [`${BASE}&$skip=100%`, /percent-encoded/],
  'a line break': [`${BASE}&$skip=a%0Ab`, /control character/],
  'a secret in the query': [`${BASE}&sig=abc`, /credential in "sig"/],
  'a path that is not plain': [`${LIST}/../x?api-version=1`, /path/],
}

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())
t.beforeEach(() => world.clear())

const asset = (name: string): object => ({ id: `${LIST}/${name}`, name, properties: {} })

/** The next two lists: one page with this link, and what it leads to. */
async function pages(link: string): Promise<void> {
  const match = { path: `${LIST}?` }
  const nextLink = `${world.lab.urls.upstream}${link}`
  await world.fault('upstream', { match, body: { value: [asset('one')], nextLink } })
  await world.fault('upstream', { match, body: { value: [asset('two')] } })
}

/** Parameters that Azure was asked with for the second page. */
function askedWith(): Readonly<Record<string, string>> {
  const [, second] = world.lab.requests().filter(({ url }) => url.startsWith(LIST))
  return Object.fromEntries(new URL(second?.url ?? '/', world.url).searchParams)
}

async function list(): Promise<string[]> {
  const credential = {
    getToken: async () => ({
      token: await world.lab.token('scientist'),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  const client = new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
    endpoint: world.url,
  })
  const names: string[] = []
  for await (const one of client.dataContainers.list(RG, WS)) names.push(one.name ?? '')
  return names
}

for (const [name, [link, asked]] of Object.entries(FOLLOWED)) {
  t.test(`@azure/arm-machinelearning follows: ${name}`, async (t) => {
    await pages(link)
    t.same(await list(), ['one', 'two'])
    t.match(askedWith(), asked)
  })
}

for (const [name, [link, reason]] of Object.entries(REFUSED)) {
  t.test(`the first page says why not: ${name}`, async (t) => {
    await pages(link)
    const token = await world.lab.token('scientist')
    const answer = await world.send(BASE, { headers: { authorization: `Bearer ${token}` } })
    t.equal(answer.status, 502)
    t.equal(answer.code, 'upstream_bad_answer')
    t.match(answer.text.replaceAll('\\"', '"'), reason)
    t.notMatch(answer.text, 'host', 'and nothing that is not true')
    // the second page was not asked for
    const rest = await world.send(BASE, { headers: { authorization: `Bearer ${token}` } })
    t.match(rest.text, 'two')
  })
}

const python = environment(t, 'python')
if (python !== null) {
  t.test('azure-ai-ml follows them, too', async (t) => {
    for (const [link] of Object.values(FOLLOWED)) await pages(link)
    const links = Object.values(FOLLOWED)
    const env = { ...(await settings(world, 'scientist')), LAB_LISTS: String(links.length) }
    const run = await runScript(python, 'pages.py', env)
    t.equal(run.code, 0, said(run))
    t.same(
      run.result?.['got'],
      links.map(() => ['one', 'two']),
    )
  })
}
