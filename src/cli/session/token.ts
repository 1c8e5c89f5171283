/**
 * `token`: prints a fresh access token for the gateway.
 * @module
 */
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { freshCredential, type Wanted } from './credential.ts'

export interface TokenOptions extends Wanted {
  readonly output: Output
}

export async function token(options: TokenOptions, io: Io): Promise<number> {
  const { gateway, source, expiresAt, token: text } = await freshCredential(io, options)
  const expiresOn = Math.floor(expiresAt / 1000)
  show(io, options.output, {
    json: () => ({
      gateway,
      token: text,
      expiresAt: new Date(expiresAt).toISOString(),
      expiresOn,
      source,
    }),
    table: () => [text],
    tsv: () => [[text, expiresOn, gateway, source]],
  })
  return EXIT.ok
}
