/**
 * Cookies as the console sets and reads them: for this host alone, over TLS, out of reach for scripts.
 * @module
 */

/** RFC 6265bis section 4.1.3.2: Secure, no Domain, and the whole host; another host cannot set it. */
export const SESSION_COOKIE = '__Host-harness'
export const SIGN_IN_COOKIE = '__Host-harness-signin'

/** Browsers keep 4,096 bytes with the name and its attributes. */
export const MAX_COOKIE_VALUE = 3_584

/** @param seconds how long it is kept; 0 removes it */
export function cookie(name: string, value: string, seconds: number): string {
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${seconds}`
}

/** Null for a cookie that is not there, or is there twice: nobody knows which of the two counts. */
export function cookieIn(header: string | undefined, name: string): string | null {
  const values = (header ?? '')
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one.startsWith(`${name}=`))
    .map((one) => one.slice(name.length + 1))
  const [value] = values
  return values.length === 1 && value !== undefined && value.length <= MAX_COOKIE_VALUE
    ? value
    : null
}
