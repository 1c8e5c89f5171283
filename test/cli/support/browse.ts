/**
 * A browser without a screen: follows redirects, keeps cookies, submits the issuer's forms, and signs in as a persona.
 */
import { Agent, fetch, type RequestInit } from 'undici'

/** Goes on until a page has nowhere to lead; answers with its URL and text. */
export async function browse(
  start: string,
  persona: string,
  ca: string,
): Promise<{ url: string; status: number; text: string }> {
  const dispatcher = new Agent({ connect: { ca } })
  const jar = new Map<string, string>()
  let url = start
  let form: URLSearchParams | undefined
  try {
    for (let hops = 0; hops < 15; hops += 1) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const init: RequestInit =
        form === undefined
          ? { headers: { cookie } }
          : { method: 'POST', body: form.toString(), headers: { cookie, ...type } }
      const reply = await fetch(url, { ...init, redirect: 'manual', dispatcher })
      form = undefined
      for (const set of reply.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
        jar.set(name, value)
      }
      const text = await reply.text()
      const location = reply.headers.get('location')
      if (location !== null) {
        url = new URL(location, url).href
        if (url.includes('/interaction/')) url += `?persona=${persona}`
        continue
      }
      const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1]
      if (action === undefined || !text.includes('name="xsrf"'))
        return { url, status: reply.status, text }
      const inputs = [...text.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)]
      form = new URLSearchParams(
        inputs.map(([, name, value]): [string, string] => [name ?? '', value ?? '']),
      )
      form.set('confirm', 'yes')
      url = new URL(action.replaceAll('&amp;', '&'), url).href
    }
  } finally {
    await dispatcher.close()
  }
  throw new Error('the sign-in goes round in circles')
}
