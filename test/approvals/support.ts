/**
 * A lab, a gateway that keeps reviews in a directory, and its callers.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import type { Lab, LabOptions } from '../../lab/lab.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import type { Answer } from '../support/send.ts'

export const W = workspaceId()
export const V = '?api-version=2024-04-01'
const RBAC = 'Microsoft.MachineLearningServices/workspaces'

export const RELEASE = `
@id("release-needs-review")
@reason("what serves is released by the model's owners")
@approval("reviewers=1 valid=1h")
forbid (
  principal,
  action in
    [Action::"${RBAC}/onlineEndpoints/write",
     Action::"${RBAC}/onlineEndpoints/deployments/write",
     Action::"${RBAC}/onlineEndpoints/deployments/delete",
     Action::"${RBAC}/models/versions/delete",
     Action::"${RBAC}/models/write"],
  resource
);
`
export const OWNERS = `owners:
  - models: "*"
    reviewers: [Group::"reviewers"]
`
export const BINDINGS = `
  - id: reviews-on-ws-lab
    template: release-reviewer
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: reviews-of-scientists
    template: release-reviewer
    principal: Group::"scientists"
    resource: Workspace::"lab"
`

export interface Reviewing {
  /** Policies in force, as files. */
  readonly policies: string
  readonly world: World
  readonly ledger: string
  readonly keyFile: string
  /** Approves a review, as the persona, for what it shows. */
  readonly approve: (persona: string, id: string) => Promise<Answer>
  readonly call: (
    persona: string,
    method: string,
    path: string,
    body?: object,
    headers?: Headers,
  ) => Promise<Answer>
  /** Writes or, where null, removes files of the policies, and waits until they are in force. */
  readonly change: (files: Readonly<Record<string, string | null>>) => Promise<void>
  readonly close: () => Promise<void>
}

type Headers = Readonly<Record<string, string>>

export interface ReviewingOptions {
  readonly files?: Readonly<Record<string, string>>
  readonly bindings?: string
  readonly change?: (config: ConfigFile, lab: Lab) => ConfigFile
  readonly lab?: Pick<LabOptions, 'storage' | 'mlflow' | 'vault'>
  readonly env?: Readonly<Record<string, string>>
}

export async function startReviewing(options: ReviewingOptions = {}): Promise<Reviewing> {
  const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-reviews-'))
  const keyFile = join(folder, 'key.pem')
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await writeFile(keyFile, pem, { mode: 0o600 })
  const ledger = join(folder, 'ledger')
  const policies = await ownPolicies(
    { 'release.cedar': RELEASE, 'owners.yaml': OWNERS, ...options.files },
    options.bindings ?? BINDINGS,
  )
  const world = await startGateway({
    ...(options.lab === undefined ? {} : { lab: options.lab }),
    gateway: (lab) => ({
      ...(options.env === undefined ? {} : { env: options.env }),
      change: (config) => {
        const changed = policies.change({
          ...config,
          approvals: { keys: [{ fromFile: keyFile }], ledger: { directory: ledger } },
        })
        return options.change?.(changed, lab) ?? changed
      },
    }),
  })
  const call: Reviewing['call'] = async (persona, method, path, body, headers = {}) =>
    world.send(path, {
      method,
      headers: {
        authorization: `Bearer ${await world.lab.token(persona)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return {
    world,
    ledger,
    keyFile,
    policies: policies.directory,
    call,
    async approve(persona, id) {
      const path = `/_harness/api/reviews/${id}`
      const shown = (await call(persona, 'GET', path)).json() as { shownDigest?: string }
      const { shownDigest } = shown
      return call(persona, 'POST', `${path}/verdicts`, { verdict: 'approve', shownDigest })
    },
    async change(files) {
      const inForce = async (): Promise<unknown> =>
        ((await call('scientist', 'GET', '/_harness/whoami')).json() as { policyVersion?: string })
          .policyVersion
      const before = await inForce()
      for (const [name, text] of Object.entries(files)) {
        const file = join(policies.directory, name)
        if (text === null) await rm(file)
        else await writeFile(file, text)
      }
      await eventually('the policies are in force', async () => (await inForce()) !== before)
    },
    async close() {
      await world.close()
      await policies.remove()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The review that a refusal names. */
export function reviewIn(answer: Answer): { readonly id: string; readonly url: string } {
  const { error } = answer.json() as {
    error: { additionalInfo: { info: { review?: { id: string; url: string } } }[] }
  }
  const review = error.additionalInfo[0]?.info.review
  if (review === undefined) throw new Error(`no review in ${answer.text}`)
  return review
}
