/**
 * Pages and their forms, for people who are signed in.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Reply } from '../http/reply.ts'
import type { DenyList } from '../identity/deny-list.ts'
import type { Principal } from '../identity/principal.ts'
import { createAsk, type MakeCall } from './ask.ts'
import { checkOrigin, readForm, type FormTokens } from './form.ts'
import type { Frame } from './layout.ts'
import { ApiRefusal, type Page, type Site, type Visit } from './page.ts'
import { findPage, PAGES } from './pages/pages.ts'
import { expiredForm, keptForm, refusalView } from './pages/plain.ts'
import { HOME, isPagePath, queryOf, SIGN_IN } from './paths.ts'
import type { Sessions } from './session.ts'
import type { SignIn } from './sign-in.ts'
import type { Writer } from './writer.ts'

export interface VisitOptions {
  readonly site: Site
  readonly sessions: Sessions
  readonly signIn: Pick<SignIn, 'issuers'>
  readonly formTokens: FormTokens
  readonly denyList: Pick<DenyList, 'denies'>
  /** Calls in the name of somebody who is known already. */
  readonly make: MakeCall
  readonly writer: Writer
}

/** One request of a browser. */
export interface Asked {
  readonly reply: Reply
  readonly target: Target
  /** Path and query, as received. */
  readonly raw: string
}

export interface Visitor {
  /** Null for who is not signed in. */
  readonly principal: Principal | null
  /** Where they signed in, now or before; null if nobody knows. */
  readonly issuer: string | null
}

/** The person whose session a request brings. @throws Refusal `revoked` */
export async function visitorOf(
  { sessions, signIn, denyList }: VisitOptions,
  { headers }: IncomingMessage,
): Promise<Visitor> {
  const opened = await sessions.open(headers.cookie)
  if (opened.state === 'none') return { principal: null, issuer: null }
  if (opened.state === 'over') return { principal: null, issuer: opened.issuer }
  const { principal } = opened.session
  if (!signIn.issuers.includes(principal.issuer)) return { principal: null, issuer: null }
  if (await denyList.denies(principal))
    throw new Refusal('revoked', 'you, or what you signed in with, are on the deny list')
  return { principal, issuer: principal.issuer }
}

/** Answers a request for a page, or one with the form of a page. */
export async function visit(options: VisitOptions, asked: Asked): Promise<void> {
  const { reply, target, raw } = asked
  const found = findPage(target.path)
  if (found === null) throw new Refusal('not_found', 'the console has no such page')
  const { principal, issuer } = await visitorOf(options, reply.request)
  if (target.method === 'POST') return send(options, asked, found, principal)
  const { writer, site } = options
  if (principal === null) {
    const query = queryOf({ issuer, to: isPagePath(raw) ? raw : HOME })
    return writer.goTo(reply, `${SIGN_IN}${query}`)
  }
  const made = visitOf(options, asked, principal, found)
  try {
    const shown = await found.page.show(made)
    if ('text' in shown) writer.download(reply, shown)
    else writer.page(reply, 200, shown, frameOf(made, target))
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    writer.page(reply, error.status, refusalView(error.answer, site, raw), frameOf(made, target))
  }
}

interface Found {
  readonly page: Page
  readonly params: ReadonlyMap<string, string>
}

/** A form: nothing of what was typed is lost when the session is over, or the API refuses. */
async function send(
  options: VisitOptions,
  asked: Asked,
  found: Found,
  principal: Principal | null,
): Promise<void> {
  const { reply, target } = asked
  const { writer, site, formTokens } = options
  if (found.page.send === undefined)
    throw new Refusal('method_not_allowed', 'this page has no form')
  checkOrigin(reply.request, site.publicUrl)
  const fields = await readForm(reply.request)
  if (principal === null) return writer.page(reply, 401, expiredForm(target.path, fields))
  formTokens.check(principal.id, target.path, fields)
  const made = visitOf(options, asked, principal, found)
  try {
    writer.goTo(reply, (await found.page.send(made, fields)).goTo)
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    const { formToken } = made
    const view = keptForm(error.answer, site, { path: target.path, fields, formToken })
    writer.page(reply, error.status, view, frameOf(made, target))
  }
}

function visitOf(
  { make, formTokens, site }: VisitOptions,
  { reply, target }: Asked,
  principal: Principal,
  { params }: Found,
): Visit {
  return {
    principal,
    params,
    query: target.params,
    site,
    ask: createAsk(make, principal, reply.request),
    formToken: (path) => formTokens.issue(principal.id, path),
  }
}

function frameOf({ principal, formToken }: Visit, { path }: Target): Frame {
  return { principal, pages: PAGES, path, formToken }
}
