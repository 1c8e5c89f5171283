/**
 * Where @fastify/http-proxy is registered: all requests but those for the gateway's own routes.
 *
 * @fastify/reply-from's defaults are switched off one by one where they are not safe here; each with its reason.
 * @module
 */
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { Refusal, toRefusal } from '../errors.ts'
import { Reply } from '../http/reply.ts'

/** The pipeline, as the framework calls it. */
export interface ProxyHooks {
  readonly receive: (reply: Reply) => void
  readonly handle: (reply: Reply) => Promise<void>
  readonly refuse: (error: unknown, reply: Reply) => Promise<void>
}

/** The caller's side of a call, taken over from the framework, which has no part in the answer. */
export function takeOver(request: FastifyRequest, reply: FastifyReply): Reply {
  reply.hijack()
  return new Reply(request.raw, reply.raw)
}

/** Everything that is not one of the gateway's own routes goes through the pipeline; what Fastify refuses, too. */
export function registerProxy(app: FastifyInstance, hooks: ProxyHooks): void {
  app.setErrorHandler((error, request, reply) => hooks.refuse(error, takeOver(request, reply)))
  app.setNotFoundHandler((request, reply) =>
    hooks.refuse(
      new Refusal('method_not_allowed', `method "${request.method}" is not served`),
      takeOver(request, reply),
    ),
  )
  // not async, because whatever follows in the same packet is parsed before an async hook is over
  const receive: onRequestHookHandler = (request, reply, done) => {
    try {
      hooks.receive(new Reply(request.raw, reply.raw))
    } catch (error) {
      done(toRefusal(error))
      return
    }
    done()
  }
  // methods that the proxy does not have: refused before Fastify reads a body for a handler that only refuses
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) receive.call(app, request, reply, done)
    else done()
  })
  app.register(async (scope) => {
    // Fastify's own parser of text/plain reads a body before anybody has judged its head, and makes other bytes of it
    scope.removeAllContentTypeParsers()
    scope.addHook('onRequest', receive)
    await scope.register(httpProxy, proxyOptions(hooks))
  })
}

/**
 * Options for registering @fastify/http-proxy: the pipeline is its handler, so it forwards nothing by itself.
 * `upstream: ''` and a placeholder: with a base of its own it would send to that base whatever the call says.
 */
function proxyOptions({ handle, refuse }: ProxyHooks): FastifyHttpProxyOptions {
  return {
    upstream: '',
    replyOptions: { getUpstream: () => 'https://no-upstream.invalid' },
    handler(request, framework) {
      const reply = takeOver(request, framework)
      void handle(reply).catch((error: unknown) => refuse(error, reply))
    },
    // GHSA-v574-6498-x57v: one entry too many in a cache of URLs is a request to another host
    disableCache: true,
    // a 503 with Retry-After would be repeated ten times, its seconds read as milliseconds
    retryMethods: [],
    internalRewriteLocationHeader: false,
    disableRequestLogging: true,
  }
}
