/**
 * A gateway that keeps reviews and grants, whose `requests.yaml` offers some.
 * @module
 */
import { startReviewing, W, type Reviewing, type ReviewingOptions } from '../support.ts'
import type { Answer } from '../../support/send.ts'

export const REQUESTS = `requests:
  - template: data-scientist
    who: [Group::"okta/ml-readers"]
    in: Workspace::"lab"
    way: grant
    for: { default: 1h, max: 8h }
    approvers: [Group::"reviewers"]
  - { template: reader, in: Workspace::"lab", way: grant, for: { default: 30m, max: 2h }, reviewers: 0 }
  - template: ml-engineer
    in: Workspace::"lab"
    way: grant
    for: { max: 1h }
    reviewers: 2
    approvers: [Group::"reviewers", Group::"scientists"]
`

export interface Granting extends Reviewing {
  readonly api: (persona: string, method: string, path?: string, body?: object) => Promise<Answer>
  /** Asks, and says which grant it is. */
  readonly ask: (persona: string, given?: object) => Promise<string>
  readonly show: (persona: string, id: string) => Promise<Readonly<Record<string, unknown>>>
  /** Says something about what the grant shows to the persona. */
  readonly say: (persona: string, id: string, verdict: string, more?: object) => Promise<Answer>
}

export async function startGranting(options: ReviewingOptions = {}): Promise<Granting> {
  const reviewing = await startReviewing({
    ...options,
    files: { 'requests.yaml': REQUESTS, ...options.files },
  })
  const api: Granting['api'] = async (persona, method, path = '', body) =>
    reviewing.call(persona, method, `/_harness/api/grants${path}`, body)
  const show: Granting['show'] = async (persona, id) =>
    (await api(persona, 'GET', `/${id}`)).json() as Readonly<Record<string, unknown>>
  return {
    ...reviewing,
    api,
    show,
    async ask(persona, given = {}) {
      const body = { template: 'data-scientist', resource: W, reason: 'churn model', ...given }
      const answer = await api(persona, 'POST', '', body)
      if (answer.status !== 200) throw new Error(answer.text)
      return (answer.json() as { id: string }).id
    },
    async say(persona, id, verdict, more = {}) {
      const { shownDigest } = await show(persona, id)
      return api(persona, 'POST', `/${id}/verdicts`, { verdict, shownDigest, ...more })
    },
  }
}
