/**
 * Request targets as attackers write them: each gets the verdict of its plain form or is refused as ambiguous, and what
 * is refused reaches nobody.
 */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { sendRaw, type Answer, type Send } from '../support/send.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const VERSION = 'api-version=2024-04-01'

let world: World
let token: string
let reader: string
t.before(async () => {
  world = await startGateway()
  token = await world.lab.token('scientist')
  reader = await world.lab.token('reader')
})
t.teardown(() => world.close())
t.beforeEach(() => world.clear())

const get = (path: string, options: Send = {}): Promise<Answer> =>
  world.send(path, {
    ...options,
    headers: { authorization: `Bearer ${token}`, ...options.headers },
  })

/** Over a socket of its own: Node's client would not send some of these. */
const raw = (target: string, headers: readonly string[] = []): Promise<Answer> =>
  sendRaw(world.url, world.lab.certificates.ca, target, [
    'Host',
    new URL(world.url).host,
    'Authorization',
    `Bearer ${token}`,
    ...headers,
  ])

type Row = readonly [name: string, target: string, status: number, code: string]

const PATHS: readonly Row[] = [
  ['a dot segment', `${W}/../ws-other/jobs?${VERSION}`, 400, 'bad_path'],
  ['a dot segment at the end', `${W}/jobs/..?${VERSION}`, 400, 'bad_path'],
  ['a single dot', `${W}/./jobs?${VERSION}`, 400, 'bad_path'],
  ['an encoded dot segment', `${W}/%2e%2e/ws-other/jobs?${VERSION}`, 400, 'bad_path'],
  ['half an encoded dot segment', `${W}/.%2E/ws-other/jobs?${VERSION}`, 400, 'bad_path'],
  ['a dot segment with a parameter', `${W}/..;/ws-other/jobs?${VERSION}`, 400, 'bad_path'],
  ['a path parameter', `${W};x=1/jobs?${VERSION}`, 400, 'bad_path'],
  ['an encoded path parameter', `${W}%3bx=1/jobs?${VERSION}`, 400, 'bad_path'],
  ['an encoded slash', `${W}%2fjobs?${VERSION}`, 400, 'bad_path'],
  ['an encoded backslash', `${W}%5cjobs?${VERSION}`, 400, 'bad_path'],
  ['a backslash', String.raw`${W}\jobs?${VERSION}`, 400, 'bad_path'],
  ['an encoded percent sign', `${W}/jobs/a%2562?${VERSION}`, 400, 'bad_path'],
  ['a twice encoded dot segment', `${W}/%252e%252e/x?${VERSION}`, 400, 'bad_path'],
  ['an empty segment', `${W}//jobs?${VERSION}`, 400, 'bad_path'],
  ['a slash at the end', `${W}/jobs/?${VERSION}`, 400, 'bad_path'],
  ['two slashes at the start', `/${W}/jobs?${VERSION}`, 400, 'bad_path'],
  ['a dot at the end of a segment', `${W}./jobs?${VERSION}`, 400, 'bad_path'],
  ['an encoded space at the end of a segment', `${W}%20/jobs?${VERSION}`, 400, 'bad_path'],
  ['an absolute target', `https://evil.example${W}/jobs?${VERSION}`, 400, 'bad_path'],
  [
    'an absolute target of Azure',
    `https://management.azure.com${W}/jobs?${VERSION}`,
    400,
    'bad_path',
  ],
  ['the asterisk', '*', 400, 'bad_path'],
  ['an encoded NUL', `${W}/jobs/a%00?${VERSION}`, 400, 'bad_path'],
  ['encoded line breaks', `${W}/jobs/a%0d%0aX:%20y?${VERSION}`, 400, 'bad_path'],
  ['overlong UTF-8', `${W}/jobs/%c0%ae%c0%ae?${VERSION}`, 400, 'bad_path'],
  ['half a character', `${W}/jobs/%e2%82?${VERSION}`, 400, 'bad_path'],
  ['a surrogate', `${W}/jobs/%ed%a0%80?${VERSION}`, 400, 'bad_path'],
  ['a percent sign that encodes nothing', `${W}/jobs/%zz?${VERSION}`, 400, 'bad_path'],
  ['a percent sign at the end', `${W}/jobs/a%?${VERSION}`, 400, 'bad_path'],
  ['an encoded letter', `${W}/%6aobs?${VERSION}`, 400, 'bad_path'],
  [
    'an encoded letter of the provider',
    `${W.replace('Machine', '%4dachine')}/jobs?${VERSION}`,
    400,
    'bad_path',
  ],
  [
    'an encoded digit of the subscription',
    `${W.replace('2', '%32')}/jobs?${VERSION}`,
    400,
    'bad_path',
  ],
  ['a look-alike slash', `${W}%ef%bc%8fjobs?${VERSION}`, 400, 'bad_path'],
  ['a look-alike dot', `${W}/%e2%80%a4%e2%80%a4/x?${VERSION}`, 400, 'bad_path'],
  ['a full-width letter', `${W}/%ef%bd%8aobs?${VERSION}`, 400, 'bad_path'],
  ['an invisible character', `${W}/jo%e2%80%8bbs?${VERSION}`, 400, 'bad_path'],
  ['an override of direction', `${W}/jobs/a%e2%80%aeb?${VERSION}`, 400, 'bad_path'],
  ['a fragment', `${W}/jobs?${VERSION}#x`, 400, 'bad_path'],
  ['brackets in the path', `${W}/jobs/[a]?${VERSION}`, 400, 'bad_path'],
  ['a pipe', `${W}/jobs/a|b?${VERSION}`, 400, 'bad_path'],
  ['a quote', `${W}/jobs/a"b?${VERSION}`, 400, 'bad_path'],
  ['a target over 8 KB', `${W}/jobs/${'a'.repeat(8200)}?${VERSION}`, 414, 'target_too_long'],
  ['api-version twice', `${W}/jobs?${VERSION}&${VERSION}`, 400, 'bad_query'],
  [
    'api-version twice, in two cases',
    `${W}/jobs?${VERSION}&API-Version=2024-04-01`,
    400,
    'bad_query',
  ],
  [
    'api-version twice, one encoded',
    `${W}/jobs?${VERSION}&%61pi-version=2020-01-01`,
    400,
    'bad_query',
  ],
  ['api-version encoded', `${W}/jobs?%61pi-version=2024-04-01`, 400, 'bad_query'],
  ['api-version with an encoded hyphen', `${W}/jobs?api%2dversion=2024-04-01`, 400, 'bad_query'],
  ['no api-version', `${W}/jobs`, 400, 'missing_api_version'],
  ['an empty api-version', `${W}/jobs?api-version=`, 400, 'missing_api_version'],
  ['an api-version that is no date', `${W}/jobs?api-version=latest`, 400, 'bad_query'],
  ['two values in api-version', `${W}/jobs?api-version=2024-04-01,2020-01-01`, 400, 'bad_query'],
  ['a semicolon in the query', `${W}/jobs?${VERSION};x=1`, 400, 'bad_query'],
  ['an array in the query', `${W}/jobs?${VERSION}&a[]=1`, 400, 'bad_query'],
  ['an object in the query', `${W}/jobs?${VERSION}&a[b]=1`, 400, 'bad_query'],
  ['an empty parameter', `${W}/jobs?${VERSION}&&x=1`, 400, 'bad_query'],
  ['an empty query', `${W}/jobs?`, 400, 'bad_query'],
  ['a control character in the query', `${W}/jobs?${VERSION}&a=%0a`, 400, 'bad_query'],
  ['a parameter twice', `${W}/jobs?${VERSION}&$skip=1&%24skip=2`, 400, 'bad_query'],
  ...['sig', 'code', 'key', 'sas', 'token', 'SIG'].map((name): Row => [
    `a credential as "${name}"`,
    `${W}/jobs?${VERSION}&${name}=secret`,
    400,
    'bad_query',
  ]),
  ...['access_token', 'Access_Token', 'access%5ftoken', '%61ccess_token'].map((name): Row => [
    `a token as "${name}"`,
    `${W}/jobs?${VERSION}&${name}=secret`,
    400,
    'invalid_request',
  ]),
  [
    'an unknown resource provider',
    `${W.replace('MachineLearningServices', 'Compute')}?${VERSION}`,
    404,
    'unknown_operation',
  ],
  ['an unknown family', `/secrets/v1.0${W}`, 404, 'unknown_operation'],
  ['the root', '/', 404, 'unknown_operation'],
  ['a route of the gateway that there is not', '/_harness/nothing', 404, 'unknown_operation'],
  [
    'another provider behind ours',
    `${W}/providers/Microsoft.Authorization/roleAssignments?${VERSION}`,
    404,
    'unknown_operation',
  ],
]

