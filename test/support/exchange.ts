/**
 * Exchanges as the pipeline has them at some point, for tests of one stage.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { openExchange, type Exchange, type WritableExchange } from '../../src/exchange.ts'

export const WORKSPACE =
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'

/** An exchange of which nothing is known but this. */
export function exchangeWith(known: Partial<Exchange> = {}): WritableExchange {
  const method = known.method ?? 'GET'
  const source = { ip: '127.0.0.1', port: 1 }
  const fresh = openExchange('00000000-0000-4000-8000-000000000001', 0, 0, source, method, {})
  return { ...fresh, ...known }
}

/** A change that was permitted, forwarded and answered; each has an id of its own. */
export function exchangeOf(change: Partial<Exchange> = {}): WritableExchange {
  return exchangeWith({
    id: randomUUID(),
    receivedAt: Date.now(),
    startedAt: performance.now(),
    source: { ip: '127.0.0.1', port: 40_000 },
    method: 'PUT',
    clientRequestId: '0b0f7d3e-0000-4000-8000-000000000001',
    client: 'azsdk-js-arm-machinelearning/2.1.1',
    target: {
      method: 'PUT',
      path: `${WORKSPACE}/jobs/train-1`,
      query: 'api-version=2025-06-01&%24skip=7',
      segments: [],
      params: new Map([
        ['api-version', '2025-06-01'],
        ['$skip', '7'],
      ]),
    },
    principal: {
      kind: 'user',
      id: 'entra/11111111-1111-1111-1111-111111111111/22222222-2222-2222-2222-222222222222',
      issuer: 'entra',
      tenant: '11111111-1111-1111-1111-111111111111',
      client: '33333333-3333-3333-3333-333333333333',
      groups: [],
      roles: [],
      scopes: [],
      resourceId: null,
      workspace: null,
      methods: ['pwd'],
      issuedAt: 0,
      expiresAt: 1,
      authenticatedAt: null,
      tokenId: 'uti-1',
      challengeable: false,
    },
    operation: {
      action: 'Microsoft.MachineLearningServices/workspaces/jobs/write',
      effect: 'write',
      resource: { type: 'Job', id: `${WORKSPACE}/jobs/train-1`, ancestors: [] },
      family: 'arm',
      secrets: false,
      longRunning: false,
      scope: WORKSPACE,
      inspectable: true,
    },
    decision: {
      verdict: 'permit',
      policies: ['data-scientist@ws'],
      reason: 'data scientists may run jobs',
      version: 'sha256-abc',
      shadow: [],
      facts: {},
      memberships: [],
    },
    identity: {
      name: 'scientists',
      clientId: '44444444-4444-4444-4444-444444444444',
      objectId: '55555555-5555-4555-8555-555555555555',
    },
    upstream: {
      origin: 'https://management.azure.com',
      status: 201,
      ids: { 'x-ms-request-id': 'r-1', 'x-ms-correlation-request-id': 'c-1' },
    },
    status: 201,
    bytesIn: 120,
    bytesOut: 900,
    record: 'intent',
    ...change,
  })
}
