/**
 * The page where a person chooses the persona to sign in as, and the steps of oidc-provider that it answers.
 * @module
 */
import type { Provider } from 'oidc-provider'
import type { Call } from '../../server/call.ts'
import { PERSONAS } from '../../personas.ts'
import type { IssuerOptions } from './configuration.ts'

async function interaction(provider: Provider, options: IssuerOptions, call: Call): Promise<void> {
  const { request, response } = call.raw
  const details = await provider.interactionDetails(request, response)
  if (details.prompt.name === 'consent') {
    // native clients are always asked (RFC 8252 section 8.6); in the lab the answer is yes
    const merge = { mergeWithLastSubmission: true }
    await provider.interactionFinished(request, response, { consent: {} }, merge)
    return
  }
  const hint = call.params.get('persona') ?? details.params['login_hint']
  if (typeof hint === 'string' && PERSONAS.has(hint)) {
    await provider.interactionFinished(request, response, { login: { accountId: hint } })
    return
  }
  const links = [...PERSONAS].filter(([, persona]) => options.personas.includes(persona.kind))
  const items = links.map(
    ([name, { about }]) => `<li><a href="?persona=${name}">${name}</a>: ${about}</li>`,
  )
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
  response.end(
    `<!doctype html><title>Lab sign-in</title><h1>Sign in as</h1><ul>${items.join('')}</ul>`,
  )
}

/** Answers a step of a sign-in; what is wrong with it is said in plain text. */
export async function interactionOrError(
  provider: Provider,
  options: IssuerOptions,
  call: Call,
): Promise<void> {
  try {
    await interaction(provider, options, call)
  } catch (error) {
    const text = error instanceof Error ? error.message : 'sign-in failed'
    call.raw.response.writeHead(400, { 'content-type': 'text/plain' }).end(`${text}\n`)
  }
}
