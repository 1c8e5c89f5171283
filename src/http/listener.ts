/**
 * What Node's server hands each request to: the framework, which has the gateway's own routes, or straight the pipeline.
 * @module
 */
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import Fastify, {
  LogController,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
} from 'fastify'
import type { ParserFault } from './parser-fault.ts'
import { ConnectionReply, type Reply } from './reply.ts'

/** The pipeline and the connections, which are there by the time that requests come. */
export interface Handlers {
  readonly serve: (reply: Reply) => Promise<void>
  readonly refuse: (error: unknown, reply: Reply) => Promise<void>
  /** Node gave up on a connection. */
  readonly failed: (error: ParserFault, socket: Socket) => void
}

/** Methods of Azure ML's calls. */
const CALLS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'])

/**
 * The routes have no schemas: without this, Fastify would load what compiles them, which a bundle has not
 * (packaging/bundle.ts).
 */
function noSchemas(): never {
  throw new TypeError('a route has a schema')
}

/** Fastify over the gateway's server: its routes are those of the gateway itself. */
export function createFramework(
  make: FastifyServerFactory,
  log: Writable,
  { serve, refuse, failed }: Handlers,
): FastifyInstance {
  /** Methods and paths of its routes: another spelling of one is judged like every other path. */
  const own = new Set<string>()
  let longestOwn = 0
  const isCall = ({ method = '', url = '' }: IncomingMessage): boolean => {
    if (!CALLS.has(method)) return false
    const mark = url.indexOf('?')
    const length = mark === -1 ? url.length : mark
    // nearly all of Azure's paths are longer than any of the gateway's own
    return length > longestOwn || !own.has(`${method} ${url.slice(0, length)}`)
  }
  // the framework's part of a call would cost as much as all that policy needs
  const listener =
    (framework: RequestListener): RequestListener =>
    (request, response) => {
      if (isCall(request)) void serve(new ConnectionReply(request, response))
      else framework(request, response)
    }
  const app = Fastify({
    serverFactory: (framework, options) => make(listener(framework), options),
    clientErrorHandler: failed,
    frameworkErrors: (error, request, reply) => {
      void refuse(error, takeOver(request, reply))
    },
    logger: { level: 'info', stream: log, base: { name: 'azureml-harness' } },
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 16_384 },
    schemaController: {
      compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas },
    },
    exposeHeadRoutes: false,
  })
  app.addHook('onRoute', ({ method, path }) => {
    // those of @fastify/http-proxy are for many methods at once
    if (typeof method !== 'string') return
    if (/[:*]/.test(path)) throw new TypeError(`route "${path}" has a part that is not spelt out`)
    own.add(`${method} ${path}`)
    longestOwn = Math.max(longestOwn, path.length)
  })
  return app
}

/** The caller's side of a call, taken over from the framework, which has no part in the answer. */
export function takeOver(request: FastifyRequest, reply: FastifyReply): Reply {
  reply.hijack()
  return new ConnectionReply(request.raw, reply.raw)
}
