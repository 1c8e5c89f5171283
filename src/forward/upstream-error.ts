/**
 * What a caller may see of Azure's own failures: code and message in the envelope that its client reads.
 *
 * A service that fails may say where in its code (`innererror`, `debugInfo`, a stack trace after the message): that is
 * for its owner, who finds it by the request id, and for nobody else.
 * @module
 */

const CODE = /^[\w.-]{1,128}$/
const MAX_MESSAGE_LENGTH = 1024
const MAX_DETAILS = 20

/** The error's plain form as JSON; null if the body is not an error as ARM, the data plane or MLflow write it. */
export function plainError(body: Buffer): string | null {
  const document = parse(body)
  if (document === null) return null
  const error = record(document['error'])
  if (error !== null) return JSON.stringify({ error: plain(error, true) })
  // mlflow/protos/databricks.proto: the two fields that MLflow's clients read
  const { error_code: code } = document
  if (typeof code !== 'string' || !CODE.test(code)) return null
  return JSON.stringify({ error_code: code, ...message(document) })
}

/** Azure/azure-resource-manager-rpc v1.0 common-api-details.md, "Error response content", without what is inside. */
function plain(error: Readonly<Record<string, unknown>>, outermost: boolean): object {
  const { code, details } = error
  const items = outermost && Array.isArray(details) ? details.slice(0, MAX_DETAILS).map(record) : []
  const told = items.filter((item) => item !== null).map((item) => plain(item, false))
  return {
    ...(typeof code === 'string' && CODE.test(code) ? { code } : {}),
    ...message(error),
    ...(told.length === 0 ? {} : { details: told }),
  }
}

/** Its first line: what follows is a stack trace where there is one. */
function message(of: Readonly<Record<string, unknown>>): { message?: string } {
  const { message: text } = of
  if (typeof text !== 'string') return {}
  return { message: (/^[^\r\n]*/.exec(text)?.[0] ?? '').slice(0, MAX_MESSAGE_LENGTH) }
}

function parse(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    return record(JSON.parse(body.toString('utf8')))
  } catch {
    return null
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}
