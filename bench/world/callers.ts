/**
 * Many callers: tokens of as many people, each really signed by the lab's Entra ID.
 */
import { createHash, createSign, randomUUID } from 'node:crypto'
import type { Lab } from '../../lab/lab.ts'

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** `count` tokens with the groups of `persona`, each of another person. */
export async function tokensOf(lab: Lab, persona: string, count: number): Promise<string[]> {
  const [, payload = ''] = (await lab.token(persona)).split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as object
  const { kid, privateKey } = lab.issuers.entra.signing()
  return Array.from({ length: count }, () => {
    const person = {
      oid: randomUUID(),
      sub: createHash('sha256').update(randomUUID()).digest('base64url'),
    }
    const body = `${encoded({ alg: 'RS256', typ: 'JWT', kid })}.${encoded({ ...claims, ...person, uti: randomUUID() })}`
    return `${body}.${createSign('sha256').update(body).sign(privateKey, 'base64url')}`
  })
}
