/** deploy/policy: the initiative has Azure's own definitions with the parameters that those take, and what check looks for. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { ENDPOINTS_POLICY, GUARDS, INITIATIVE } from '../../src/cli/workspace/initiative.ts'

interface Parameter {
  readonly type: string
  readonly allowedValues?: readonly unknown[]
  readonly defaultValue?: unknown
}
interface Member {
  readonly policyDefinitionReferenceId: string
  readonly policyDefinitionId: string
  readonly parameters: Readonly<Record<string, { readonly value: string }>>
}
interface Definition {
  readonly name: string
  readonly properties: {
    readonly policyType: string
    readonly mode: string
    readonly parameters: Readonly<Record<string, Parameter>>
    readonly policyDefinitions: readonly Member[]
    readonly policyRule: Readonly<Record<string, unknown>>
  }
}

const read = async (name: string): Promise<Definition> =>
  JSON.parse(await readFile(`deploy/policy/${name}`, 'utf8')) as Definition

/** Azure's definitions as published in Azure/azure-policy: their effects, and parameters besides the effect. */
const BUILTIN: Readonly<Record<string, readonly [effects: string, parameters: readonly string[]]>> =
  {
    'a10ee784-7409-4941-b091-663697637c0f': ['Modify', []],
    '438c38d2-3772-465a-a9cc-7a6666a275ce': ['Audit Deny', []],
    '7838fd83-5cbb-4b5d-888c-bfa240972597': ['DeployIfNotExists', ['privateEndpointSubnetId']],
    'ee40564d-486e-4f68-a5ca-7a621edae0fb': [
      'DeployIfNotExists',
      ['privateDnsZoneId', 'secondPrivateDnsZoneId'],
    ],
    'f59276f0-5740-4aaf-821d-45d185aa210e': [
      'DeployIfNotExists',
      ['profileName', 'logAnalytics', 'metricsEnabled', 'logsEnabled'],
    ],
    '6ddb1705-c8cf-450e-aa4b-19ad6703c440': ['Audit Deny', ['isolationMode']],
    'a6f9a2d0-cff7-4855-83ad-4cd750666512': ['Modify', []],
    'e96a9a5f-07ca-471b-9bc5-6a0f33cbd68f': ['Audit Deny', []],
    '679ddf89-ab8f-48a5-9029-e76054077449': ['Audit Deny', []],
  }

t.test(
  'each member is one of Azure’s, or the one beside it, with the parameters it takes',
  async (t) => {
    const { name, properties } = await read('initiative.json')
    t.equal(name, INITIATIVE)
    t.equal(properties.policyType, 'Custom')
    const used = new Set<string>()
    const ids = properties.policyDefinitions.map(({ policyDefinitionId, parameters }) => {
      const id = policyDefinitionId.split('/').at(-1) ?? ''
      const [effects, own] = BUILTIN[id] ?? ['Audit Deny', []]
      const whole =
        id === ENDPOINTS_POLICY
          ? `{scope}/providers/Microsoft.Authorization/policyDefinitions/${id}`
          : `/providers/Microsoft.Authorization/policyDefinitions/${id}`
      t.equal(policyDefinitionId, whole)
      t.same(Object.keys(parameters).sort(), ['effect', ...own].sort(), id)
      for (const [parameter, { value }] of Object.entries(parameters)) {
        const [, given = ''] = /^\[parameters\('(\w+)'\)\]$/.exec(value) ?? []
        used.add(given)
        const declared = properties.parameters[given]
        t.ok(declared, `${id}: ${value} is declared`)
        if (parameter !== 'effect') continue
        t.same(declared?.allowedValues, [...effects.split(' '), 'Disabled'], id)
        t.equal(declared?.defaultValue, effects.split(' ').at(-1), 'the effect acts')
      }
      return id
    })
    t.same([...ids].sort(), [...Object.keys(BUILTIN), ENDPOINTS_POLICY].sort())
    t.same(
      [...used].sort(),
      Object.keys(properties.parameters).sort(),
      'no parameter is for nothing',
    )
    const references = properties.policyDefinitions.map((one) => one.policyDefinitionReferenceId)
    t.equal(new Set(references).size, references.length)
    const readme = await readFile('deploy/policy/README.md', 'utf8')
    for (const [at, reference] of references.entries())
      t.match(
        readme,
        `| \`${reference}\` | ${ids[at] === ENDPOINTS_POLICY ? '`endpoints' : ids[at]}`,
      )
  },
)

t.test('what workspace check looks for is in the initiative, and all of it', async (t) => {
  const { properties } = await read('initiative.json')
  const inIt = properties.policyDefinitions.map(
    ({ policyDefinitionId }) => policyDefinitionId.split('/').at(-1) ?? '',
  )
  const looked = GUARDS.flatMap(({ ids }) => ids)
  t.same([...looked].sort(), inIt.sort())
})

t.test('endpoints are to take tokens of Microsoft Entra', async (t) => {
  const { name, properties } = await read('endpoints-entra-tokens.json')
  t.equal(name, ENDPOINTS_POLICY)
  const type = 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints'
  const rule = new Map(Object.entries(properties.policyRule))
  t.same(rule.get('if'), {
    allOf: [
      { field: 'type', equals: type },
      { field: `${type}/authMode`, notEquals: 'AADToken' },
    ],
  })
  t.same(rule.get('then'), { effect: "[parameters('effect')]" })
  t.match(properties, { policyType: 'Custom', mode: 'All' })
  t.match(properties.parameters['effect'], { defaultValue: 'Deny' })
})
