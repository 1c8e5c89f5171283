/**
 * Sender-constrained tokens: a token that is bound to a key is accepted only with proof of that key.
 * @module
 */
import { createHash } from 'node:crypto'
import { Refusal } from '../../errors.ts'
import type { Presented } from './bearer.ts'
import type { DpopCheck } from './dpop.ts'
import { isObject, type Members } from '../../lib/strict-json.ts'

/** What a token is bound to (RFC 7800 `cnf`). */
export interface Binding {
  /** RFC 8705: SHA-256 of the client's TLS certificate, base64url. */
  readonly certificate: string | null
  /** RFC 9449: thumbprint of the client's DPoP key. */
  readonly jkt: string | null
}

const KNOWN_MEMBERS = new Set(['x5t#S256', 'jkt'])

/**
 * Reads `cnf`. A confirmation that cannot be checked here refuses the token: ignoring it would make it a bearer token.
 *
 * @throws Refusal `invalid_token`
 */
export function readBinding(claims: Members): Binding | null {
  const cnf = claims.get('cnf')
  if (cnf === undefined) return null
  const names = isObject(cnf) ? Object.keys(cnf) : []
  if (!isObject(cnf) || names.length === 0 || !names.every((name) => KNOWN_MEMBERS.has(name))) {
    throw new Refusal('invalid_token', 'the token is bound in a way that cannot be checked here')
  }
  return { certificate: readThumbprint(cnf['x5t#S256']), jkt: readThumbprint(cnf['jkt']) }
}

/** @throws Refusal `invalid_token`, `invalid_dpop_proof` */
export async function checkSender(
  binding: Binding | null,
  presented: Presented,
  checkDpop: DpopCheck,
): Promise<void> {
  const { credential, clientCertificate } = presented
  if (credential.scheme === 'dpop' && typeof binding?.jkt !== 'string') {
    throw new Refusal('invalid_token', 'the token is not bound to a dpop key')
  }
  if (binding === null) return
  if (binding.certificate !== null && thumbprint(clientCertificate) !== binding.certificate) {
    throw new Refusal('invalid_token', 'the token is bound to another client certificate')
  }
  if (binding.jkt === null) return
  if (credential.scheme !== 'dpop') {
    // RFC 9449 section 7.1: no downgrade to bearer
    throw new Refusal('invalid_token', 'the token is bound to a dpop key and was sent as bearer')
  }
  await checkDpop(presented, binding.jkt)
}

function thumbprint(certificate: Buffer | null): string | null {
  return certificate === null ? null : createHash('sha256').update(certificate).digest('base64url')
}

function readThumbprint(value: unknown): string | null {
  if (value === undefined) return null
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value)) return value
  throw new Refusal('invalid_token', 'the token is bound to no key that could be named')
}
