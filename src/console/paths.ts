/**
 * Where the console's pages are.
 * @module
 */

/** My access: the first page of who is signed in. */
export const HOME = '/_harness/console'
export const SIGN_IN = `${HOME}/signin`
export const CALLBACK = `${HOME}/callback`
export const SIGN_OUT = `${HOME}/signout`
export const SIGNED_OUT = `${HOME}/signed-out`
export const SIGNED_IN = `${HOME}/signed-in`

/** Paths that do something, or mean nothing later. */
const PASSING: ReadonlySet<string> = new Set([SIGN_IN, CALLBACK, SIGN_OUT, SIGNED_OUT])

/** Whether a target is a page of the console that a browser may be sent to after a sign-in: never another host. */
export function isPagePath(target: string): boolean {
  const [path = ''] = target.split('?')
  return (
    /^\/_harness\/console(?:\/[\w.~-]+)*(?:\?[\w.~!$&'()*+,=:@%/-]*)?$/u.test(target) &&
    !path.split('/').some((one) => one === '.' || one === '..') &&
    !PASSING.has(path)
  )
}

/** The path of a page below the console, with names in it encoded. */
export function pagePath(...segments: readonly string[]): string {
  return [HOME, ...segments.map(encodeURIComponent)].join('/')
}

/** A query with what is not null; slashes, which ids of Azure are full of, stay as they are. */
export function queryOf(params: Readonly<Record<string, string | null>>): string {
  const parts = Object.entries(params).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`],
  )
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
