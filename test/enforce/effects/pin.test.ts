/** Labels in a body become versions, in the form in which they were written, or the body is refused. */
import t from 'tap'
import { findAll } from '../../../src/azureml/body/facts.ts'
import { parseJson } from '../../../src/lib/json/document.ts'
import { applyEdits } from '../../../src/enforce/effects/edit.ts'
import { pinAll, type Labelled, type Pins } from '../../../src/enforce/effects/pin.ts'

const WS =
  '/subscriptions/22222222-2222-4222-8222-222222222222/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'
const OTHER = WS.replace(/ws$/, 'other')

async function pins(text: string, asked: Labelled[] = []): Promise<Pins> {
  const { floating } = findAll(parseJson(Buffer.from(text)), {
    scope: WS,
    type: 'Job',
    whole: true,
  })
  return pinAll(floating, async (labelled) => {
    asked.push(labelled)
    return '7'
  })
}

const pinned = async (text: string): Promise<string> =>
  applyEdits(Buffer.from(text), (await pins(text)).edits).toString()

const env = (id: string) => `{"environmentId":"${id}"}`

t.test('every form of a label becomes the same form of a version', async (t) => {
  for (const [before, after] of [
    [env('azureml:e@latest'), env('azureml:e:7')],
    ['{ "environmentId" : "azureml:e@LATEST" }', '{ "environmentId" : "azureml:e:7" }'],
    [env('e@latest'), env('e:7')],
    [env(`${WS}/environments/e/labels/latest`), env(`${WS}/environments/e/versions/7`)],
    [env(`${OTHER}/environments/e/labels/latest`), env(`${OTHER}/environments/e/versions/7`)],
    [
      env('azureml://registries/AzureML/environments/e-1.5/Labels/latest'),
      env('azureml://registries/AzureML/environments/e-1.5/versions/7'),
    ],
    [
      '{"jobInputType":"uri_file","uri":"azureml:d@latest"}',
      '{"jobInputType":"uri_file","uri":"azureml:d:7"}',
    ],
    ['{"componentId":"azureml:c@default"}', '{"componentId":"azureml:c:7"}'],
    [env('azureml:e:1'), env('azureml:e:1')],
    [env('bare-word'), env('bare-word')],
  ] as const)
    t.equal(await pinned(before), after)
})

t.test('what was changed is told by the name that is now sent', async (t) => {
  const { changes } = await pins(
    `[${env('azureml:e@latest')},${env('azureml://registries/r01/environments/e/labels/latest')}]`,
  )
  t.same(changes, [
    { effect: 'pin', at: '/0/environmentId', to: 'e:7' },
    {
      effect: 'pin',
      at: '/1/environmentId',
      to: 'azureml://registries/r01/environments/e/versions/7',
    },
  ])
})

t.test('it is asked with the kind that the place tells', async (t) => {
  const asked: Labelled[] = []
  await pins('{"componentId":"azureml:c@default","modelId":"azureml:m@latest"}', asked)
  t.match(asked, [
    { kind: 'components', label: 'default', asset: { name: 'c' } },
    { kind: 'models', label: 'latest', asset: { name: 'm' } },
  ])
})

t.test('what cannot be asked is refused, with the reason', async (t) => {
  for (const [text, message] of [
    [env('azureml:e'), /neither a version nor a label/],
    ['{"unknown":"azureml:e@latest"}', /what kind of asset/],
    [env(`${WS}/environments/e/labels/latest/more`), /not the end of it/],
    [env('azureml://registries/r01/environments/e/labels/latest/'), /not the end of it/],
    [
      `[${Array.from({ length: 51 }, (_, at) => `"azureml:e${at}@latest"`).join(',')}]`,
      /more than 50/,
    ],
  ] as const)
    await t.rejects(pinned(text), { code: 'policy_refused', message }, text.slice(0, 80))
})

t.test('a lookup that fails is passed on as it failed', async (t) => {
  const failing = Object.assign(new Error('down'), { code: 'upstream_timeout' })
  const { floating } = findAll(parseJson(Buffer.from('{"modelId":"azureml:m@latest"}')), {
    scope: WS,
    type: 'Job',
    whole: true,
  })
  await t.rejects(
    pinAll(floating, () => Promise.reject(failing)),
    failing,
  )
})
