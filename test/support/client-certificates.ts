/**
 * An authority for client certificates, and clients that hold some of it.
 * @module
 */
// oxlint-disable-next-line import/no-unassigned-import -- a polyfill that @peculiar/x509 asks for
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createHash, webcrypto } from 'node:crypto'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000

export interface ClientCertificate {
  cert: string
  key: string
  /** As `cnf` of a token has it (RFC 8705 section 3.1). */
  thumbprint: string
}

export interface Authority {
  ca: string
  /** @param days until it ends; below zero for one that has ended */
  issue(name: string, days?: number): Promise<ClientCertificate>
}

const span = (days: number) => ({
  notBefore: new Date(Date.now() - 10 * DAY_MS),
  notAfter: new Date(Date.now() + days * DAY_MS),
})

x509.cryptoProvider.set(webcrypto)

export async function makeAuthority(name = 'clients'): Promise<Authority> {
  const pair = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    ...span(10),
    signingAlgorithm: ALGORITHM,
    keys: pair,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  })
  return {
    ca: ca.toString('pem'),
    async issue(subject, days = 5) {
      const own = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: `02${Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex')}`,
        subject: `CN=${subject}`,
        issuer: ca.subject,
        ...span(days),
        signingAlgorithm: ALGORITHM,
        publicKey: own.publicKey,
        signingKey: pair.privateKey,
        extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
      })
      const der = await webcrypto.subtle.exportKey('pkcs8', own.privateKey)
      return {
        cert: leaf.toString('pem'),
        key: x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag),
        thumbprint: createHash('sha256').update(Buffer.from(leaf.rawData)).digest('base64url'),
      }
    },
  }
}
