/**
 * Tokens that the lab's Entra ID has signed, thousands of them at once: its token endpoint is not asked.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Lab } from '../../lab/lab.ts'
import { AUDIENCE_GUID, ENTRA_CLI, TENANT } from '../../lab/personas.ts'

/** A person's token without room for groups. No two are alike. */
export function overageToken(lab: Lab, oid: string): Promise<string> {
  const { kid, privateKey } = lab.issuers.entra.signing()
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    iss: lab.issuers.entra.url,
    aud: AUDIENCE_GUID,
    iat,
    nbf: iat,
    exp: iat + 3600,
    ver: '2.0',
    tid: TENANT,
    oid,
    azp: ENTRA_CLI,
    scp: 'user_impersonation',
    hasgroups: true,
    uti: randomUUID(),
  }
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' }).sign(privateKey)
}
