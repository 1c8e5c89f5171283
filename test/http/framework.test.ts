/** Fastify's own errors: what a request can cause is the caller's fault, and none is left out. */
import { errorCodes } from 'fastify'
import t from 'tap'
import { toRefusal } from '../../src/errors.ts'
import { fromFramework } from '../../src/http/framework.ts'

/** Its errors that say that they are not the server's fault, but that no request can cause. */
const OF_SETTING_UP = new Set(['FST_ERR_CTP_INSTANCE_ALREADY_STARTED'])

interface Published {
  readonly code: string
  readonly statusCode: number
}
const published = Object.values(errorCodes).map((Type) => new Type('x') as unknown as Published)

t.test('there is something to check', async (t) => {
  t.ok(published.length > 60)
})

t.test('an error that fastify says is the caller’s is the caller’s, and told apart', async (t) => {
  for (const error of published) {
    const refusal = toRefusal(fromFramework(error))
    const isOurs = error.statusCode >= 500 || OF_SETTING_UP.has(error.code)
    t.equal(refusal.status >= 500, isOurs, `${error.code}: ${refusal.code}`)
    if (isOurs) t.equal(refusal.code, 'internal_error', error.code)
    else t.not(refusal.code, 'bad_request', `${error.code} has a code that says what is wrong`)
  }
})

t.test('one that a later version brings is the caller’s by its status', async (t) => {
  const refusal = (code: string, statusCode: number): string =>
    toRefusal(fromFramework(Object.assign(new Error('/secret'), { code, statusCode }))).code
  t.equal(refusal('FST_ERR_NEW', 400), 'bad_request')
  t.equal(refusal('FST_ERR_NEW', 422), 'bad_request')
  t.equal(refusal('FST_ERR_NEW', 500), 'internal_error')
  t.equal(refusal('ERR_OTHER', 400), 'internal_error', 'an error of somebody else is ours')
  const error = Object.assign(new Error('/secret'), { code: 'FST_ERR_NEW', statusCode: 400 })
  t.notMatch(toRefusal(fromFramework(error)).message, 'secret')
})
