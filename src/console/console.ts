/**
 * The console: pages for people, over the gateway's own API. Each page is what that API answers the person who looks at
 * it, through the pipeline, so that it is judged and recorded like any call.
 *
 * A cookie of the console means nothing to the API, and the console takes no token.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { parseTarget } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import { checkConnection } from '../http/inbound.ts'
import type { Reply } from '../http/reply.ts'
import { Answer } from './answer.ts'
import { beginSignIn, endSignIn, signedOutView, signOut, type EntryOptions } from './entry.ts'
import { PageReply } from './page-reply.ts'
import { ApiRefusal, type Site } from './page.ts'
import { firstPage, toConsole } from './pages/first.ts'
import { refusalView, signedIn } from './pages/plain.ts'
import { CALLBACK, HOME, SIGN_IN, SIGN_OUT, SIGNED_IN, SIGNED_OUT } from './paths.ts'
import { createRateLimit } from './rate-limit.ts'
import type { SignIn } from './sign-in.ts'
import { visit, type Asked, type VisitOptions } from './visits.ts'
import { createWriter, type Writer } from './writer.ts'

/** What the console and the first page are given of the gateway's face. */
export interface FaceOptions {
  readonly site: Site
  readonly checkInbound: (raw: IncomingMessage) => void
  /** Ends a request with a refusal, and records it. */
  readonly refuse: (error: unknown, reply: Reply) => Promise<void>
}

export interface ConsoleOptions extends FaceOptions, Omit<VisitOptions, 'signIn' | 'writer'> {
  readonly signIn: SignIn
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Console {
  /** Whether a request is for the console, and not for the pipeline. */
  readonly takes: (request: IncomingMessage) => boolean
  /** Never rejects: whatever goes wrong is a refusal. */
  readonly serve: (reply: Reply) => Promise<void>
}

export function createConsole(options: ConsoleOptions): Console {
  const writer = createWriter(options.site.publicUrl)
  const entry: EntryOptions = { ...options, writer, signIns: createRateLimit(options.now) }

  async function answer(asked: Asked): Promise<void> {
    const { reply, target } = asked
    const { path, method } = target
    if (method !== 'GET' && method !== 'POST')
      throw new Refusal('method_not_allowed', 'pages are read with GET; forms are sent with POST')
    if (path === '/') return writer.page(reply, 200, firstPage(options.site, true))
    if (!path.startsWith(HOME)) return writer.goTo(reply, toConsole(target))
    if (path === SIGN_OUT) return signOut(entry, asked)
    if (method === 'GET') {
      if (path === SIGN_IN) return beginSignIn(entry, asked)
      if (path === SIGNED_OUT) return writer.page(reply, 200, await signedOutView(entry, target))
      if (path === SIGNED_IN) return writer.page(reply, 200, signedIn())
    }
    return visit(entry, asked)
  }

  return {
    takes: isForPeople,
    serve: (connection) =>
      withRefusals(options, writer, connection, async () => {
        const { method = '', url = '', headers } = connection.request
        if (headers.authorization !== undefined)
          throw new Refusal('invalid_request', 'the console takes no bearer token', {
            remedy: 'programs use the API (/_harness/whoami, /_harness/api)',
          })
        // its query holds a code, which the grammar of calls refuses
        if (method === 'GET' && url.startsWith(`${CALLBACK}?`))
          return endSignIn(entry, connection, url)
        return answer({ reply: connection, target: parseTarget(method, url), raw: url })
      }),
  }
}

/** A gateway without a console: a browser is told how to sign in from a shell. It says nothing of anybody's. */
export function createFirstPage(options: FaceOptions): Console {
  const writer = createWriter(options.site.publicUrl)
  return {
    takes: ({ method, url = '', headers }) =>
      method === 'GET' && (writer.isAsset(url) || (url === '/' && isOfBrowser(headers))),
    serve: (reply) =>
      withRefusals(options, writer, reply, async () =>
        writer.page(reply, 200, firstPage(options.site, false)),
      ),
  }
}

/** Answers a browser; assets need nothing, and what is refused is a page. */
async function withRefusals(
  { site, checkInbound, refuse }: FaceOptions,
  writer: Writer,
  connection: Reply,
  answer: () => Promise<void>,
): Promise<void> {
  const show = (body: string): string =>
    writer.document(refusalView(new Answer(parsed(body)), site, null), null)
  try {
    checkConnection(connection.request, checkInbound)
    if (!writer.asset(connection)) await answer()
  } catch (error) {
    // it has been recorded where it was refused
    if (error instanceof ApiRefusal)
      return writer.page(connection, error.status, refusalView(error.answer, site, null))
    await refuse(error, new PageReply(connection, writer.headers, show))
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return null
  }
}

/** What people are given links to, and programs ask with a token. */
const LINKED = /^\/_harness\/(?:decisions|api\/(?:reviews|grants))\//u

function isForPeople({ method, url = '', headers }: IncomingMessage): boolean {
  if (!url.startsWith('/_harness/') && url !== '/') return false
  if (url === HOME || url.startsWith(`${HOME}/`) || url.startsWith(`${HOME}?`)) return true
  return method === 'GET' && (url === '/' || LINKED.test(url)) && isOfBrowser(headers)
}

function isOfBrowser({ authorization, accept = '' }: IncomingMessage['headers']): boolean {
  return authorization === undefined && accept.includes('text/html')
}
