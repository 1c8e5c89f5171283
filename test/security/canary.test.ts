/** Nothing that a caller brings as a credential, header or cookie goes anywhere but to the gateway. */
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'

const CANARY = 'canary4b1dfeed'

t.test(
  'a canary in token, headers and cookies is found nowhere upstream, in no record and no log line',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    const names = [
      'name',
      'email',
      'upn',
      'preferred_username',
      'unique_name',
      'custom',
      'tenant_region_scope',
      'nonce',
    ]
    const claims = Object.fromEntries(names.map((name) => [name, CANARY]))
    const headers = {
      cookie: `session=${CANARY}`,
      'user-agent': `python-requests/2.31 ${CANARY}`,
      'x-custom': CANARY,
      'x-forwarded-for': CANARY,
      'x-ms-client-request-id': CANARY,
      'x-ms-correlation-request-id': CANARY,
      'x-azureml-token': CANARY,
      'x-ms-client-principal': CANARY,
      'proxy-authorization': `Basic ${CANARY}`,
      'accept-language': CANARY,
      referer: `https://${CANARY}.example/`,
      traceparent: CANARY,
    }
    for (const persona of ['scientist', 'reader', 'outsider', 'service', 'cluster']) {
      const token = await world.lab.token(persona, { claims })
      const call = (path: string, method = 'GET', body?: string) =>
        world.send(path, {
          method,
          headers: {
            ...headers,
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
          },
          ...(body === undefined ? {} : { body }),
        })
      const W = workspaceId()
      await call(`${W}/jobs?api-version=2024-04-01`)
      await call(
        `${W}/jobs/job-${persona}?api-version=2024-04-01`,
        'PUT',
        '{"properties":{"jobType":"Command"}}',
      )
      await call(`${W}/../${CANARY}?api-version=2024-04-01`)
      t.notMatch(
        JSON.stringify(world.lab.requests()),
        token.split('.')[2] ?? 'x',
        'not the token itself',
      )
    }
    await world.send(`/${CANARY}?access_token=${CANARY}`)
    t.ok(world.lab.requests().length > 2, 'something was forwarded')
    t.notMatch(JSON.stringify(world.lab.requests()), CANARY)
    t.ok((await world.allRecords()).length > 10, 'something was recorded')
    t.notMatch(JSON.stringify(await world.allRecords()), CANARY)
    t.notMatch(world.gateway.logs(), CANARY)
  },
)
