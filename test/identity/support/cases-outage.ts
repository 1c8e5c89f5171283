/**
 * Rows 45 to 50: the other side is wrong or down. Each has a world of its own, which it breaks after the start.
 * @module
 */
import type { BadTokenCase, CaseRequest } from './bad-token-case.ts'
import { GRAPH_TENANT, type BadWorld } from './bad-world.ts'
import { makeKey, sendJson, sign, type Answer } from './issuer.ts'
import { bearer, OKTA_AUDIENCE } from './world.ts'

const otherKey = await makeKey('other')

const known = async (world: BadWorld) => bearer(await sign(world.entraKey, world.entraUser()))
const rotated = async (world: BadWorld) =>
  bearer(await sign({ ...world.attackerKey, kid: 'rotated' }, world.entraUser()))

/** Breaks the keys an hour after the start, and makes the gateway notice by a token with a new key. */
function breaking(route: 'jwks' | 'discovery', fault: Answer) {
  return async (world: BadWorld, ask: (request: CaseRequest) => Promise<string>) => {
    world.entra.faults.set(route, fault)
    await world.advance(3_601_000)
    await ask(await rotated(world))
  }
}

const keyFaults: [number, string, Answer][] = [
  [46, 'keys answer 500', (_, response) => sendJson(response, {}, 500)],
  [46, 'keys hang', () => undefined],
  [46, 'keys are HTML', (_, response) => void response.end('<html>sign in</html>')],
  [
    46,
    'keys redirect',
    (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
  ],
  [46, 'keys are reset', (request) => request.socket.destroy()],
  [47, 'no keys', (_, response) => sendJson(response, { keys: [] })],
  [
    47,
    'another key in 10 MB',
    (_, response) => sendJson(response, { keys: [otherKey.jwk], padding: 'x'.repeat(10_000_000) }),
  ],
  [
    47,
    'a symmetric key',
    (_, response) => sendJson(response, { keys: [{ kty: 'oct', k: 'AAAA' }] }),
  ],
  [47, 'keys twice in one document', (_, response) => void response.end('{"keys":[],"keys":[]}')],
]

function opaque(
  name: string,
  answer: (world: BadWorld) => Answer,
  status: number,
  code: BadTokenCase['code'],
): BadTokenCase {
  return {
    row: 49,
    name,
    async prepare(world) {
      world.okta.handlers.set('introspection', answer(world))
    },
    make: () => bearer('opaque-token'),
    status,
    code,
  }
}

/** A good introspection answer; the test's server is asked at its own address. */
function active(changes: (issuer: string) => Record<string, unknown>) {
  return (world: BadWorld): Answer =>
    (request, response) => {
      const issuer = `http://${request.headers.host}/opaque`
      const seconds = world.clock() / 1000
      const times = { iat: seconds - 60, exp: seconds + 600 }
      const token = {
        active: true,
        iss: issuer,
        aud: OKTA_AUDIENCE,
        ...times,
        token_type: 'Bearer',
        sub: 's',
        client_id: 'c',
        scope: 'x',
      }
      sendJson(response, { ...token, ...changes(issuer) })
    }
}

export const outageCases: readonly BadTokenCase[] = [
  {
    row: 45,
    name: 'discovery names another issuer at run time',
    prepare: breaking('discovery', (_, response) =>
      sendJson(response, { issuer: 'https://evil.test', jwks_uri: 'https://evil.test/keys' }),
    ),
    make: known,
    status: 200,
    code: 'accepted',
  },
  ...keyFaults.map(([row, name, fault]): BadTokenCase => ({
    row,
    name,
    prepare: breaking('jwks', fault),
    make: known,
    status: 200,
    code: 'accepted',
  })),
  {
    row: 48,
    name: 'a new key while the keys are down',
    prepare: breaking('jwks', (_, response) => sendJson(response, {}, 500)),
    make: rotated,
    status: 503,
    code: 'idp_unavailable',
  },
  opaque(
    'an active opaque token',
    active(() => ({})),
    200,
    'accepted',
  ),
  opaque('introspection hangs', () => () => undefined, 503, 'idp_unavailable'),
  opaque(
    'introspection answers 500',
    () => (_, response) => sendJson(response, {}, 500),
    503,
    'idp_unavailable',
  ),
  opaque(
    'introspection refuses the gateway',
    () => (_, response) => sendJson(response, { error: 'invalid_client' }, 401),
    503,
    'idp_unavailable',
  ),
  opaque(
    'introspection answers without "active"',
    () => (_, response) => sendJson(response, { iss: 'x' }),
    503,
    'idp_unavailable',
  ),
  opaque(
    'not active',
    () => (_, response) => sendJson(response, { active: false }),
    401,
    'invalid_token',
  ),
  opaque(
    'active, of a foreign issuer',
    active(() => ({ iss: 'https://evil.test' })),
    401,
    'invalid_token',
  ),
  opaque(
    'active, a refresh token',
    active(() => ({ token_type: undefined })),
    401,
    'invalid_token',
  ),
  opaque(
    'active, for another audience',
    active(() => ({ aud: 'other' })),
    401,
    'wrong_audience',
  ),
  opaque(
    'active, and expired',
    active(() => ({ iat: 1000, exp: 2000 })),
    401,
    'expired_token',
  ),
  {
    row: 50,
    name: 'Graph answers 429',
    async prepare(world) {
      world.entra.handlers.set(
        'graph',
        (_, response) => void response.writeHead(429, { 'retry-after': '3600' }).end(),
      )
    },
    make: async (world) =>
      bearer(
        await sign(
          world.entraKey,
          world.entraUser({ iss: world.graphIssuer, tid: GRAPH_TENANT, hasgroups: true }),
        ),
      ),
    status: 503,
    code: 'graph_unavailable',
  },
]
