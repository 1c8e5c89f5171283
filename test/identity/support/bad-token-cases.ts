/**
 * Rows 1 to 50 of the table of bad inputs, as data: judged here by the identity stage alone, elsewhere by the gateway.
 * @module
 */
import type { RefusalCode } from '../../../src/errors.ts'
import type { BadWorld } from './bad-world.ts'
import { claimCases } from './cases-claims.ts'
import { formCases } from './cases-form.ts'
import { outageCases } from './cases-outage.ts'
import { senderCases } from './cases-sender.ts'

export interface CaseRequest {
  method: string
  url: string
  rawHeaders: readonly string[]
  clientCertificate?: Buffer | null
}

export interface BadTokenCase {
  row: number
  name: string
  make: (world: BadWorld) => CaseRequest | Promise<CaseRequest>
  /** 200: the row wants the request to work. */
  status: number
  code: RefusalCode | 'accepted'
  /** Breaks what the row is about, before `make`; such a case has a world of its own. */
  prepare?: (world: BadWorld, ask: (request: CaseRequest) => Promise<string>) => Promise<void>
  /** `policy`: identity accepts and hands on the facts; a policy must refuse. */
  stage?: 'policy'
}

export const badTokenCases: readonly BadTokenCase[] = [
  ...formCases,
  ...claimCases,
  ...senderCases,
  ...outageCases,
]
