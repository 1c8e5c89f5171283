/**
 * Where the managed identity of Azure ML compute is asked for tokens, as the environment says.
 * @module
 */
import { isSafeUrl } from '../../lib/http.ts'
import { Problem } from '../problem.ts'

/** Where a job's token comes from. */
export interface Endpoint {
  readonly url: string
  readonly secret: string
  /** Of a user-assigned identity; null for the only one there is. */
  readonly clientId: string | null
}

/** The endpoint that Azure ML compute gives to its jobs; null elsewhere. @throws Problem for one that is not local */
export function findEndpoint(env: Readonly<Record<string, string | undefined>>): Endpoint | null {
  const url = env['MSI_ENDPOINT']
  const secret = env['MSI_SECRET']
  if (url === undefined || url === '' || secret === undefined || secret === '') return null
  if (!isSafeUrl(url))
    throw new Problem(
      'MSI_ENDPOINT is neither https nor on this machine',
      'the secret would travel in the clear: unset it, or sign in with azureml-harness login',
    )
  const clientId = env['DEFAULT_IDENTITY_CLIENT_ID'] ?? env['AZURE_CLIENT_ID'] ?? ''
  return { url, secret, clientId: clientId === '' ? null : clientId }
}
