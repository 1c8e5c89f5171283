/**
 * The gateway's own routes: health, the documents that clients find it by. Anonymous, static, and never proxied.
 * @module
 */
import type { FastifyInstance } from 'fastify'
import type { IssuerConfig } from '../config/schema/schema.ts'
import { issuerUrl } from '../identity/discovery.ts'
import type { Readiness } from './readiness.ts'

export interface RouteOptions {
  readonly publicUrl: string
  readonly readiness: () => Pick<Readiness, 'status'>
  /** Public keys of reviews; null if there are none. */
  readonly keys: { readonly keys: readonly unknown[] } | null
  readonly issuers: readonly IssuerConfig[]
  /** The cloud document for an api-version; see azureml/metadata.ts. */
  readonly metadata: (apiVersion: string | null) => unknown
  /** Where clients find the data plane; see azureml/metadata.ts. */
  readonly discovery: unknown
}

/** Registers `/_harness/*`, `/.well-known/oauth-protected-resource` and `/metadata/endpoints`. */
export function registerRoutes(app: FastifyInstance, options: RouteOptions): void {
  app.get('/_harness/livez', async (_request, reply) => reply.send({ status: 'alive' }))

  // anybody can ask: why not, and with which version and policies, is told on the metrics port
  app.get('/_harness/readyz', async (_request, reply) => {
    const { status } = options.readiness()
    return reply
      .code(status === 'ready' ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status })
  })

  // whoever checks a ledger without the gateway needs them
  if (options.keys !== null)
    app.get('/_harness/keys', async (_request, reply) => reply.send(options.keys))

  // RFC 9728: lets a client that got a 401 find who issues tokens for this gateway
  app.get('/.well-known/oauth-protected-resource', async (_request, reply) =>
    reply.send({
      resource: options.publicUrl,
      // a multi-tenant issuer is no URL; its tenants' people all sign in at "organizations"
      authorization_servers: options.issuers.map(({ issuer }) => issuerUrl(issuer)),
      bearer_methods_supported: ['header'],
      // what `azureml-harness login` and `exec` need besides; RFC 9728 section 2 allows further members
      azureml_harness_issuers: options.issuers.map(({ name, profile, issuer, audiences, cli }) => ({
        name,
        profile,
        issuer,
        audience: audiences[0],
        ...(cli === undefined ? {} : { client_id: cli.clientId, scopes: cli.scopes }),
        ...(cli?.storage === true ? { storage: true } : {}),
      })),
    }),
  )

  // azure-ai-ml reads it without a token, from wherever a workspace's discoveryUrl points
  app.get('/discovery', async (_request, reply) => reply.send(options.discovery))

  // `az cloud register` joins its two parts with a slash too many
  for (const path of ['/metadata/endpoints', '//metadata/endpoints']) {
    app.get(path, async (request, reply) => {
      const query = new URL(request.raw.url ?? '/', 'https://gateway.invalid').searchParams
      return reply
        .header('cache-control', 'public, max-age=300')
        .send(options.metadata(query.get('api-version')))
    })
  }
}
