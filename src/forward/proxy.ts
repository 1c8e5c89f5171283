/**
 * Where @fastify/http-proxy is registered: all requests but those for the gateway's own routes.
 *
 * @fastify/reply-from's defaults are switched off one by one where they are not safe here; each with its reason.
 * @module
 */
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../errors.ts'
import type { Upstream } from './upstream.ts'

/** The pipeline, as the framework calls it. */
export interface ProxyHooks {
  readonly receive: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
  readonly handle: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>
  readonly refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<void>
}

/** Everything that is not one of the gateway's own routes goes through the pipeline; what Fastify refuses, too. */
export function registerProxy(app: FastifyInstance, upstream: Upstream, hooks: ProxyHooks): void {
  app.setErrorHandler((error, request, reply) => hooks.refuse(error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    hooks.refuse(
      new Refusal('method_not_allowed', `method "${request.method}" is not served`),
      request,
      reply,
    ),
  )
  // methods that the proxy does not have: refused before Fastify reads a body for a handler that only refuses. Not async,
  // because whatever follows in the same packet is parsed before an async hook is over
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) hooks.receive(request, reply).then(() => done(), done)
    else done()
  })
  app.register(async (scope) => {
    scope.addHook('onRequest', hooks.receive)
    await scope.register(httpProxy, proxyOptions(upstream, hooks.handle))
  })
}

/**
 * Options for registering @fastify/http-proxy: the pipeline is its handler, so it forwards nothing by itself.
 * `upstream: ''` and a placeholder: with a base of its own it would send to that base whatever the call says.
 */
function proxyOptions(
  { client }: Upstream,
  handler: NonNullable<FastifyHttpProxyOptions['handler']>,
): FastifyHttpProxyOptions {
  return {
    upstream: '',
    replyOptions: { getUpstream: () => 'https://no-upstream.invalid' },
    handler,
    undici: client,
    // GHSA-v574-6498-x57v: one entry too many in a cache of URLs is a request to another host
    disableCache: true,
    // a 503 with Retry-After would be repeated ten times, its seconds read as milliseconds
    retryMethods: [],
    internalRewriteLocationHeader: false,
    disableRequestLogging: true,
  }
}
