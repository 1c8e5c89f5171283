/**
 * Any receiver that takes JSON lines over HTTPS and answers 2xx once it has them.
 * @module
 */
import { demandHttps, post } from './post.ts'
import { examineUrl } from './reach.ts'
import { baseOf, type Sink, type SinkDefinition } from './sink.ts'

const LIMIT_BYTES = 900_000

export interface HttpsOptions {
  readonly name: string
  readonly required: boolean
  readonly endpoint: string
  readonly token: string | null
}

/** Makes the sink. A batch is named by its first and last record, so that a receiver can drop a repeated one. */
export function createHttpsSink(options: HttpsOptions): Sink {
  demandHttps(options.name, options.endpoint)
  const authorization: Record<string, string> =
    options.token === null ? {} : { authorization: `Bearer ${options.token}` }
  return {
    name: options.name,
    kind: 'https',
    required: options.required,
    limitBytes: LIMIT_BYTES,
    atOnce: 1,
    async send(batch, signal) {
      const answer = await post(
        options.endpoint,
        {
          ...authorization,
          'content-type': 'application/x-ndjson',
          'idempotency-key': batch.name,
        },
        batch.lines(),
        signal,
      )
      return answer.ok ? { kind: 'accepted' } : answer.delivery
    },
    close: () => Promise.resolve(),
  }
}

/** The kind `https`. */
export const https: SinkDefinition<'https'> = {
  acknowledged: '2xx',
  ocsf: true,
  scope: null,
  async make(config, { secret }) {
    return createHttpsSink({
      ...baseOf(config),
      endpoint: config.endpoint,
      token: config.token === undefined ? null : await secret(config.token),
    })
  },
  examine: ({ endpoint }) => examineUrl(endpoint),
}
