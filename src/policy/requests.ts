/**
 * What somebody may ask for by `requests.yaml`, and whether a request is what a rule offers.
 *
 * Pure functions of the rules: whoever grants asks them anew at each use, so that a grant ends with its rule.
 * @module
 */
import { isOneOf } from './engine/entities.ts'
import type { Uid } from './load/conditions.ts'
import { lengthText } from './load/period.ts'
import type { RequestRule, Way } from './load/requests.ts'

/** Who asks, and on what. */
export interface Asker {
  /** The caller and all that the caller is a member of. */
  readonly principals: readonly Uid[]
  /** What is asked for, and what that is inside of. */
  readonly places: readonly Uid[]
}

/** A request for one role. */
export interface AskedFor extends Asker {
  readonly template: string
  readonly way: Way
  /** Milliseconds; null for no end. */
  readonly length: number | null
}

/** The rules that cover somebody somewhere, in the order of the file. */
export function offersFor(rules: readonly RequestRule[], asker: Asker): readonly RequestRule[] {
  return rules.filter(
    ({ who, within }) =>
      (who === null || who.some((uid) => isOneOf(uid, asker.principals))) &&
      (within === null || isOneOf(within, asker.places)),
  )
}

/** The first rule that offers what is asked for, or why none does. */
export function offered(
  rules: readonly RequestRule[],
  asked: AskedFor,
): { readonly rule: RequestRule } | { readonly why: string } {
  const { template, way, length } = asked
  const covering = offersFor(rules, asked).filter((rule) => rule.template === template)
  if (covering.length === 0) return { why: `nobody offers you "${template}" there` }
  const inThisWay = covering.filter((rule) => rule.way === way)
  if (inThisWay.length === 0) {
    const ways = [...new Set(covering.map((rule) => rule.way))].join(' or ')
    return { why: `"${template}" is asked for by ${ways}, not by ${way}` }
  }
  const longEnough = inThisWay.find(
    ({ lasts }) => lasts === null || (length !== null && length > 0 && length <= lasts.most),
  )
  if (longEnough !== undefined) return { rule: longEnough }
  const most = Math.max(...inThisWay.map(({ lasts }) => lasts?.most ?? 0))
  return { why: `"${template}" is given for ${lengthText(most)} at most` }
}
