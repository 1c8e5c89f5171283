/** Keys of the console that cannot be used are told at the start, and not to the first person who signs in. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { startGateway } from '../support/gateway.ts'

t.setTimeout(120_000)

/** A gateway whose console has this key for its cookies, or this one to sign with. */
async function started(keys: {
  readonly cookies?: string
  readonly signing?: string
}): Promise<string> {
  const change =
    (directory: string) =>
    (config: ConfigFile): ConfigFile => {
      const written = (name: string, text: string): { fromFile: string } => {
        const file = join(directory, name)
        writeFileSync(file, text, { mode: 0o600 })
        return { fromFile: file }
      }
      const { cookies, signing } = keys
      return {
        ...config,
        ...(cookies === undefined
          ? {}
          : { console: { cookieKeys: [written('its-cookie-key', cookies)] } }),
        issuers: config.issuers.map(({ console, ...issuer }) =>
          console === undefined || signing === undefined || issuer.name !== 'okta'
            ? { ...issuer, ...(console === undefined ? {} : { console }) }
            : {
                ...issuer,
                console: {
                  ...console,
                  authentication: { privateKey: written('its-signing-key', signing) },
                },
              },
        ),
      }
    }
  return startGateway({ gateway: ({ directory }) => ({ change: change(directory) }) }).then(
    async (world) => {
      await world.close()
      return 'started'
    },
    (error: unknown) => String(error),
  )
}

t.test('a short key for cookies', async (t) => {
  t.match(await started({ cookies: 'short' }), 'console.cookieKeys[0] has less than 32 characters')
})

t.test('a key that no issuer takes', async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  for (const signing of [pem, 'no key at all, but a line of words']) {
    const text = await started({ signing })
    t.match(text, 'issuers[1].console.authentication.privateKey is no RSA or EC P-256 private key')
    t.notMatch(text, signing.split('\n')[1] ?? signing)
  }
})
