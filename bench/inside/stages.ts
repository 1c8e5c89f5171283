/**
 * Where the CPU of a profile went, by stage: our own code by its folder, and what is Node's, V8's or a package's by name.
 * Time is of the code that ran itself, with the built-in functions that it called; what it called of others is theirs.
 */
import type { Profiler } from 'node:inspector'

const IDLE = new Set(['(idle)', '(program)', '(root)'])
const OWN = /\/(?:src|dist)\/(?:([\w-]+)\/|([\w-]+)\.[jt]s)/
const PACKAGE = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/

export interface Stage {
  readonly name: string
  /** Whether the code is of this repository. */
  readonly own: boolean
}

interface Placed extends Stage {
  readonly functionName: string
}

type Frames = ReadonlyMap<number, Placed>

/** The stage of each node of a profile. */
export function stagesOf(profile: Profiler.Profile): Frames {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap((node) =>
      (node.children ?? []).map((child) => [child, node.id] as const),
    ),
  )
  const place = (id: number | undefined): Stage => {
    const node = id === undefined ? undefined : nodes.get(id)
    if (node === undefined) return { name: 'V8', own: false }
    const { functionName, url } = node.callFrame
    if (IDLE.has(functionName)) return { name: 'idle', own: false }
    if (functionName === '(garbage collector)') return { name: 'V8: garbage', own: false }
    const found = PACKAGE.exec(url)
    if (found?.[1] !== undefined) return { name: found[1], own: false }
    if (url.startsWith('node:'))
      return { name: `node: ${(url.split('/')[1] ?? url).replace('node:', '')}`, own: false }
    if (url.startsWith('wasm:')) return { name: 'Cedar', own: false }
    const [, folder, file] = OWN.exec(url) ?? []
    if (folder !== undefined || file !== undefined)
      return { name: `src/${folder ?? `${file}.ts`}`, own: true }
    // a built-in function belongs to who called it
    return place(parents.get(node.id))
  }
  return new Map(
    profile.nodes.map((node) => [
      node.id,
      { ...place(node.id), functionName: node.callFrame.functionName },
    ]),
  )
}

/** Each stage's share of the time in which anything ran, largest first. */
export function shares(profile: Profiler.Profile): readonly (Stage & { share: number })[] {
  const stages = stagesOf(profile)
  const micros = new Map<string, { own: boolean; micros: number }>()
  let total = 0
  for (const [at, id] of (profile.samples ?? []).entries()) {
    const stage = stages.get(id)
    if (stage === undefined || stage.name === 'idle') continue
    const took = profile.timeDeltas?.[at] ?? 0
    const known = micros.get(stage.name) ?? { own: stage.own, micros: 0 }
    micros.set(stage.name, { ...known, micros: known.micros + took })
    total += took
  }
  return [...micros]
    .map(([name, one]) => ({ name, own: one.own, share: one.micros / total }))
    .toSorted((a, b) => b.share - a.share)
}
