import t from 'tap'
import { reasonOf } from '../../../src/audit/record/row.ts'
import { Refusal, type RefusalCode } from '../../../src/errors.ts'

const said = (message: string, code: RefusalCode = 'bad_body'): string =>
  reasonOf(new Refusal(code, message))

t.test(
  "a header or claim that the gateway knows by name stays, a caller's word goes",
  async (t) => {
    t.equal(said('header "host" is there twice'), 'header "host" is there twice')
    t.equal(said('header "sk-secret" is there twice'), 'header "(...)" is there twice')
    t.equal(said('the token has neither "uid" nor "cid"'), 'the token has neither "uid" nor "cid"')
  },
)

t.test('quotes within the foreign word do not save a part of it', async (t) => {
  for (const word of [
    'a"b',
    '"',
    'a" is "b',
    'host" or "b',
    '""',
    'a"host"b',
    'host"key"host',
    'host" key "host',
  ])
    t.equal(said(`header "${word}" is odd`), 'header "(...)" is odd')
})

t.test('a pointer into a body says that there was one', async (t) => {
  t.equal(
    said('the body has "x" twice at /properties/key1'),
    'the body has "(...)" twice at /(...)',
  )
  t.equal(said('the body is odd at /properties/"a b"/c'), 'the body is odd at /(...)')
  t.equal(said('the body is odd at /'), 'the body is odd at /(...)')
})

t.test('what the gateway depends on keeps its configured name', async (t) => {
  const message = 'the keys of issuer "entra" are not available'
  t.equal(said(message, 'idp_unavailable'), message)
})
