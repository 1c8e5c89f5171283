/**
 * What may grow, to which sizes, and what a gateway of each size has in its configuration. All callers are in the group
 * `scientists` of their issuer, and read in the lab's workspace.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { workspaceId } from '../../lab/personas.ts'

export interface Size {
  readonly issuers: number
  readonly people: number
  /** Managed identities besides those of the lab. */
  readonly identities: number
  /** Bindings that have nothing to do with the callers. */
  readonly otherBindings: number
  /** Bindings that all permit what the callers do. */
  readonly sameBindings: number
  readonly connections: number
  /** Calls a second over all of them; as many as there can be if absent. */
  readonly rate?: number
}

/** Calls a second over many connections, of which few have a call at the same time. */
const RATE = 1_000

const USUAL: Size = {
  issuers: 1,
  people: 100,
  identities: 0,
  otherBindings: 0,
  sameBindings: 1,
  connections: 64,
}

export interface Dimension {
  readonly name: string
  /** The least first. */
  readonly sizes: readonly number[]
  readonly of: (size: number) => Size
  /** Of the bare proxy, to compare with; nothing is asked of it. */
  readonly bare?: boolean
}

export const DIMENSIONS: readonly Dimension[] = [
  {
    name: 'policies',
    sizes: [30, 10_000],
    of: (count) => ({ ...USUAL, otherBindings: count - 1 }),
  },
  {
    name: 'bindings that all match the caller',
    sizes: [1, 10_000],
    of: (count) => ({ ...USUAL, sameBindings: count }),
  },
  { name: 'issuers', sizes: [1, 50], of: (count) => ({ ...USUAL, issuers: count }) },
  { name: 'principals', sizes: [1, 100_000], of: (count) => ({ ...USUAL, people: count }) },
  { name: 'identities', sizes: [1, 200], of: (count) => ({ ...USUAL, identities: count }) },
  { name: 'connections', sizes: [64, 2_000], of: (count) => ({ ...USUAL, connections: count }) },
  {
    name: `connections at ${RATE} calls a second`,
    sizes: [2_000],
    of: (count) => ({ ...USUAL, connections: count, rate: RATE }),
  },
  {
    name: 'connections to the bare proxy',
    sizes: [64, 2_000],
    of: (count) => ({ ...USUAL, connections: count }),
    bare: true,
  },
]

/** Workspaces that the other bindings are about. */
const WORKSPACES = 500
const IDENTITY = 'ml-writer'

/** Names of the identities that are added. */
export function identityNames(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `bench-identity-${n}`)
}

const binding = (id: string, principal: string, workspace: string): string =>
  `  - { id: ${id}, template: data-scientist, principal: 'Group::"${principal}"', resource: 'Workspace::"${workspace}"' }`

/** Writes the bindings of a gateway of that size. */
export async function writeBindings(file: string, size: Size): Promise<void> {
  const own = workspaceId().toLowerCase()
  const lines = [
    `identities: [ml-reader, ${IDENTITY}, ${identityNames(size.identities).join(', ')}]`.replace(
      ', ]',
      ']',
    ),
    'bindings:',
  ]
  for (let issuer = 0; issuer < size.issuers; issuer++) {
    for (let n = 0; n < size.sameBindings; n++)
      lines.push(binding(`own-${issuer}-${n}`, `bench${issuer}/scientists`, own))
  }
  for (let n = 0; n < size.otherBindings; n++) {
    const workspace = own.replace('ws-lab', `ws-${n % WORKSPACES}`)
    lines.push(binding(`other-${n}`, `bench0/team-${n}`, workspace))
  }
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${lines.join('\n')}\n`)
}
