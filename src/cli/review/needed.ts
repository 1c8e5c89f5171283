/**
 * What the calls of a period needed each binding for: every recorded decision in which a binding had a part is judged
 * again without it.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { checkSignIn } from '../../identity/sign-in.ts'
import { withoutBinding } from '../../policy/load/bind.ts'
import { setAt, type PolicySet } from '../../policy/load/rules.ts'
import { askedIn, type Asked, type Row } from '../../policy/review/recorded.ts'
import { createRedecide, reproduces } from '../../policy/review/replay.ts'
import type { Verdict } from '../../policy/decide.ts'

export interface Needed {
  /** Decisions of the period that were judged again. */
  replayed(): number
  /** Of these, how many would have been another one without the binding. */
  changed(binding: string): number
  /** Decisions under the binding that could not be judged again from what the record has. */
  unreproducible(binding: string): number
}

/** Policies that are kept ready; each takes memory of Cedar's. */
const MAX_READY = 32

type Redecide = (asked: Asked) => Verdict

/** @param set the policies that are reviewed, at any instant: each record is judged at its own */
export function createNeeded(set: PolicySet): Needed & { readonly add: (row: Row) => void } {
  const changed = new Map<string, number>()
  const lost = new Map<string, number>()
  const ready = new LRUCache<string, Redecide>({ max: MAX_READY })
  let at = set
  let replayed = 0

  function redecideOf(name: string, make: () => PolicySet): Redecide {
    const key = `${at.key} ${name}`
    const redecide = ready.get(key) ?? createRedecide(make(), checkSignIn)
    ready.set(key, redecide)
    return redecide
  }
  const bindingsIn = (policies: readonly string[]): readonly string[] =>
    policies.flatMap((id) => set.written.rules.get(id)?.link?.binding ?? [])

  return {
    add(row) {
      const time = Date.parse(String(row.get('EventTime')))
      if (!(time >= at.holds.since && time < at.holds.before)) at = setAt(set, time)
      const asked = askedIn(row, at)
      if (asked === null) return
      const verdict = reproduces(
        redecideOf('', () => at),
        asked,
      )
      if (verdict === null) {
        for (const binding of bindingsIn(asked.policies)) count(lost, binding)
        return
      }
      replayed += 1
      for (const binding of bindingsIn(verdict.decision.policies)) {
        const without = redecideOf(binding, () => withoutBinding(at, binding))
        if (answerOf(without(asked)) !== answerOf(verdict)) count(changed, binding)
      }
    },
    replayed: () => replayed,
    changed: (binding) => changed.get(binding) ?? 0,
    unreproducible: (binding) => lost.get(binding) ?? 0,
  }
}

function count(all: Map<string, number>, binding: string): void {
  all.set(binding, (all.get(binding) ?? 0) + 1)
}

/** What a caller would notice: whether it is permitted, and with which effects. */
const answerOf = ({ decision, permit }: Verdict): string =>
  JSON.stringify([decision.verdict, permit?.effects ?? null])
