/**
 * Waits on a loopback port for the browser to come back from the issuer (RFC 8252 section 7.3).
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { Problem } from '../problem.ts'

export interface RedirectOptions {
  /** Name in the redirect URI; it is always 127.0.0.1 that is listened on. */
  readonly host: 'localhost' | '127.0.0.1'
  /** 0 picks a free port. */
  readonly port: number
  /** A redirect without it belongs to another sign-in and is ignored. */
  readonly state: string
  readonly signal: AbortSignal
}

export interface Redirect {
  readonly redirectUri: string
  /** The URL that the browser came back with. Rejects with a Problem after five minutes or when interrupted. */
  readonly landed: Promise<URL>
  readonly close: () => void
}

const TIMEOUT_MS = 300_000
const PAGE = `<!doctype html><meta charset="utf-8"><title>Azure ML Harness</title>
<p>You may close this window and go back to the terminal.</p>
`
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  connection: 'close',
}

/** Listens until `close`. @throws Problem if the port is taken */
export async function awaitRedirect(options: RedirectOptions): Promise<Redirect> {
  const { promise, resolve, reject } = Promise.withResolvers<URL>()
  // a flow that fails before it awaits this must not leave an unhandled rejection
  promise.catch(() => undefined)
  let origin = ''
  const server = createServer({ maxHeaderSize: 32_768 }, (request, response) => {
    const url = judge(request, origin, options.state)
    answer(response, url === null ? 404 : 200)
    if (url !== null) resolve(url)
  })
  server.listen(options.port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Problem(`port ${options.port} is taken`, 'give another --port, or none', error)
  }
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  origin = `http://${options.host}:${port}`
  const timer = setTimeout(
    () => reject(new Problem('nobody signed in within five minutes', 'run login again')),
    TIMEOUT_MS,
  )
  const stop = (): void => reject(new Problem('interrupted', 'run login again'))
  options.signal.addEventListener('abort', stop, { once: true })
  return {
    redirectUri: `${origin}/callback`,
    landed: promise,
    close() {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', stop)
      server.close()
      server.closeIdleConnections()
    },
  }
}

/** Only the redirect itself counts: any page in the browser can send requests to this port. */
function judge(request: IncomingMessage, origin: string, state: string): URL | null {
  if (request.method !== 'GET' || request.headers.host !== new URL(origin).host) return null
  if (request.url?.startsWith('/callback?') !== true) return null
  const url = new URL(request.url, origin)
  const states = url.searchParams.getAll('state')
  return states.length === 1 && states[0] === state ? url : null
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, HEADERS)
  response.end(status === 200 ? PAGE : '')
}
