/** Stamps: where they go in a document, that they go there once, and the digest that they carry. */
import t from 'tap'
import { applyEdits } from '../../../src/enforce/effects/edit.ts'
import { stampAll, TAGS } from '../../../src/enforce/effects/stamp.ts'
import { parseJson } from '../../../src/lib/json/document.ts'

const STAMP = { principal: 'entra/t/me', decision: 'd-1', policy: 'v-1' }
function stamped(text: string, type = 'Job', stamp = STAMP): string {
  const bytes = Buffer.from(text)
  return applyEdits(
    bytes,
    stampAll({ root: parseJson(bytes), bytes }, type, stamp).edits,
  ).toString()
}
const digestOf = (text: string): unknown =>
  (JSON.parse(text) as { properties: { tags: Record<string, string> } }).properties.tags[
    TAGS.digest
  ]

t.test('a stamp finds its place in tags of every form, and changes nothing else', async (t) => {
  for (const [before, pattern] of [
    ['{"properties":{}}', /^\{"properties":\{"tags":\{(.*)\}\}\}$/],
    ['{"properties":{ }}', /^\{"properties":\{"tags":\{(.*)\} \}\}$/],
    ['{"properties":{"a":1.0 }}', /^\{"properties":\{"a":1\.0,"tags":\{(.*)\} \}\}$/],
    ['{"properties":{"tags":null}}', /^\{"properties":\{"tags":\{(.*)\}\}\}$/],
    ['{"properties":{"tags": {}}}', /^\{"properties":\{"tags": \{(.*)\}\}\}$/],
    [
      '{"properties":{"tags":{"a":"b"} ,"z":1}}',
      /^\{"properties":\{"tags":\{"a":"b",(.*)\} ,"z":1\}\}$/,
    ],
    ['{"Properties":{"Tags":{"a":"b"}}}', /^\{"Properties":\{"Tags":\{"a":"b",(.*)\}\}\}$/],
  ] as const) {
    const after = stamped(before)
    t.match(after, pattern)
    t.match(JSON.parse(`{${pattern.exec(after)?.[1] ?? ''}}`), {
      'harness.principal': 'entra/t/me',
      'harness.decision': 'd-1',
      'harness.policy': 'v-1',
    })
  }
})

t.test('a stamp is put once: the second replaces the first, and the digest stays', async (t) => {
  for (const text of [
    '{"properties":{"command":"x"}}',
    '{"properties":{"command":"x","tags":{"mine":"1"}}}',
    '{"properties":{"command":"x","tags":{}}}',
  ]) {
    const once = stamped(text)
    const twice = stamped(once, 'Job', { ...STAMP, decision: 'd-2' })
    t.equal(twice, once.replace('d-1', 'd-2'))
    t.equal(digestOf(twice), digestOf(once))
  }
  const one = digestOf(stamped('{"properties":{"command":"x"}}'))
  t.equal(digestOf(stamped('{"properties":{"command":"x","tags":{}}}')), one)
  t.not(digestOf(stamped('{"properties":{"command":"y"}}')), one)
  t.not(digestOf(stamped('{"properties":{"command":"x","tags":{"a":"b"}}}')), one)
})

t.test("a caller's own tags of our names are replaced, whatever their case", async (t) => {
  const after = stamped('{"properties":{"tags":{"Harness.Principal":"root","a":"b"}}}')
  t.notMatch(after, /root|Harness/)
  t.match(after, /"harness.principal":"entra\/t\/me","a":"b"/)
  t.throws(
    () => stamped('{"properties":{"tags":{"Harness.Principal":"x","harness.principal":"y"}}}'),
    { code: 'bad_body' },
  )
  t.throws(() => stamped('{"properties":{"tags":"none"}}'), { code: 'bad_body' })
})

t.test('a document that was read and sent again has the digest that it had', async (t) => {
  const sent = stamped('{"properties":{"command":"x","environmentId":"azureml:e:1"}}')
  const read = sent.replace(
    '{"properties":{',
    '{"id":"/x","name":"x","type":"y","systemData":{"createdAt":"z"},"properties":{"status":"Completed","experimentName":"Default","isArchived":false,"services":{"Tracking":{"endpoint":"e"},"Studio":{}},',
  )
  t.equal(digestOf(stamped(read)), digestOf(sent))
  t.not(digestOf(stamped(read.replace('"Default"', '"other"'))), digestOf(sent))
})

t.test('a schedule is stamped, and the job in it', async (t) => {
  const after = stamped(
    '{"properties":{"action":{"jobDefinition":{"jobType":"Command"}}}}',
    'Schedule',
  )
  const { properties } = JSON.parse(after) as {
    properties: { tags: object; action: { jobDefinition: { tags: object } } }
  }
  t.same(Object.keys(properties.tags), Object.values(TAGS))
  t.same(properties.action.jobDefinition.tags, properties.tags)
})

t.test('an id that is too long for a tag is told by its digest', async (t) => {
  const after = stamped('{"properties":{}}', 'Job', { ...STAMP, principal: 'x'.repeat(300) })
  t.match(after, /"harness.principal":"sha256:[0-9a-f]{64}"/)
})
