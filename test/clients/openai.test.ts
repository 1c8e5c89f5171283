/**
 * OpenAI's published SDK and LangChain's client for it, at an endpoint whose model speaks OpenAI's protocol: the base
 * URL and the caller's own token are all they are told.
 */
import t from 'tap'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { startGateway, type World } from '../support/gateway.ts'
import {
  IDENTITIES,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  WORKSPACE,
  workspaceId,
} from '../../lab/personas.ts'
import {
  environment,
  runScript,
  said,
  settings,
  throughTheGateway,
  type Tap,
} from './support/published.ts'
import { createShown, type Shown } from './support/shown.ts'

const W = workspaceId()
const ENDPOINT = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/phi`
/** The lab's outsider, as an application that only scores. */
const APPLICATION = `entra/${TENANT}/44444444-4444-4444-8444-444444444406`
const BINDING = `
  - id: applications
    template: endpoint-caller
    principal: User::"${APPLICATION}"
    resource: Workspace::"${W.toLowerCase()}"
`
const WRITER = IDENTITIES.find(({ name }) => name === 'ml-writer')

const file = environment(t, 'services')
if (file !== null) {
  t.setTimeout(300_000)
  let world: World
  let policies: OwnPolicies
  t.before(async () => {
    policies = await ownPolicies({}, BINDING)
    world = await startGateway({ lab: { storage: true, polls: 0 }, gateway: policies })
    const made = await world.send(`${W}/onlineEndpoints/phi?api-version=2024-04-01`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${await world.lab.token('scientist')}`,
        'content-type': 'application/json',
      },
      body: '{"location":"eastus","properties":{"authMode":"AADToken"}}',
    })
    t.equal(made.status, 201, made.text)
  })
  t.teardown(async () => {
    await world.close()
    await policies.remove()
  })

  let shown: Shown
  /** Runs a script as the application, and judges what reached the endpoint and what was recorded. */
  const chat = async (t: Tap, client: string, script: string, calls: number) => {
    shown ??= createShown(world, import.meta.url)
    await shown.skip()
    await world.clear()
    const before = (await world.allRecords()).length
    const env = {
      ...(await settings(world, 'outsider')),
      LAB_BASE_URL: `${world.url}${ENDPOINT}/v1`,
      LAB_OTHER_TOKEN: await world.lab.token('service'),
    }
    const done = await runScript(file, script, env)
    t.equal(done.code, 0, `${script} ends well`, { said: said(done) })
    throughTheGateway(t, world, env)
    const scored = world.lab.requests().filter(({ part }) => part === 'scoring')
    t.same(
      scored.map(({ method, url, claims }) => [method, url, claims?.['aud'], claims?.['oid']]),
      Array.from({ length: calls }, () => [
        'POST',
        '/v1/chat/completions',
        'https://ml.azure.com',
        WRITER?.oid,
      ]),
      'the endpoint saw what was let through, under the identity of the permit',
    )
    await shown.add(client, String(done.result?.['version']))
    const rows = (await world.allRecords()).slice(before)
    const by = (kind: string): readonly unknown[] =>
      rows.flatMap(({ RecordKind, PrincipalId }) => (RecordKind === kind ? [PrincipalId] : []))
    t.same(
      by('completed'),
      Array.from({ length: calls }, () => APPLICATION),
    )
    t.same(by('refused'), ['okta/0oa1service'], 'and who may not is refused on record')
    return done.result ?? {}
  }

  t.test('openai: an answer, a stream, a deployment of choice, a refusal', async (t) => {
    t.match(await chat(t, 'openai', 'openai_chat.py', 3), {
      answer: 'one two three',
      words: ['one ', 'two ', 'three'],
      tokens: 6,
      deployment: 'green',
      refused: { status: 403, code: 'policy_refused' },
    })
  })

  t.test('langchain-openai: an answer, a stream, a refusal', async (t) => {
    t.match(await chat(t, 'langchain-openai', 'langchain_chat.py', 2), {
      answer: 'four five',
      words: ['four ', 'five'],
      refused: { status: 403, code: 'policy_refused' },
    })
  })

  t.test('the table of clients says so', async (t) => shown.compare(t))
}
