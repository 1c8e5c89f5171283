/**
 * Changes that need a review, with the published `azure-ai-ml` and the Azure CLI: refused, approved, made by the same call
 * again; and held, so that the client waits for its reviewers as it waits for Azure.
 */
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startReviewing, type Reviewing } from '../approvals/support.ts'
import { eventually } from '../support/eventually.ts'
import { command, environment, runCommand, runScript, said, settings } from './support/published.ts'

const id = (endpoint: string): string =>
  `OnlineEndpoint::"${workspaceId().toLowerCase()}/onlineendpoints/${endpoint}"`
const HELD = `resource in [${id('held-yes')}, ${id('held-no')}]`
const forbid = (name: string, words: string, condition: string): string => `
@id("${name}")
@reason("what serves is released by the model's owners")
@approval("${words}")
forbid (
  principal,
  action == Action::"Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write",
  resource
) ${condition};
`
const POLICY = [
  forbid('release-needs-review', 'valid=1h', `unless { ${HELD} }`),
  forbid('release-is-held', 'valid=1h hold=10m', `when { ${HELD} }`),
].join('')

const file = environment(t, 'python')
if (file !== null) {
  t.setTimeout(900_000)
  let reviewing: Reviewing
  t.before(async () => {
    reviewing = await startReviewing({ files: { 'release.cedar': POLICY }, lab: { storage: true } })
  })
  t.teardown(() => reviewing.close())

  const deploy = async (endpoint: string): Promise<Record<string, unknown>> => {
    const env = await settings(reviewing.world, 'scientist')
    const done = await runScript(file, 'reviewed.py', { ...env, LAB_ENDPOINT: endpoint })
    if (done.code !== 0) throw new Error(said(done))
    return done.result ?? {}
  }
  const waiting = async (endpoint: string): Promise<string> =>
    eventually('it waits for its review', async () => {
      const answer = await reviewing.call('reviewer', 'GET', '/_harness/api/reviews')
      const { value } = answer.json() as { value: { id: string; resource: string }[] }
      return value.find(({ resource }) => resource.endsWith(`/${endpoint}`))?.id ?? false
    })
  const reject = async (id: string, comment: string): Promise<void> => {
    const path = `/_harness/api/reviews/${id}`
    const shown = (await reviewing.call('reviewer', 'GET', path)).json() as { shownDigest: string }
    const body = { verdict: 'reject', shownDigest: shown.shownDigest, comment }
    await reviewing.call('reviewer', 'POST', `${path}/verdicts`, body)
  }
  const changes = () =>
    reviewing.world.lab
      .requests()
      .filter(({ method, url }) => method === 'PUT' && url.includes('/onlineEndpoints/'))

  t.test('azure-ai-ml is refused, approved, repeats and succeeds', async (t) => {
    await reviewing.world.clear()
    const refused = await deploy('asked')
    t.equal(refused['code'], 'approval_required')
    const id = await waiting('asked')
    t.match(String(refused['refusal']), `azureml-harness approvals show ${id}`)
    t.same(changes(), [])
    await reviewing.approve('reviewer', id)
    t.match(await deploy('asked'), { state: /succeeded/i, refusal: null })
    t.equal(changes().length, 1)
  })

  t.test('azure-ai-ml waits for its reviewer as it waits for Azure', async (t) => {
    await reviewing.world.clear()
    const made = deploy('held-yes')
    const id = await waiting('held-yes')
    t.same(changes(), [])
    await reviewing.approve('reviewer', id)
    t.match(await made, { state: /succeeded/i, refusal: null })
    t.equal(changes().length, 1)
  })

  t.test("azure-ai-ml shows the words of a reviewer's who rejects while it waits", async (t) => {
    await reviewing.world.clear()
    const made = deploy('held-no')
    await reject(await waiting('held-no'), 'no fairness report')
    t.match(await made, { code: 'approval_rejected', refusal: /no fairness report/ })
    t.same(changes(), [])
  })

  const az = command('az')
  t.test(
    'the Azure CLI is refused, approved, repeats and succeeds',
    { skip: az.skip },
    async (t) => {
      await reviewing.world.clear()
      const { ARM_CLOUD_METADATA_URL: _, ...env } = await settings(reviewing.world, 'scientist')
      const home = t.testdir()
      const url = `${reviewing.world.url}${workspaceId()}/onlineEndpoints/by-az?api-version=2024-04-01`
      const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
      const put = async () =>
        runCommand(
          az.file,
          // prettier-ignore
          [
          'rest', '--method', 'put', '--uri', url, '--body', JSON.stringify(body),
          '--skip-authorization-header', '--headers', `Authorization=Bearer ${env['LAB_TOKEN'] ?? ''}`,
          '--output', 'json',
        ],
          {
            ...env,
            HOME: home,
            AZURE_CONFIG_DIR: join(home, 'azure'),
            AZURE_CORE_COLLECT_TELEMETRY: 'false',
          },
        )
      const refused = await put()
      t.not(refused.code, 0)
      const id = await waiting('by-az')
      t.match(refused.stderr, id, 'it says where the review is')
      t.same(changes(), [])
      await reviewing.approve('reviewer', id)
      const made = await put()
      t.equal(made.code, 0, said(made))
      t.match(JSON.parse(made.stdout), { name: 'by-az' })
      t.equal(changes().length, 1)
    },
  )
}
