/**
 * What of the proxied calls takes the way through Fastify and @fastify/http-proxy: methods that no call of Azure ML has.
 * All others come to the pipeline straight from Node's server (docs/decisions/0007).
 *
 * @fastify/reply-from's defaults are switched off one by one where they are not safe here; each with its reason.
 * @module
 */
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import { takeOver, type Handlers } from '../http/listener.ts'

/** Everything that is not one of the gateway's own routes goes through the pipeline; what Fastify refuses, too. */
export function registerProxy(
  app: FastifyInstance,
  { serve, refuse }: Omit<Handlers, 'failed'>,
): void {
  app.setErrorHandler((error, request, reply) => refuse(error, takeOver(request, reply)))
  // methods that the proxy does not have: refused before Fastify reads a body for a handler that only refuses
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) void serve(takeOver(request, reply))
    else done()
  })
  app.register(async (scope) => {
    // Fastify's own parser of text/plain reads a body before anybody has judged its head, and makes other bytes of it
    scope.removeAllContentTypeParsers()
    await scope.register(httpProxy, proxyOptions(serve))
  })
}

/**
 * Options for registering @fastify/http-proxy: the pipeline is its handler, so it forwards nothing by itself.
 * `upstream: ''` and a placeholder: with a base of its own it would send to that base whatever the call says.
 */
function proxyOptions(serve: Handlers['serve']): FastifyHttpProxyOptions {
  return {
    upstream: '',
    replyOptions: { getUpstream: () => 'https://no-upstream.invalid' },
    handler: (request, reply) => void serve(takeOver(request, reply)),
    // GHSA-v574-6498-x57v: one entry too many in a cache of URLs is a request to another host
    disableCache: true,
    // a 503 with Retry-After would be repeated ten times, its seconds read as milliseconds
    retryMethods: [],
    internalRewriteLocationHeader: false,
    disableRequestLogging: true,
  }
}
