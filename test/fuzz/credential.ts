/**
 * Fuzzing of credentials: whatever a caller presents is a refusal that repeats nothing of it, or the token as it was
 * written; and well-signed tokens with any member of any type break nothing.
 * @module
 */
import * as fc from 'fast-check'
import { readCredential } from '../../src/identity/credential/bearer.ts'
import { takeApart } from '../../src/identity/credential/jws.ts'
import { Refusal } from '../../src/errors.ts'
import { makeBadWorld } from '../identity/support/bad-world.ts'
import { signRaw } from '../identity/support/issuer.ts'
import { bearer, PUBLIC_URL } from '../identity/support/world.ts'
import { demand, pure, type FuzzTarget, type Ready } from './target.ts'

const STATUSES = new Set([400, 401, 403])
/** Shorter pieces of a token are words that a message may have anyway. */
const PIECE = 12

/** What was refused; null if it was not. Only the caller can be at fault, and what is said repeats no secret. */
async function refusalOf(
  what: () => unknown,
  repeats: (said: string) => boolean,
): Promise<Refusal | null> {
  try {
    await what()
    return null
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    demand(STATUSES.has(error.status), `${error.code} is not the caller's fault`)
    const { cause: _, ...detail } = error.detail
    const said = error.message + JSON.stringify(detail)
    demand(!repeats(said), `the token is repeated: ${said}`)
    return error
  }
}

/** In every generated token, and in no word of the gateway's. */
const CANARY = /Q0Z\d+Zk7/
const hasCanary = (said: string): boolean => CANARY.test(said)
const hasPieceOf =
  (secret: string) =>
  (said: string): boolean => {
    for (let at = 0; at + PIECE <= secret.length; at += 1)
      if (said.includes(secret.slice(at, at + PIECE))) return true
    return false
  }

/** Of tokens, of their surroundings, and of neither. */
const LETTERS = Array.from('XYZxyz019-_.~+/= ,;{}"\u0000é\t\r\n%')
const word = fc.string({
  unit: fc.constantFrom(...LETTERS),
  maxLength: 30,
})
const canary = fc.integer({ min: 0, max: 9_999_999 }).map((n) => `Q0Z${n}Zk7`.padEnd(20, 'Q'))
const token = fc
  .tuple(word, canary, word)
  .map(([before, middle, after]) => before + middle + after)
  .chain((text) =>
    fc.oneof(
      fc.constant(text),
      fc.constant(text.replaceAll(/[^\w.]/g, '')),
      fc.constant(`${text.replaceAll(/\W/g, '')}.${text.replaceAll(/\W/g, '')}.QQ`),
      fc.constant(`e${text.repeat(400)}`),
    ),
  )
const scheme = fc.constantFrom('Bearer ', 'bearer ', 'BEARER  ', 'DPoP ', 'Basic ', 'Negotiate ', 'Bearer', '', 'Bearer\t', 'B€arer ') // prettier-ignore
const name = fc.constantFrom('Authorization', 'authorization', 'AUTHORIZATION', 'DPoP', 'dpop', 'Content-Type', 'X-A', 'authorization ') // prettier-ignore
const header = fc.tuple(name, scheme, token).map(([one, kind, text]) => [one, kind + text] as const)
const url = fc.oneof(
  fc.constantFrom('/', '/x?a=b', '/x?', '/x?%', '/x?access_token=', '/x?ACCESS%5Ftoken=a'),
  token.map((text) => `/x?access_token=${text}`),
  token.map((text) => `/x?a=${text}&%61ccess_token=${text}`),
)

export const credential: FuzzTarget = pure(
  'a refusal of the caller that repeats nothing of the token, or the token as it was written',
  10_000,
  () =>
    fc.asyncProperty(fc.array(header, { maxLength: 3 }), url, async (headers, at) => {
      const raw = headers.flat()
      const values = headers.filter(([one]) => one.toLowerCase() === 'authorization')
      let given = ''
      const refusal = await refusalOf(() => {
        given = readCredential(raw, at).token
      }, hasCanary)
      if (refusal === null) {
        demand(values.length === 1, `${values.length} headers were taken for one`)
        const [, value = ''] = values[0] ?? []
        demand(/^(?:bearer|dpop) ([^]*)$/i.exec(value)?.[1] === given, 'it is another token')
        demand(!/(?:access|%61ccess)_token=/i.test(at), 'one in the query was let through')
      }
      await refusalOf(() => takeApart(given), hasCanary)
    }),
)

const VALUES: readonly unknown[] = [
  null, true, false, 0, -1, 1e300, '', 'x', '\u0000', [], ['x'], [null], [[]], {}, { toString: 'x' }, { length: 1 }, 'ü'.repeat(600),
  PUBLIC_URL, '../../x', { jkt: 'x' }, ['__proto__'],
] // prettier-ignore
const HEADER = ['alg', 'kid', 'typ', 'jwk', 'x5c', 'crit', 'b64', 'jku'] as const
const MORE = ['cnf', 'groups', 'roles', 'acct', 'idp', 'amr', 'auth_time', 'xms_cc', 'xms_mirid', 'appid', '_claim_names'] // prettier-ignore

async function openTokens(): Promise<Ready> {
  const world = await makeBadWorld()
  const stage = await world.makeIdentify()
  const names = [...Object.keys(world.entraUser({ ...world.oktaUser(), ...world.entraApp() })), ...MORE] // prettier-ignore
  const change = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...VALUES))
  const edit = fc.tuple(fc.constantFrom(...HEADER), fc.constantFrom(...VALUES))
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.array(change, { maxLength: 3 }),
    fc.option(edit, { freq: 5 }),
    fc.option(fc.tuple(fc.nat(), fc.constantFrom(...LETTERS))),
    async (isEntra, changes, edited, letter) => {
      const key = isEntra ? world.entraKey : world.oktaKey
      const head: Record<string, unknown> = { alg: 'RS256', kid: key.kid, typ: 'JWT' }
      if (edited !== null) head[edited[0]] = edited[1]
      const claims = isEntra ? world.entraUser() : world.oktaUser()
      for (const [claim, value] of changes) claims[claim] = value
      const whole = signRaw(key.privateJwk, JSON.stringify(head), JSON.stringify(claims))
      const at = letter === null ? 0 : letter[0] % whole.length
      const changed = letter === null ? whole : whole.slice(0, at) + letter[1] + whole.slice(at + 1)
      const refusal = await refusalOf(() => stage.identify(bearer(changed)), hasPieceOf(changed))
      if (refusal === null)
        demand(changed === whole, 'a token that nobody signed in this form was accepted')
    },
  )
  return { property, close: () => world.close() }
}

export const tokens: FuzzTarget = {
  holds: 'signed tokens with any claim of any type break nothing; one changed character is refused',
  cases: 4_000,
  open: openTokens,
}
