/**
 * Whether the gateway is ready, and for its operators why not.
 * @module
 */

/** Readiness of one part: `ok`, or why not. */
export interface Health {
  readonly ok: boolean
  readonly reasons: readonly string[]
}

export interface Readiness {
  readonly status: 'ready' | 'unready'
  readonly version: string
  readonly policyVersion: string
  readonly parts: Readonly<Record<string, Health>>
}

export function readinessOf(state: Omit<Readiness, 'status'>): Readiness {
  const ok = Object.values(state.parts).every((part) => part.ok)
  return { ...state, status: ok ? 'ready' : 'unready' }
}
