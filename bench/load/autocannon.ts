/**
 * The calls of a file by autocannon, where there is no wrk: a process of its own. Arguments: URL, file, connections,
 * seconds, number of the first call.
 */
import autocannon from 'autocannon'
import { TIMEOUT_SECONDS } from './closed-loop.ts'
import { headersOf, readCalls } from './calls.ts'

const [, , url = '', file = '', connections = '1', seconds = '1', first = '0'] = process.argv
const all = readCalls(file)
const { method, body, calls } = all
const share = Math.ceil(calls.length / Number(connections))
let clients = 0
const result = await autocannon({
  url,
  method,
  connections: Number(connections),
  duration: Number(seconds),
  timeout: TIMEOUT_SECONDS,
  tlsOptions: { rejectUnauthorized: false },
  setupClient(client) {
    // each has a share of the calls, and goes on in it as far as all have come
    const from = (clients++ * share) % calls.length
    const own = calls.slice(from, from + share)
    const done = Math.floor(Number(first) / Number(connections)) % Math.max(1, own.length)
    client.setRequests(
      [...own.slice(done), ...own.slice(0, done)].map(({ path, token }) => ({
        method,
        path,
        headers: headersOf(all, token),
        ...(body === null ? {} : { body }),
      })),
    )
  },
})
console.log(
  JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    failed: result.errors + result.non2xx,
    why: `${result.non2xx} refused, ${result.errors - result.timeouts} connections, ${result.timeouts} timeouts`,
    p50: result.latency.p50,
    p99: result.latency.p99,
  }),
)
