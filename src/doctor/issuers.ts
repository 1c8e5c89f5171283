/**
 * Each issuer: whether its clock agrees with ours, whether it is found, and whether its key set is acceptable.
 * @module
 */
import type { IssuerConfig } from '../config/schema/schema.ts'
import { discover, discoveryUrl } from '../identity/discovery.ts'
import { readKeySet } from '../identity/keys/key-set.ts'
import { fetchJson, nameFailure } from '../lib/http.ts'
import { findingsOf, type Finding } from './finding.ts'

/** For each question that the doctor asks an issuer. */
const TIMEOUT_MS = 5_000
/** `Date` has whole seconds, and an answer takes its time. */
const NOTABLE_SECONDS = 5

const clock = findingsOf('clock')
const issuers = findingsOf('issuers')

/** The clock first: with a wrong one, tokens look expired or not yet valid whatever else is right. */
export async function checkClock(
  configs: readonly IssuerConfig[],
  now: () => number,
): Promise<Finding[]> {
  const found = configs.map(async (config, index): Promise<Finding> => {
    const where = `issuers[${index}] (${config.name})`
    const skew = await skewOf(config, now)
    if (skew === null) {
      return clock.unverified(where, 'its time could not be asked', 'see the check "issuers"')
    }
    const tolerance = config.clockToleranceSeconds
    const what =
      Math.abs(skew) <= 1
        ? 'agrees with this machine'
        : `this machine is ${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} it`
    const next = 'set this machine’s clock: chronyc tracking, timedatectl'
    if (Math.abs(skew) > tolerance) return clock.failed(where, what, next)
    return Math.abs(skew) > NOTABLE_SECONDS
      ? clock.warning(where, what, next)
      : clock.ok(where, what)
  })
  return Promise.all(found)
}

/** Seconds by which we are ahead, by the middle of the call. */
async function skewOf({ issuer }: IssuerConfig, now: () => number): Promise<number | null> {
  try {
    const before = now()
    const response = await fetch(discoveryUrl(issuer), {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    await response.body?.cancel()
    const date = Date.parse(response.headers.get('date') ?? '')
    // the header names the second that has begun: half of it has passed on average
    return Number.isNaN(date) ? null : Math.round(((before + now()) / 2 - date - 500) / 1000)
  } catch {
    return null
  }
}

/** Discovery and keys, as the key store would take them. */
export async function checkIssuers(configs: readonly IssuerConfig[]): Promise<Finding[]> {
  return Promise.all(
    configs.map(async (config, index) => checkIssuer(config, `issuers[${index}] (${config.name})`)),
  )
}

async function checkIssuer(config: IssuerConfig, where: string): Promise<Finding> {
  const { issuer, algorithms } = config
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  let url = config.jwksUri ?? null
  if (url === null) {
    const discovered = await discover(issuer, signal)
    if (!discovered.ok) {
      return discovered.foreign
        ? issuers.failed(
            where,
            discovered.why,
            'write issuer exactly as its discovery document does',
          )
        : issuers.failed(
            where,
            `its discovery document cannot be had: ${discovered.why}`,
            `from this machine, curl ${discoveryUrl(issuer)}: check DNS, egress rules and proxies`,
          )
    }
    url = discovered.metadata.jwksUri
  }
  const answer = await fetchJson(url, signal)
  if (!answer.ok || answer.status !== 200) {
    const why = answer.ok ? `status ${answer.status}` : answer.why
    return issuers.failed(where, `its keys cannot be had: ${why}`, `from this machine, curl ${url}`)
  }
  const set = await readKeySet(answer.body, algorithms).catch(nameFailure)
  if (typeof set === 'string') {
    return issuers.failed(
      where,
      `its key set is refused: ${set}`,
      'check jwksUri and algorithms; ask who runs the issuer',
    )
  }
  const [caution] = set.warnings
  if (caution !== undefined) {
    return issuers.warning(where, caution, 'ask who runs the issuer to mend its key set')
  }
  return issuers.ok(where, `found, with ${set.keys.length} usable keys`)
}
