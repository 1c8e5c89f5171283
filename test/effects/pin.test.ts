/** What a label means is asked once, kept for seconds, and refused where it cannot be known. */
import t from 'tap'
import { findAll } from '../../src/azureml/body/facts.ts'
import { parseJson } from '../../src/azureml/body/json.ts'
import { applyEdits } from '../../src/effects/edit.ts'
import { createVersionCache, pinAll, type Ask } from '../../src/effects/pin.ts'

const WS =
  '/subscriptions/s/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'

interface Pinning {
  readonly answer?: unknown
  readonly scope?: string | null
  readonly cache?: ReturnType<typeof createVersionCache>
  readonly identity?: string
  readonly asked?: string[]
}

async function pinned(text: string, options: Pinning = {}): Promise<string> {
  const bytes = Buffer.from(text)
  const { floating } = findAll(parseJson(bytes), { scope: WS, type: 'Job', whole: true })
  const ask: Ask = async (path, query) => {
    options.asked?.push(`${path}?${query}`)
    return 'answer' in options ? options.answer : { value: [{ name: '7' }] }
  }
  const { edits } = await pinAll(floating, {
    scope: options.scope === undefined ? WS : options.scope,
    identity: options.identity ?? 'ml-writer',
    ask,
    cache: options.cache ?? createVersionCache(),
  })
  return applyEdits(bytes, edits).toString()
}

t.test('every form of a label becomes the same form of a version', async (t) => {
  for (const [before, after] of [
    ['{"environmentId":"azureml:e@latest"}', '{"environmentId":"azureml:e:7"}'],
    ['{ "environmentId" : "azureml:e@LATEST" }', '{ "environmentId" : "azureml:e:7" }'],
    ['{"environmentId":"e@latest"}', '{"environmentId":"e:7"}'],
    [
      `{"environmentId":"${WS}/environments/e/labels/latest"}`,
      `{"environmentId":"${WS}/environments/e/versions/7"}`,
    ],
    [
      '{"jobInputType":"uri_file","uri":"azureml:d@latest"}',
      '{"jobInputType":"uri_file","uri":"azureml:d:7"}',
    ],
    ['{"environmentId":"azureml:e:1"}', '{"environmentId":"azureml:e:1"}'],
    ['{"environmentId":"bare-word"}', '{"environmentId":"bare-word"}'],
  ] as const)
    t.equal(await pinned(before), after)
})

t.test('asks for the newest version, in the workspace of the call', async (t) => {
  const asked: string[] = []
  await pinned('{"modelId":"azureml:m@latest"}', { asked })
  t.same(asked, [
    `${WS}/models/m/versions?api-version=2024-04-01&$orderBy=createdtime%20desc&$top=1`,
  ])
})

t.test('one asset is asked for once, and by each identity for itself', async (t) => {
  const cache = createVersionCache()
  const asked: string[] = []
  const text = '{"a":{"environmentId":"azureml:e@latest"},"b":{"environmentId":"azureml:e@latest"}}'
  await pinned(text, { cache, asked })
  await pinned(text, { cache, asked })
  t.equal(asked.length, 1)
  await pinned(text, { cache, asked, identity: 'ml-reader' })
  t.equal(asked.length, 2)
})

const env = (id: string) => `{"environmentId":"${id}"}`

t.test('what cannot be pinned is refused, with the reason', async (t) => {
  const cases: readonly [string, Pinning, RegExp][] = [
    [env('azureml:e@latest'), { answer: null }, /no version/],
    [env('azureml:e@latest'), { answer: { value: [] } }, /no version/],
    [env('azureml:e@latest'), { answer: { value: [{ name: '../../secret' }] } }, /no version/],
    [env('azureml:e@latest'), { answer: { value: [{ name: 7 }] } }, /no version/],
    [env('azureml:e@latest'), { answer: 'text' }, /no version/],
    [env('azureml:e@latest'), { scope: null }, /Azure Resource Manager only/],
    [env('azureml:e@prod'), {}, /label is not "latest"/],
    [env('azureml:e'), {}, /neither a version nor a label/],
    [env('azureml:a%2fb@latest'), {}, /not one that Azure gives/],
    [env('azureml:..@latest'), {}, /not one that Azure gives/],
    [env(`${WS.replace(/ws$/, 'other')}/environments/e/labels/latest`), {}, /another workspace/],
    [env('azureml://registries/r/environments/e/labels/latest'), {}, /registry/],
    ['{"unknown":"azureml:e@latest"}', {}, /what kind of asset/],
    [
      `[${Array.from({ length: 51 }, (_, at) => `"azureml:e${at}@latest"`).join(',')}]`,
      {},
      /more than 50/,
    ],
  ]
  for (const [text, options, message] of cases)
    await t.rejects(pinned(text, options), { code: 'policy_refused', message }, text.slice(0, 80))
})

t.test('an answer that fails is passed on as it failed', async (t) => {
  const failing = Object.assign(new Error('down'), { code: 'upstream_timeout' })
  const { floating } = findAll(parseJson(Buffer.from('{"modelId":"azureml:m@latest"}')), {
    scope: WS,
    type: 'Job',
    whole: true,
  })
  await t.rejects(
    pinAll(floating, {
      scope: WS,
      identity: 'x',
      cache: createVersionCache(),
      ask: () => Promise.reject(failing),
    }),
    failing,
  )
})
