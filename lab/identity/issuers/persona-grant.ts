/**
 * The lab's own grant, by which a test or a person at a keyboard becomes one of the personas without a browser.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Provider } from 'oidc-provider'
import { PERSONAS } from '../../personas.ts'
import { clientOf } from './claims.ts'
import { resourceServer, type IssuerOptions } from './configuration.ts'

/** The lab's own grant: `persona`, and what to change in its token. */
export const PERSONA_GRANT = 'urn:azureml-harness:lab:persona'

export function registerPersonaGrant(provider: Provider, options: IssuerOptions): void {
  provider.registerGrantType<{ persona?: string; format?: string }>(
    PERSONA_GRANT,
    async (ctx) => {
      const { client, params } = ctx.oidc
      const persona = PERSONAS.get(params.persona ?? '')
      if (persona === undefined || !options.personas.includes(persona.kind)) {
        ctx.status = 400
        ctx.body = { error: 'invalid_request', error_description: 'no such persona here' }
        return
      }
      const { AccessToken, Client, Grant } = provider
      const own = (await Client.find(clientOf(persona))) ?? client
      const accountId = params.persona ?? ''
      const isOpaque = params.format === 'opaque'
      // introspection answers only for tokens whose grant is stored
      const grant = new Grant({ clientId: own.clientId, accountId })
      const token = new AccessToken({
        client: own,
        accountId,
        grantId: isOpaque ? await grant.save() : randomUUID(),
        gty: 'lab',
        scope: options.scopes[0],
        resourceServer: resourceServer(options, isOpaque ? 'opaque' : 'jwt'),
      })
      ctx.body = {
        access_token: await token.save(),
        token_type: 'Bearer',
        expires_in: token.expiration,
        scope: token.scope,
      }
    },
    ['persona', 'claims', 'header', 'format'],
  )
}
