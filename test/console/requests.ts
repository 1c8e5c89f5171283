/**
 * A browser made of plain requests: it keeps cookies, follows redirects, and sends whatever a test wants it to.
 * @module
 */
import type { Lab } from '../../lab/lab.ts'
import { send, type Answer, type Send } from '../support/send.ts'

export interface Person {
  /** Cookies of the gateway, as they are sent. */
  cookie(): string
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** A form as the browser sends it from one of the gateway's pages; `headers` replace what it would send. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<Answer>
}

export const HOME = '/_harness/console'
export const TEXT_HTML = { accept: 'text/html' }

/** A person with these cookies. @param origin what the browser takes the gateway for */
export function personWith(
  cookies: Map<string, string>,
  url: string,
  ca: string,
  origin = url,
): Person {
  const keep = (answer: Answer): Answer => {
    for (const set of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/u.exec(set) ?? []
      if (/Max-Age=0(?:;|$)/u.test(set)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }
  const cookie = (): string => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const sent = async (path: string, init: Send): Promise<Answer> =>
    keep(await send(url, ca, path, init))
  return {
    cookie,
    get: (path, headers = {}) =>
      sent(path, { headers: { ...TEXT_HTML, cookie: cookie(), ...headers } }),
    post(path, fields, headers = {}) {
      const all: Record<string, string | undefined> = {
        ...TEXT_HTML,
        cookie: cookie(),
        origin,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      }
      const given = Object.entries(all).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] as const],
      )
      const body = new URLSearchParams(fields).toString()
      const length = { 'content-length': String(Buffer.byteLength(body)) }
      return sent(path, {
        method: 'POST',
        headers: { ...Object.fromEntries(given), ...length },
        body,
      })
    },
  }
}

/** From the gateway's redirect through the issuer, where a persona is chosen: the address that it sends the browser back to. */
export async function throughIssuer(lab: Lab, location: string, persona: string): Promise<string> {
  const cookies = new Map<string, string>()
  let at = new URL(location)
  for (let hops = 0; hops < 10; hops += 1) {
    const path = at.pathname.includes('/interaction/')
      ? `${at.pathname}?persona=${persona}`
      : `${at.pathname}${at.search}`
    const person = personWith(cookies, at.origin, lab.certificates.ca)
    const next = (await person.get(path)).headers.location
    if (next === undefined) break
    at = new URL(next, at)
    if (at.pathname === `${HOME}/callback`) return `${at.pathname}${at.search}`
  }
  throw new Error(`the issuer does not lead back: ${at.href}`)
}

/** Signs somebody in, at a gateway of a lab. @param to the page to come back to */
export async function signedIn(
  { lab, url }: { readonly lab: Lab; readonly url: string },
  persona: string,
  to = HOME,
): Promise<Person & { readonly landed: Answer; readonly cookies: Map<string, string> }> {
  const cookies = new Map<string, string>()
  const person = personWith(cookies, url, lab.certificates.ca)
  const issuer = persona === 'reader' ? 'okta' : 'entra'
  const begun = await person.get(`${HOME}/signin?issuer=${issuer}&to=${encodeURIComponent(to)}`)
  const back = await throughIssuer(lab, begun.headers.location ?? '', persona)
  const landed = await person.get(back)
  return { ...person, landed, cookies }
}

/** The field that its page put into the form which is sent to a path; '' without. */
export function formToken({ text }: Pick<Answer, 'text'>, path = `${HOME}/signout`): string {
  const form = text.slice(text.indexOf(`action="${path}"`))
  const [, token = ''] = /name="form_token"\s+value="([^"]+)"/u.exec(form) ?? []
  return token
}
