/**
 * The Logs query API of Azure Monitor, over the rows that the lab's ingestion endpoint has.
 *
 * https://learn.microsoft.com/azure/azure-monitor/logs/api/overview
 * @module
 */
import { COLUMNS } from '../../../src/audit/record/columns.ts'
import type { ManagedIdentities } from '../../identity/managed-identity.ts'
import { LOG_READER, LOGS_WORKSPACE } from '../../personas.ts'
import { json, type Answer, type Handler } from '../../server/call.ts'
import { run, type KqlRow } from './kql.ts'

const AUDIENCES = ['https://api.loganalytics.io']
/** The function of deploy/azure-monitor that has every record once. */
const SOURCE = 'AmlHarnessAuditUnique'
/** Most rows of an answer; more is an answer in part. */
const MOST_ROWS = 30_000

export interface Logs {
  readonly handler: Handler
  /** Queries that came so far. */
  readonly queries: readonly string[]
}

const failed = (status: number, code: string, message: string): Answer =>
  json(status, { error: { code, message } })

/** @param rows rows as they were ingested, in any order, perhaps more than once */
export function createLogs(identities: ManagedIdentities, rows: () => readonly KqlRow[]): Logs {
  const queries: string[] = []
  const path = `/v1/workspaces/${LOGS_WORKSPACE}/query`

  async function handler(call: Parameters<Handler>[0]): Promise<Answer> {
    if (call.method !== 'POST' || call.path !== path)
      return failed(404, 'PathNotFoundError', `The requested path does not exist: ${call.path}`)
    const bearer = /^Bearer (\S+)$/i.exec(call.headers.authorization ?? '')?.[1]
    const identity = bearer === undefined ? null : await identities.verify(bearer, AUDIENCES)
    if (identity === null) return failed(401, 'InvalidTokenError', 'the token is missing or wrong')
    if (identity.name !== LOG_READER)
      return failed(403, 'InsufficientAccessError', 'The identity may not read the workspace')
    const { content } = await call.body()
    const { query, timespan } = JSON.parse(content?.toString('utf8') ?? '{}') as {
      readonly query?: string
      readonly timespan?: string
    }
    queries.push(query ?? '')
    const [source, ...clauses] = (query ?? '').split('\n| ')
    if (source !== SOURCE) return failed(400, 'BadArgumentError', 'no such table or function')
    const [from = '', to = ''] = (timespan ?? '').split('/')
    const unique = new Map(rows().map((row) => [row['EventUid'], row]))
    const within = [...unique.values()].filter(({ EventTime: time }) => {
      const at = Date.parse(String(time))
      return at >= Date.parse(from) && at <= Date.parse(to)
    })
    try {
      const table = run(clauses, within, new Map(Object.entries(COLUMNS)))
      const tables = [{ name: 'PrimaryResult', ...table, rows: table.rows.slice(0, MOST_ROWS) }]
      const error = { code: 'PartialError', message: 'There were some errors' }
      return json(200, { tables, ...(table.rows.length > MOST_ROWS ? { error } : {}) })
    } catch (error) {
      return failed(
        400,
        'BadArgumentError',
        `The request had some invalid properties: ${String(error)}`,
      )
    }
  }

  return { handler, queries }
}
