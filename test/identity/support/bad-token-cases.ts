/**
 * Rows 1 to 50 of docs/security-cases.md, as data: judged here by the identity stage alone, elsewhere by the gateway.
 * @module
 */
import type { BadTokenCase } from './bad-token-case.ts'
import { claimCases } from './cases-claims.ts'
import { formCases } from './cases-form.ts'
import { outageCases } from './cases-outage.ts'
import { senderCases } from './cases-sender.ts'

export const badTokenCases: readonly BadTokenCase[] = [
  ...formCases,
  ...claimCases,
  ...senderCases,
  ...outageCases,
]
