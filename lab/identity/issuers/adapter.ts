/**
 * Where an issuer keeps codes, sessions and opaque tokens: in memory, until the lab stops.
 * @module
 */
import type { Adapter, AdapterPayload } from 'oidc-provider'

interface Kept {
  payload: AdapterPayload
  readonly endsAt: number
}

/** oidc-provider's adapter factory; what expired is dropped when it is looked for. */
export function createAdapterFactory(): (model: string) => Adapter {
  const kept = new Map<string, Kept>()

  function find(key: string): AdapterPayload | undefined {
    const found = kept.get(key)
    if (found === undefined) return undefined
    if (found.endsAt > Date.now()) return found.payload
    kept.delete(key)
    return undefined
  }

  return (model) => {
    const keyOf = (id: string): string => `${model} ${id}`
    const findBy = (name: 'userCode' | 'uid', value: string): AdapterPayload | undefined => {
      for (const [key, { payload }] of kept) {
        if (key.startsWith(`${model} `) && payload[name] === value) return find(key)
      }
      return undefined
    }
    return {
      upsert: async (id, payload, expiresIn) => {
        const endsAt = expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000
        kept.set(keyOf(id), { payload, endsAt })
      },
      find: async (id) => find(keyOf(id)),
      findByUserCode: async (userCode) => findBy('userCode', userCode),
      findByUid: async (uid) => findBy('uid', uid),
      consume: async (id) => {
        const payload = find(keyOf(id))
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
      },
      destroy: async (id) => {
        kept.delete(keyOf(id))
      },
      revokeByGrantId: async (grantId) => {
        for (const [key, { payload }] of kept) if (payload.grantId === grantId) kept.delete(key)
      },
    }
  }
}
