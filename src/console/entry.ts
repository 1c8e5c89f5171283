/**
 * The ways in and out: to the issuer and back with a session, and signing out.
 * @module
 */
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Reply } from '../http/reply.ts'
import { sourceOf } from '../http/source.ts'
import { createAsk } from './ask.ts'
import { checkOrigin, readForm } from './form.ts'
import type { View } from './page.ts'
import { signedOut, signInView } from './pages/plain.ts'
import { HOME, queryOf, SIGNED_OUT } from './paths.ts'
import type { RateLimit } from './rate-limit.ts'
import type { SignIn } from './sign-in.ts'
import { visitorOf, type Asked, type VisitOptions } from './visits.ts'

export interface EntryOptions extends VisitOptions {
  readonly signIn: SignIn
  readonly signIns: RateLimit
}

/** To the issuer; where there are several, to the page that asks at which. */
export async function beginSignIn(
  { signIn, signIns, writer }: EntryOptions,
  { reply, target: { params } }: Asked,
): Promise<void> {
  const to = params.get('to') ?? HOME
  const [only, ...others] = signIn.issuers
  const issuer = params.get('issuer') ?? (others.length === 0 ? only : undefined)
  if (issuer === undefined) return writer.page(reply, 200, signInView(signIn.issuers, to))
  const { headers } = reply.request
  signIns.take(sourceOf(reply.request).ip)
  const again = params.get('again') === '1'
  const { location, cookies } = await signIn.begin(issuer, to, again, headers.cookie)
  writer.goTo(reply, location, cookies)
}

/** Back from the issuer. @param target with the code in its query */
export async function endSignIn(
  { signIn, signIns, sessions, make, denyList, writer }: EntryOptions,
  reply: Reply,
  target: string,
): Promise<void> {
  const { request } = reply
  signIns.take(sourceOf(request).ip)
  const { principal, to, cookie } = await signIn.finish(target, request.headers.cookie)
  if (await denyList.denies(principal))
    throw new Refusal('revoked', 'you, or what you signed in with, are on the deny list')
  const session = await sessions.begin(principal)
  // who cannot be recorded is not signed in
  await createAsk(make, principal, request)('/_harness/whoami')
  writer.goTo(reply, to, [session, cookie])
}

/** @throws Refusal unless it is a form of the console's: no other page signs anybody out */
export async function signOut(
  options: EntryOptions,
  { reply, target: { method, path } }: Asked,
): Promise<void> {
  const { sessions, formTokens, site, writer } = options
  if (method !== 'POST') throw new Refusal('method_not_allowed', 'signing out is a form')
  checkOrigin(reply.request, site.publicUrl)
  const fields = await readForm(reply.request)
  const { principal, issuer } = await visitorOf(options, reply.request)
  if (principal !== null) formTokens.check(principal.id, path, fields)
  writer.goTo(reply, `${SIGNED_OUT}${queryOf({ issuer })}`, [sessions.end()])
}

export async function signedOutView({ signIn }: EntryOptions, { params }: Target): Promise<View> {
  const issuer = params.get('issuer') ?? ''
  const known = signIn.issuers.includes(issuer)
  return signedOut(known ? issuer : null, known ? await signIn.signOutAt(issuer) : null)
}
