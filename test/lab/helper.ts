/**
 * A lab for one test file, closed with it.
 * @module
 */
import type { Test } from 'tap'
import { request, type Reply, type RequestOptions } from '../../lab/server/http.ts'
import { startLab, type Lab, type LabOptions } from '../../lab/lab.ts'
import { IDENTITIES, type LabIdentity } from '../../lab/personas.ts'

export async function lab(t: Test, options: Partial<LabOptions> = {}): Promise<Lab> {
  const started = await startLab({ directory: t.testdir(), ...options })
  t.teardown(() => started.close())
  return started
}

export function identity(name: string): LabIdentity {
  const found = IDENTITIES.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no identity ${name}`)
  return found
}

export type Caller = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Reply>

/** Calls ARM as one of the gateway's identities would; `path` may be absolute. */
export async function caller(
  of: Lab,
  name = 'ml-writer',
  audience = 'https://management.azure.com',
): Promise<Caller> {
  const token = await of.identities.mint(identity(name), audience)
  return (method, path, body, headers) => {
    const url = path.startsWith('http') ? path : `${of.urls.upstream}${path}`
    const options: RequestOptions = {
      method,
      ca: of.certificates.ca,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body }),
    }
    return request(url, options)
  }
}
