/** Rows 51 to 56 of docs/security-cases.md: the gateway's own identities, and what Azure says to them. */
import t from 'tap'
import { gatewayRows } from './support/identity-rows.ts'

t.setTimeout(300_000)

for (const { row, name, run } of gatewayRows) {
  void t.test(`row ${row}: ${name}`, async (test) => run(test as typeof t))
}