for (const [name, target, status, code] of PATHS) {
  t.test(`${name}: ${status} ${code}`, async (t) => {
    const answer = await raw(target)
    t.equal(answer.status, status, answer.text)
    t.equal(answer.code, code)
    t.same(world.lab.requests(), [], 'nothing is forwarded')
    const rows = await world.settled(answer)
    t.same(
      rows.map((row) => row['RecordKind']),
      ['refused'],
    )
    t.notMatch(JSON.stringify(rows), /=secret/, 'a credential in a URL is not written down')
  })
}

const WRONG_VERBS: readonly (readonly [string, string])[] = [
  ['POST', `${W}/jobs?${VERSION}`],
  ['PUT', `${W}/jobs?${VERSION}`],
  ['DELETE', `${W}/jobs?${VERSION}`],
  ['PATCH', `${W}/onlineEndpoints?${VERSION}`],
  ['GET', `${W}/listKeys?${VERSION}`],
  ['GET', `${W}/datastores/d/listSecrets?${VERSION}`],
  ['PUT', `${W}/jobs/j/cancel?${VERSION}`],
  ['POST', `/subscriptions?${VERSION}`],
  ['DELETE', `/subscriptions/${SUBSCRIPTION}?${VERSION}`],
  ['PUT', `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}?${VERSION}`],
  ['PUT', `/history/v1.0${W}/experiments/e/runs/r`],
  ['OPTIONS', `${W}/jobs?${VERSION}`],
  ['TRACE', `${W}/jobs?${VERSION}`],
  ['PROPFIND', `${W}/jobs?${VERSION}`],
  ['get', `${W}/jobs?${VERSION}`],
]
t.test('a verb that means nothing there reaches nobody', async (t) => {
  for (const [method, path] of WRONG_VERBS) {
    const answer = await sendRaw(
      world.url,
      world.lab.certificates.ca,
      path,
      ['Host', new URL(world.url).host, 'Authorization', `Bearer ${token}`],
      method,
    )
    t.ok([400, 403, 404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`)
    t.not(answer.code, '', `${method} ${path}`)
  }
  t.same(world.lab.requests(), [])
})

/** Verdicts of two callers on one target: what the policy of each says, or that it is refused as it is written. */
async function verdicts(method: string, path: string): Promise<string[]> {
  const found: string[] = []
  for (const bearer of [token, reader]) {
    const body = method === 'PUT' || method === 'POST' ? { body: '{}' } : {}
    const answer = await world.send(path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      ...body,
    })
    const rows = await world.settled(answer)
    const [first] = rows
    found.push([first?.['Decision'], first?.['Action'], answer.status === 400].join(' '))
  }
  return found
}

const PLAIN: readonly (readonly [string, string])[] = [
  ['GET', `${W}?${VERSION}`],
  ['GET', `${W}/jobs?${VERSION}`],
  ['PUT', `${W}/jobs/j?${VERSION}`],
  ['GET', `${W}/datastores?${VERSION}`],
  ['POST', `${W}/listKeys?${VERSION}`],
  ['POST', `${W}/datastores/workspaceblobstore/listSecrets?${VERSION}`],
  ['POST', `${W}/onlineEndpoints/e/token?${VERSION}`],
  ['POST', `${W}/batchEndpoints/e/listkeys?${VERSION}`],
  ['DELETE', `${W}/computes/cpu-cluster?${VERSION}`],
  ['GET', `${workspaceId('ws-other')}/jobs?${VERSION}`],
  ['GET', `/history/v1.0${W}/experiments/e/runs/r`],
  ['GET', `/mlflow/v1.0${W}/api/2.0/mlflow/runs/get?run_id=r`],
  ['POST', `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/e/score`],
]
const VARIANTS: Readonly<Record<string, (path: string) => string>> = {
  'upper case': (path) => path.toUpperCase(),
  'lower case': (path) => path.toLowerCase(),
  'mixed case': (path) =>
    path
      .split('')
      .map((one, n) => (n % 2 === 0 ? one.toUpperCase() : one.toLowerCase()))
      .join(''),
  'one letter encoded': (path) => path.replace(/[a-z](?=[^/]*$)/i, encoded),
  'one letter encoded in the middle': (path) => path.replace(/(?<=^\/[^/]+\/?)[a-z]/i, encoded),
  'a dot segment before it': (path) => `/x/..${path}`,
  'an encoded slash': (path) => path.replace(/^(\/[^/]+)\//, '$1%2F'),
  'a doubled slash': (path) => path.replace(/^(\/[^/]+)\//, '$1//'),
  'a slash at the end': (path) => `${path}/`,
  'a parameter at the end': (path) => `${path};v=1`,
  'a dot at the end': (path) => `${path}.`,
}
function encoded(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16)}`
}

for (const [method, target] of PLAIN) {
  t.test(
    `${method} ${target.slice(0, 30)}…${target.slice(-40)}: one verdict however it is written`,
    async (t) => {
      const [path = '', query] = target.split('?')
      const plain = await verdicts(method, target)
      t.notMatch(plain.join(), /true/, 'the plain form is not refused as it is written')
      for (const [name, variant] of Object.entries(VARIANTS)) {
        const written = variant(path) + (query === undefined ? '' : `?${query}`)
        for (const [n, verdict] of (await verdicts(method, written)).entries()) {
          const same = verdict === plain[n]
          t.ok(same || verdict.endsWith('true'), `${name}: ${verdict} and not ${plain[n]}`)
          if (name.endsWith('case')) t.ok(same || !/permit/.test(verdict), `${name} opens nothing`)
        }
      }
    },
  )
}

t.test('every parameter and every byte of a good target arrives as it was sent', async (t) => {
  const query =
    `api-version=2024-04-01&$skip=MA&%24top=5&listViewType=ActiveOnly&tag=a%3Db%2Cc%3Dd` +
    '&properties=x+y%20z&name=%C3%A9t%C3%A9&flag&empty=&search=%2Fa%2Fb%3Fc'
  for (const path of [
    `${W}/jobs?${query}`,
    `${W.replace('/workspaces', '/WorkSpaces')}/Jobs?${query}`,
  ]) {
    await world.clear()
    const answer = await get(path)
    t.equal(answer.status, 200, answer.text)
    t.equal(world.lab.requests()[0]?.url, path)
  }
})
