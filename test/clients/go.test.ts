/**
 * Published Go clients: Azure's own, told of the gateway by a cloud configuration, and the SDK within Terraform's azurerm
 * provider, which finds it by the metadata document.
 */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'
import {
  environment,
  runProgram,
  said,
  settings,
  throughTheGateway,
  type Tap,
} from './support/published.ts'
import { createShown, type Shown } from './support/shown.ts'

const azure = environment(t, 'armmachinelearning')
const hashicorp = azure === null ? null : environment(t, 'goazuresdk')
if (azure !== null && hashicorp !== null) {
  t.setTimeout(300_000)
  let world: World
  let shown: Shown
  t.before(async () => {
    world = await startGateway({ lab: { storage: true, polls: 1 } })
    shown = createShown(world, import.meta.url)
  })
  t.teardown(() => world.close())

  /** Runs a program as the scientist, who has a reader's token for the call that is to be refused. */
  const run = async (t: Tap, file: string): Promise<Record<string, unknown>> => {
    await world.clear()
    const env = {
      ...(await settings(world, 'scientist')),
      LAB_OTHER_TOKEN: await world.lab.token('reader'),
      LAB_GATEWAY: world.url,
      LAB_WORKSPACE_ID: workspaceId(),
    }
    const done = await runProgram(file, [], env)
    t.equal(done.code, 0, 'the program ends well', { said: said(done) })
    throughTheGateway(t, world, env)
    return done.result ?? {}
  }
  const reached = (): string[] =>
    world.lab.requests().map(({ method, url }) => `${method} ${url.replace(/\?.*/, '')}`)
  /** Who is on record for a change that went through, and for one that did not. */
  const recorded = async (t: Tap, job: string): Promise<void> => {
    const rows = await world.allRecords()
    const of = (name: string, kind: string) =>
      rows.filter(
        (row) =>
          row['RecordKind'] === kind && String(row['TargetResourceId']).endsWith(`/jobs/${name}`),
      )
    const [completed] = of(`${job}-0`, 'completed')
    t.same(
      [completed?.['PrincipalKind'], completed?.['IdentityName'], completed?.['Outcome']],
      ['user', 'ml-writer', 'success'],
    )
    const [refused] = of(`${job}-refused`, 'refused')
    t.same(
      [refused?.['PrincipalId'], refused?.['RefusalCode']],
      ['okta/00u1reader', 'policy_refused'],
    )
  }

  t.test('armmachinelearning: pages, an operation resumed by its token, a deletion', async (t) => {
    const result = await run(t, azure)
    t.match(result, {
      scopes: { [`${world.url}/.default`]: true },
      names: ['go-0', 'go-1', 'go-2', 'go-3', 'go-4'],
      pages: 3,
      state: 'Succeeded',
      gone: '404 ResourceNotFound',
      refused: '403 policy_refused',
    })
    t.ok(String(result['scoring']).startsWith(`${world.url}/_score/`))
    const polls = reached().filter((one) => one.includes('/mfeOperationsStatus/'))
    t.equal(new Set(polls).size, 2, 'the operations of a creation and of a deletion were polled')
    await recorded(t, 'go')
    await shown.add('armmachinelearning (Go)', String(result['version']))
  })

  t.test(
    'hashicorp/go-azure-sdk: FromEndpoint, pages, a deletion that is not polled',
    async (t) => {
      const result = await run(t, hashicorp)
      t.match(result, {
        cloud: 'AzureMLHarness',
        state: 'Succeeded',
        refused: /403.*policy_refused/s,
      })
      t.same(
        (result['names'] as string[]).filter((name) => name.startsWith('hashicorp-')),
        ['hashicorp-0', 'hashicorp-1', 'hashicorp-2', 'hashicorp-3', 'hashicorp-4'],
      )
      t.equal(new URL(String(result['manager'])).origin, world.url)
      t.equal(new URL(String(result['audience'])).origin, world.url, 'a token for the gateway')
      t.ok(String(result['scoring']).startsWith(`${world.url}/_score/`))
      const after = reached().slice(reached().findLastIndex((one) => one.startsWith('DELETE ')) + 1)
      t.same(
        [...new Set(after)],
        [`GET ${workspaceId()}/onlineEndpoints/hashicorp`],
        'the resource was asked for until it was gone, and not the operation',
      )
      await recorded(t, 'hashicorp')
      await shown.add('hashicorp/go-azure-sdk', String(result['version']))
    },
  )

  t.test('the table of clients says so', async (t) => shown.compare(t))
}
