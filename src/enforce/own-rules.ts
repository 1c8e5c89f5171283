/**
 * The gateway's own rules around what policy enforces: each call goes through those that concern it, in one order.
 * @module
 */
import type { Target } from '../azureml/target.ts'
import type { Exchange } from '../exchange.ts'
import type { Enforcement } from './enforce.ts'
import { isClassified, type Classified } from './what-must-be-known.ts'

export interface OwnRule {
  /** Whether the rule looks at anything of a call. It follows from the call's target and operation alone. */
  readonly concerns: (call: Classified) => boolean
  /** What was enforced before, and the rule. */
  readonly around: (inner: Enforcement) => Enforcement
}

/** @param rules the innermost one first */
export function withOwnRules(inner: Enforcement, rules: readonly OwnRule[]): Enforcement {
  const all = composed(inner, rules)
  /** By the indexes of the rules that are in them. */
  const made = new Map<string, Enforcement>()
  const ofTarget = new WeakMap<Target, Enforcement>()

  function choose(call: Classified): Enforcement {
    const concerned = rules.filter(({ concerns }) => concerns(call))
    const key = concerned.map((rule) => rules.indexOf(rule)).join(' ')
    const chosen = made.get(key) ?? composed(inner, concerned)
    made.set(key, chosen)
    return chosen
  }

  /** The last one chosen: most calls go through their stages one after the other. */
  let last = all
  let lastTarget: Target | null = null

  /** A target means the same to every caller, and at each stage. */
  function forCall(exchange: Exchange): Enforcement {
    const { target } = exchange
    if (target === null || !isClassified(exchange)) return all
    if (target === lastTarget) return last
    let chosen = ofTarget.get(target)
    if (chosen === undefined) ofTarget.set(target, (chosen = choose(exchange)))
    lastTarget = target
    last = chosen
    return chosen
  }

  return {
    gather: (exchange, request, progress) => forCall(exchange).gather(exchange, request, progress),
    lookUp: (exchange, gathered, via, progress) =>
      forCall(exchange).lookUp(exchange, gathered, via, progress),
    finish: (exchange, permit, gathered, progress) =>
      forCall(exchange).finish(exchange, permit, gathered, progress),
    screen: (exchange, via, progress) => forCall(exchange).screen(exchange, via, progress),
  }
}

function composed(inner: Enforcement, rules: readonly OwnRule[]): Enforcement {
  return rules.reduce((enforced, { around }) => around(enforced), inner)
}
