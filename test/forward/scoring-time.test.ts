/** A call of an endpoint may take as long as Azure allows what it serves; all else has a limit of its own. */
import t, { type Test } from 'tap'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import { REGION, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, workspaceId } from '../../lab/personas.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { loadConfig } from '../../src/config/load.ts'
import { GOOD, writeConfig } from '../config/write.ts'
import { startGateway } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import type { Answer, Send } from '../support/send.ts'

const W = workspaceId()
const SCORE = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}`
const SHORT_MS = 1000
/** Longer than the short limit, and than a connection may be silent under it. */
const SLOW: Fault = { delayMs: 5 * SHORT_MS }
const NEVER: Fault = { hang: true }
const LONG_MS = 60_000
const POST: Send = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"properties":{"inputData":{}}}',
}
const ENDPOINTS = {
  model: {},
  flow: { tags: { 'azureml.promptflow.source_flow_id': 'f' } },
}

type Part = 'scoring' | 'upstream'
type Ask = (part: Part, fault: Fault, path: string, send?: Send) => Promise<Answer>

/** A gateway with these limits, and two online endpoints and a batch endpoint that somebody has called before. */
async function start(
  t: Test,
  limits: { readonly scoringTimeoutMs: number; readonly promptFlowTimeoutMs: number },
): Promise<Ask> {
  const policies = await ownPolicies({}, CALLER)
  t.teardown(() => policies.remove())
  const world = await startGateway({
    gateway: {
      change: (config) => ({
        ...policies.change(config),
        limits: { upstreamTimeoutMs: SHORT_MS, stalledTimeoutMs: SHORT_MS, ...limits },
      }),
    },
  })
  t.teardown(() => world.close())
  const token = await world.lab.token('scientist')
  const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 3_000_000 })
  const { onlineEndpoints, batchEndpoints } = new AzureMachineLearningWorkspaces(
    { getToken },
    SUBSCRIPTION,
    { endpoint: world.url },
  )
  const place = [RESOURCE_GROUP, WORKSPACE] as const
  const document = { location: REGION, properties: { authMode: 'AADToken' } }
  const soon = { updateIntervalInMs: 1 }
  for (const [name, more] of Object.entries(ENDPOINTS))
    await onlineEndpoints.beginCreateOrUpdateAndWait(...place, name, { ...document, ...more }, soon)
  await batchEndpoints.beginCreateOrUpdateAndWait(...place, 'nightly', document, soon)
  const ask = (path: string, send: Send = POST): Promise<Answer> =>
    world.send(path, { ...send, headers: { authorization: `Bearer ${token}`, ...send.headers } })
  for (const path of ['model/score', 'flow/score', 'nightly/jobs'])
    t.match((await ask(`${SCORE}/${path}`)).status, /^20[01]$/, path)
  return async (part, fault, path, send) => {
    await world.fault(part, fault)
    return ask(path, send)
  }
}

/** The lab binds nobody to the template of those who score. */
const CALLER = `
  - id: scientist-scores
    template: endpoint-caller
    principal: User::"entra/11111111-1111-4111-8111-111111111111/44444444-4444-4444-8444-444444444401"
    resource: Workspace::"${W.toLowerCase()}"
`

t.test("the defaults are Azure's own limits", async (t) => {
  const { limits } = await loadConfig(await writeConfig(t, GOOD))
  t.match(limits, {
    upstreamTimeoutMs: 120_000,
    scoringTimeoutMs: 180_000,
    promptFlowTimeoutMs: 300_000,
  })
  t.ok(limits.stalledTimeoutMs >= 2 * limits.promptFlowTimeoutMs)
})

t.test('a flow takes longer than a model may', async (t) => {
  const ask = await start(t, { scoringTimeoutMs: SHORT_MS, promptFlowTimeoutMs: LONG_MS })
  t.equal((await ask('scoring', SLOW, `${SCORE}/flow/score`)).status, 200)
  const model = await ask('scoring', NEVER, `${SCORE}/model/score`)
  t.equal(model.status, 504)
  t.equal(model.code, 'upstream_timeout')
})

t.test('a model takes longer than a flow, and all else, may', async (t) => {
  const ask = await start(t, { scoringTimeoutMs: LONG_MS, promptFlowTimeoutMs: SHORT_MS })
  t.equal((await ask('scoring', SLOW, `${SCORE}/model/score`)).status, 200)
  for (const [part, path, send] of [
    ['scoring', `${SCORE}/flow/score`, POST],
    ['scoring', `${SCORE}/nightly/jobs`, POST],
    ['upstream', `${W}/jobs?api-version=2024-04-01`, {}],
  ] as const) {
    const answer = await ask(part, NEVER, path, send)
    t.equal(answer.status, 504, path)
    t.equal(answer.code, 'upstream_timeout', path)
  }
})
