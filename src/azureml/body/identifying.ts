/**
 * Facts that identify what a document describes: its tags and its experiment, from their published places alone.
 * @module
 */
import type { Collector } from './collect.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { exactly, experimentPlaces, jobPlaces, objectAt, tagHolder } from './places.ts'
import { readTags, tagFact } from './tags.ts'
import type { DocumentContext } from './walk.ts'

type Tags = ReadonlyMap<string, string>

/** Steps in steps: no pipeline that somebody wrote is nested deeper, and the parser allows no more levels than this. */
const MAX_LEVELS = 64

/** Adds `tags` and `experiment`. */
export function identifying(root: JsonNode, context: DocumentContext, collector: Collector): void {
  for (const place of experimentPlaces(context.type)) {
    const name = exactly(objectAt(root, place), 'experimentname')
    if (name?.kind === 'string' && name.value.trim() !== '')
      collector.set('experiment', name.value.trim())
  }
  const own = ownTags(root, context)
  const made = jobPlaces(context.type).flatMap((place) => objectAt(root, place) ?? [])
  const ofJobs = made.map((job) => tagsOf(job, ['tags']))
  // a schedule is told by the tags of the jobs that it starts: those decide whose the runs are
  const counted = context.type === 'Schedule' && made.length > 0 ? ofJobs : [own]
  const within = made.flatMap((job) => tagsOfSteps(job, 0))
  const all = [own, ...ofJobs, ...within]
  if (all.includes(null)) collector.markUnusable('tags', 'tags that cannot be read')
  const differing = differingIn(all)
  for (const tags of counted) {
    for (const [name, value] of tags ?? []) {
      collector.add('tags', tagFact(name, value))
      if (differing.has(name)) collector.markUnusable('tags', 'two different values of one tag')
    }
  }
}

/** Names that have two values. */
function differingIn(all: readonly (Tags | null)[]): ReadonlySet<string> {
  const values = new Map<string, string>()
  const differing = new Set<string>()
  for (const tags of all) {
    for (const [name, value] of tags ?? []) {
      if ((values.get(name) ?? value) !== value) differing.add(name)
      values.set(name, value)
    }
  }
  return differing
}

function ownTags(root: JsonNode, { type, api }: DocumentContext): Tags | null {
  const holder = tagHolder(type, api ?? 'arm')
  if (holder === null) return new Map()
  return tagsOf(objectAt(root, holder.path), holder.names)
}

/** Null for tags in no form that is known. */
function tagsOf(holder: JsonNode | null, names: readonly string[]): Tags | null {
  const all = new Map<string, string>()
  for (const name of names) {
    const tags = readTags(exactly(holder, name))
    if (tags === null) return null
    for (const [key, value] of tags) {
      if ((all.get(key) ?? value) !== value) return null
      all.set(key, value)
    }
  }
  return all
}

/** Tags of the steps of a pipeline, which Azure gives to the runs within the job's own. */
function tagsOfSteps(job: JsonNode, level: number): readonly (Tags | null)[] {
  const steps = exactly(job, 'jobs')
  if (steps?.kind !== 'object' || level >= MAX_LEVELS) return []
  return steps.members.flatMap(({ value }) => [
    tagsOf(value, ['tags']),
    ...tagsOfSteps(value, level + 1),
  ])
}
