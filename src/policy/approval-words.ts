/**
 * The value of `@approval`, as it is written on a forbid.
 * @module
 */
import type { ApprovalRule } from '../approvals/asks.ts'

const DAY_MS = 86_400_000
const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', DAY_MS],
])
const DURATION = /^([1-9]\d{0,5})([smhd])$/u
/** Milliseconds. Longer ones are mistakes: nobody remembers what was reviewed. */
const LONGEST = { request: 90 * DAY_MS, valid: 30 * DAY_MS, hold: DAY_MS }

const DEFAULTS: ApprovalRule = {
  reviewers: 1,
  from: 'owners',
  requestMs: 7 * DAY_MS,
  validMs: DAY_MS,
  uses: 1,
  base: 'strict',
  holdMs: 0,
}

/** How each word of the annotation is read; null for what it cannot be. */
const WORDS: Readonly<Record<string, (value: string) => Partial<ApprovalRule> | null>> = {
  reviewers: (value) => (/^\d$/u.test(value) ? { reviewers: Number(value) } : null),
  from: (value) => (value === 'owners' || value === 'policy' ? { from: value } : null),
  request: (value) => within(value, LONGEST.request, (requestMs) => ({ requestMs })),
  valid: (value) => within(value, LONGEST.valid, (validMs) => ({ validMs })),
  uses: (value) => (/^[1-9]\d{0,2}$/u.test(value) ? { uses: Number(value) } : null),
  base: (value) => (value === 'strict' || value === 'any' ? { base: value } : null),
  hold: (value) =>
    value === '0' ? { holdMs: 0 } : within(value, LONGEST.hold, (holdMs) => ({ holdMs })),
}

/** What the value of `@approval` states, or what is wrong with it. */
export function readApproval(text: string): ApprovalRule | string {
  let rule = DEFAULTS
  const seen = new Set<string>()
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const [, name = '', value = ''] = /^([a-z]+)=(\S+)$/u.exec(word) ?? []
    const read = Object.hasOwn(WORDS, name) ? (WORDS[name]?.(value) ?? null) : null
    if (read === null || seen.has(name)) return `"@approval" cannot be read at "${word}"`
    seen.add(name)
    rule = { ...rule, ...read }
  }
  return rule
}

function within(
  value: string,
  longest: number,
  made: (ms: number) => Partial<ApprovalRule>,
): Partial<ApprovalRule> | null {
  const [, count = '', unit = ''] = DURATION.exec(value) ?? []
  const ms = Number(count) * (UNITS.get(unit) ?? Number.NaN)
  return ms > 0 && ms <= longest ? made(ms) : null
}
