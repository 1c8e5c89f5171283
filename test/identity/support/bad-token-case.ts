/**
 * The form of one row of the table of bad inputs that is about a token.
 * @module
 */
import type { RefusalCode } from '../../../src/errors.ts'
import type { BadWorld } from './bad-world.ts'

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
