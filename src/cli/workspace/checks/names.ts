/**
 * Names of people, groups and applications by their object ids, asked of Microsoft Graph where the gateway may.
 * @module
 */
import { graphScope } from '../../../doctor/identities.ts'
import { fetchJson } from '../../../lib/http.ts'
import { fieldsOf } from '../../../lib/strict-json.ts'
import { listIn, text, type GatewaySide } from './subject.ts'

const TIMEOUT_MS = 10_000
/** The most that Graph takes in one call. */
const IDS_PER_CALL = 1_000

/** By object id, in lower case. */
export type Names = ReadonlyMap<string, string>

/** What Graph tells; nothing where no issuer has `graph`, or Graph refuses: an id says who it is, too. */
export async function namesOf(ids: readonly string[], gateway: GatewaySide | null): Promise<Names> {
  const found = new Map<string, string>()
  const wanted = [...new Set(ids)]
  for (const { graph } of gateway?.config.issuers ?? []) {
    if (graph === undefined || gateway === null || wanted.length === 0) continue
    const held = await gateway.broker.token(graph.identity, graphScope(graph)).catch(() => null)
    if (held === null) continue
    const url = `${new URL(graph.endpoint).origin}/v1.0/directoryObjects/getByIds`
    for (let at = 0; at < wanted.length; at += IDS_PER_CALL) {
      const answer = await fetchJson(url, AbortSignal.timeout(TIMEOUT_MS), {
        method: 'POST',
        headers: { authorization: `Bearer ${held.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ids: wanted.slice(at, at + IDS_PER_CALL) }),
      })
      if (!answer.ok || answer.status !== 200) break
      for (const one of listIn(fieldsOf(answer.body), 'value').map(fieldsOf)) {
        const name = text(one, 'userPrincipalName') || text(one, 'displayName')
        // a name is text of others: what could change a terminal is left out
        if (name !== '') found.set(text(one, 'id').toLowerCase(), name.replaceAll(/[\p{C}]/gu, '?'))
      }
    }
  }
  return found
}
