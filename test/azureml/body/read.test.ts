/** What of a body is read, and when it is not. */
import { Readable } from 'node:stream'
import t from 'tap'
import { hasBody, readBody, type BodyHeaders } from '../../../src/azureml/body/read.ts'
import { Refusal } from '../../../src/errors.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const UNCOUNTED = { hold: () => undefined, received: () => undefined }

async function code(headers: BodyHeaders, chunks: readonly Buffer[], limit = 16): Promise<string> {
  const stream = Readable.from(chunks)
  try {
    return (await readBody(stream, headers, limit, UNCOUNTED)).toString()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

t.test('media types', async (t) => {
  for (const type of [
    'application/json',
    'Application/JSON; charset=UTF-8',
    'application/merge-patch+json',
    'application/json;charset="utf-8"',
  ])
    t.equal(await code({ 'content-type': type }, [Buffer.from('{}')]), '{}', type)
  for (const type of [
    undefined,
    '',
    'text/plain',
    'text/json',
    'application/json; charset=utf-16',
    'application/jsonp',
    'multipart/form-data',
    'application/json, text/plain',
  ])
    t.equal(await code({ 'content-type': type }, []), 'unsupported_media_type', String(type))
})

t.test('a content coding of any kind is refused unread', async (t) => {
  for (const coding of ['gzip', 'br', 'identity', 'gzip, gzip', 'unknown', ''])
    t.equal(
      await code({ ...JSON_TYPE, 'content-encoding': coding }, [Buffer.from('{}')]),
      'unsupported_media_type',
      coding,
    )
})

t.test('a body that says that it is too large is refused before it is read', async (t) => {
  let asked = false
  const stream = new Readable({
    read() {
      asked = true
      this.push(null)
    },
  })
  await t.rejects(
    async () => readBody(stream, { ...JSON_TYPE, 'content-length': '17' }, 16, UNCOUNTED),
    {
      code: 'body_too_large',
    },
  )
  t.notOk(asked)
})

t.test(
  'a chunked body is refused at the limit, and its stream stays whole for the answer',
  async (t) => {
    let pushed = 0
    const stream = new Readable({
      highWaterMark: 1,
      read() {
        pushed += 1
        this.push(Buffer.alloc(10))
      },
    })
    await t.rejects(
      async () => readBody(stream, { ...JSON_TYPE, 'transfer-encoding': 'chunked' }, 35, UNCOUNTED),
      {
        code: 'body_too_large',
      },
    )
    t.ok(pushed < 10, `${pushed} chunks`)
    t.notOk(stream.destroyed)
    stream.destroy()
  },
)

t.test('a body at the limit is read', async (t) => {
  t.equal(await code(JSON_TYPE, [Buffer.alloc(16, 'x')]), 'x'.repeat(16))
})

t.test('a caller who goes away is a bad request', async (t) => {
  const stream = new Readable({ read() {} })
  stream.push('{')
  setImmediate(() => stream.destroy(new Error('aborted')))
  await t.rejects(async () => readBody(stream, JSON_TYPE, 100, UNCOUNTED), { code: 'bad_request' })
})

t.test('a body that came with its head is not waited for', async (t) => {
  const received: number[] = []
  const progress = {
    hold: () => undefined,
    received: (bytes: number) => void received.push(bytes),
  }
  const streamOf = (...pieces: readonly string[]): Readable => {
    const stream = new Readable({ read() {} })
    for (const piece of pieces) stream.push(piece)
    return stream
  }
  const headers = { ...JSON_TYPE, 'content-length': '5' }
  const whole = readBody(streamOf('[1,', '2]'), headers, 16, progress)
  t.ok(Buffer.isBuffer(whole))
  t.equal((await whole).toString(), '[1,2]')
  t.strictSame(received, [5])
  const stream = streamOf('[1,')
  const waiting = readBody(stream, headers, 16, progress)
  t.notOk(Buffer.isBuffer(waiting))
  stream.push('2]')
  stream.push(null)
  t.equal((await waiting).toString(), '[1,2]')
  t.strictSame(received, [5, 5])
})

t.test('who has a body', async (t) => {
  t.ok(hasBody({ 'content-length': '1' }))
  t.ok(hasBody({ 'transfer-encoding': 'chunked' }))
  t.notOk(hasBody({ 'content-length': '0' }))
  t.notOk(hasBody({}))
})

t.test(
  'bytes are held before they are read: all that the head says, or as they come',
  async (t) => {
    async function heldOf(headers: BodyHeaders, pieces: readonly string[]): Promise<number[]> {
      const held: number[] = []
      const progress = { hold: (bytes: number) => void held.push(bytes), received: () => undefined }
      const stream = Readable.from(pieces.map((piece) => Buffer.from(piece)))
      await readBody(stream, { ...JSON_TYPE, ...headers }, 100, progress)
      return held.filter((bytes) => bytes > 0)
    }
    t.strictSame(await heldOf({ 'content-length': '5' }, ['[1,', '2]']), [5])
    t.strictSame(await heldOf({ 'transfer-encoding': 'chunked' }, ['[1,', '2]']), [3, 2])
    const full = {
      hold: () => {
        throw new Refusal('overloaded', 'full')
      },
      received: () => undefined,
    }
    const stream = Readable.from([Buffer.from('{}')])
    await t.rejects(
      async () => readBody(stream, { ...JSON_TYPE, 'content-length': '2' }, 100, full),
      {
        code: 'overloaded',
      },
    )
    t.equal(stream.readableDidRead, false)
  },
)
