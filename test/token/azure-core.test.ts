import t from 'tap'
import {
  bearerTokenAuthenticationPolicy,
  createHttpHeaders,
  createPipelineRequest,
} from '@azure/core-rest-pipeline'
import type { PipelineResponse } from '@azure/core-rest-pipeline'
import { createBroker } from '../../src/token/broker.ts'
import { ARM, CLIENT_ID, identityEndpoint } from './identity-endpoint.ts'

const endpoint = await identityEndpoint(t)

void t.test(
  'azure-core’s own refresher ends no idle process when the endpoint is down at expiry',
  async (st) => {
    const clock = { now: Date.now() }
    endpoint.now = () => clock.now
    // two seconds beyond the last minute: azure-core itself would refresh in the background from here on
    endpoint.lifetimeSeconds = 62
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => {
      unhandled.push(reason)
    }
    process.on('unhandledRejection', listener)
    st.teardown(() => process.off('unhandledRejection', listener))
    const broker = createBroker({
      identities: { writer: { kind: 'managed-identity', clientId: CLIENT_ID } },
      now: () => clock.now,
      timeoutMs: 1_000,
      log: { warn: () => undefined, error: () => undefined },
    })
    st.teardown(() => broker.close())
    const policy = bearerTokenAuthenticationPolicy({
      credential: broker.credential('writer'),
      scopes: ARM,
    })
    const send = async (): Promise<string | undefined> => {
      const request = createPipelineRequest({ url: 'https://localhost/rows' })
      const response = { request, status: 204, headers: createHttpHeaders() }
      const next = (): Promise<PipelineResponse> => Promise.resolve(response)
      await policy.sendRequest(request, next)
      return request.headers.get('authorization')
    }
    st.equal(await send(), `Bearer ${endpoint.tokens[0]}`)
    await endpoint.down()
    st.equal(await send(), `Bearer ${endpoint.tokens[0]}`, 'the broker’s cache answers')
    clock.now += 3000
    await st.rejects(send(), { code: 'identity_unavailable' })
    // as long as azure-core would take to find out on its own
    await new Promise((resolve) => setTimeout(resolve, 300))
    st.same(unhandled, [])
    await endpoint.up()
    clock.now += 1000
    endpoint.lifetimeSeconds = 3600
    st.equal(await send(), `Bearer ${endpoint.tokens[1]}`, 'and recovers unaided')
  },
)
