/**
 * What commands that need no gateway read: policies in a repository, a configuration, the spool of a gateway that served
 * some calls, a session.
 */
import { spawnSync } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Agent, request } from 'undici'
import { stringify } from 'yaml'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { workspaceId } from '../../lab/personas.ts'
import { openHome } from '../../src/cli/session/home.ts'
import { writeSessions } from '../../src/cli/session/store.ts'
import type { World } from '../world/world.ts'

export interface Left {
  readonly config: string
  readonly spool: string
  readonly policies: string
  /** Policies that give nobody anything. */
  readonly other: string
  /** Policies with one binding, and a file of cases. */
  readonly small: string
  /** Of a refused call. */
  readonly decision: string
}

/** Of the managed identities that policies name. */
export const IDENTITY_NAMES = ['ml-reader', 'ml-writer']
const ROOT = join(import.meta.dirname, '..', '..')
const CALLS = 20
const QUERY = 'api-version=2024-04-01'

/** The directories of policies of a bench. */
export type Directories = Pick<Left, 'policies' | 'other' | 'small'>

const CASES = '.tests.yaml'
const KEPT = `reader${CASES}`

/** Writes the repository of policies, with the lab's bindings, and the other policies. */
export async function writePolicies({ policies, other, small }: Directories): Promise<void> {
  for (const directory of [policies, other, small])
    await cp(join(ROOT, 'policies'), directory, {
      recursive: true,
      filter: (path) => directory !== small || !path.endsWith(CASES) || basename(path) === KEPT,
    })
  await cp(join(ROOT, 'lab', 'gateway', 'bindings.yaml'), join(policies, 'bindings.yaml'))
  await writeFile(
    join(other, 'bindings.yaml'),
    'identities: [ml-reader, ml-writer]\nbindings: []\n',
  )
  await writeFile(
    join(small, 'bindings.yaml'),
    stringify({
      identities: IDENTITY_NAMES,
      bindings: [
        {
          id: 'readers',
          template: 'reader',
          principal: 'Group::"okta/readers"',
          resource: `Workspace::"${workspaceId().toLowerCase()}"`,
        },
      ],
    }),
  )
  git(policies, 'init', '-q')
  git(policies, 'add', '.')
  git(policies, 'commit', '-qm', 'policies')
}

function git(directory: string, ...args: readonly string[]): void {
  const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com']
  const { status, stderr } = spawnSync('git', ['-C', directory, ...author, ...args])
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${String(stderr)}`)
}

/** A configuration whose policies are in one directory. */
export const withPolicies =
  (directory: string) =>
  (config: ConfigFile): ConfigFile => ({ ...config, policies: { directory } })

/** Makes calls of a gateway, the last of which is refused. @returns the decision id of that */
export async function makeCalls({ lab }: World, gateway: string): Promise<string> {
  const authorization = `Bearer ${await lab.token('scientist')}`
  const dispatcher = new Agent({ connect: { ca: lab.certificates.ca } })
  const call = async (path: string, method: 'GET' | 'DELETE'): Promise<string> => {
    const options = { method, headers: { authorization }, dispatcher } as const
    const { headers, body } = await request(`${gateway}${path}?${QUERY}`, options)
    await body.dump()
    return String(headers['x-harness-decision-id'])
  }
  try {
    for (let n = 0; n < CALLS; n++) await call(`${workspaceId()}/jobs/job-${n}`, 'GET')
    return await call(workspaceId(), 'DELETE')
  } finally {
    await dispatcher.close()
  }
}

/** Signs somebody in, with a token that is still good for an hour. */
export async function signIn(home: string, gateway: string): Promise<void> {
  await openHome(home)
  await writeSessions(home, [
    {
      gateway,
      issuer: 'https://login.example',
      profile: 'oidc',
      clientId: 'x',
      scopes: [],
      accessToken: 'x',
      expiresAt: Date.now() + 3_600_000,
      refreshToken: null,
      who: null,
      caFile: null,
    },
  ])
}
