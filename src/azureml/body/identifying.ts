/**
 * Facts that identify what a document describes: its tags and its experiment, from their published places alone.
 * @module
 */
import type { Collector } from './collect.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { exactly, experimentPlaces, ARM_TAGS, jobPlaces, objectAt, tagHolder } from './places.ts'
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
  const place = tagHolder(context.type, context.api ?? 'arm')
  const holder = place === null ? null : objectAt(root, place.path)
  const own = place === null ? NONE : tagsOf(holder, place.names)
  const made = jobPlaces(context.type).flatMap((at) => objectAt(root, at) ?? [])
  // a job is what has the tags itself
  const ofJobs = made.map((job) =>
    job === holder && place?.names === ARM_TAGS ? own : tagsOf(job, ARM_TAGS),
  )
  // a schedule is told by the tags of the jobs that it starts: those decide whose the runs are
  const counted = context.type === 'Schedule' && made.length > 0 ? ofJobs : [own]
  const all = new Set([own, ...ofJobs])
  for (const job of made) addTagsOfSteps(job, 0, all)
  if (all.has(null)) collector.markUnusable('tags', 'tags that cannot be read')
  const differing = all.size === 1 ? NOTHING : differingIn(all)
  for (const tags of counted) {
    for (const [name, value] of tags ?? NONE) {
      collector.add('tags', tagFact(name, value))
      if (differing.has(name)) collector.markUnusable('tags', 'two different values of one tag')
    }
  }
}

const NONE: Tags = new Map()
const NOTHING: ReadonlySet<string> = new Set()

/** Names that have two values. */
function differingIn(all: ReadonlySet<Tags | null>): ReadonlySet<string> {
  const values = new Map<string, string>()
  const differing = new Set<string>()
  for (const tags of all) {
    for (const [name, value] of tags ?? NONE) {
      if ((values.get(name) ?? value) !== value) differing.add(name)
      values.set(name, value)
    }
  }
  return differing
}

/** Null for tags in no form that is known. */
function tagsOf(holder: JsonNode | null, names: readonly string[]): Tags | null {
  const [only] = names
  if (names.length === 1 && only !== undefined) return readTags(exactly(holder, only))
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

/** Adds the tags of the steps of a pipeline, which Azure gives to the runs within the job's own. */
function addTagsOfSteps(job: JsonNode, level: number, all: Set<Tags | null>): void {
  const steps = exactly(job, 'jobs')
  if (steps?.kind !== 'object' || level >= MAX_LEVELS) return
  for (const { value } of steps.members) {
    all.add(tagsOf(value, ARM_TAGS))
    addTagsOfSteps(value, level + 1, all)
  }
}
