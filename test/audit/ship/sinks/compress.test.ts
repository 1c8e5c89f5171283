import { setImmediate as turn } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { compress, createCompress } from '../../../../src/audit/ship/sinks/compress.ts'

t.test(
  'one text is compressed at a time, in order, and one that fails holds up no other',
  async (t) => {
    const begun: string[] = []
    const over: PromiseWithResolvers<Buffer<ArrayBuffer>>[] = []
    const one = createCompress((text) => {
      begun.push(String(text))
      const done = Promise.withResolvers<Buffer<ArrayBuffer>>()
      over.push(done)
      return done.promise
    })
    const [first, second, third] = [one('first'), one('second'), one('third')]
    await turn()
    t.same(begun, ['first'])
    over[0]?.resolve(Buffer.from('1'))
    t.equal(String(await first), '1')
    await turn()
    t.same(begun, ['first', 'second'])
    over[1]?.reject(new Error('no memory'))
    await t.rejects(second, { message: 'no memory' })
    await turn()
    t.same(begun, ['first', 'second', 'third'])
    over[2]?.resolve(Buffer.from('3'))
    t.equal(String(await third), '3')
  },
)

t.test('each gets its own text back', async (t) => {
  const texts = Array.from({ length: 8 }, (_, n) => `[${n},"${'é'.repeat(200_000)}"]`)
  const packed = await Promise.all(texts.map((text) => compress(text)))
  t.same(
    packed.map((one) => gunzipSync(one).toString()),
    texts,
  )
})
