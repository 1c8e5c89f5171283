/** What counts as signed by the gateway: one algorithm a key, and the algorithm is the key's, never the document's. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import t from 'tap'
import type { AnyDocument } from '../../src/approvals/documents.ts'
import {
  createSignatures,
  createVerifier,
  type SigningKey,
} from '../../src/approvals/signatures.ts'

const edwards = generateKeyPairSync('ed25519')
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = edwards.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

const raw = (input: Buffer, key: KeyObject): Buffer =>
  sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
const inVault: SigningKey = {
  algorithm: 'ES256',
  public: curve.publicKey,
  sign: async (input) => raw(input, curve.privateKey),
}
const document: AnyDocument = {
  v: 1,
  kind: 'outcome',
  id: 'abcdefghijklmnop-1',
  n: 1,
  decision: 'd',
  outcome: 'success',
  upstreamStatus: 201,
  iat: 1,
}

type Sign = (input: Buffer) => Buffer
const kidOf = async (key: KeyObject): Promise<string> =>
  calculateJwkThumbprint(await exportJWK(key))
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const forge = (header: object, make: Sign, payload: object = document): string => {
  const head = encode({ typ: 'aml-review+json', ...header })
  const body = encode(payload)
  const signature = make(Buffer.from(`${head}.${body}`)).toString('base64url')
  return JSON.stringify({ payload: body, protected: head, signature })
}
const es: Sign = (input) => raw(input, curve.privateKey)
const ed: Sign = (input) => sign(null, input, edwards.privateKey)

t.test('either key signs first, both verify, and both are published', async (t) => {
  const first = await createSignatures([inVault, pem])
  const second = await createSignatures([pem, inVault])
  t.match(
    first.jwks.keys.map(({ alg, kty, crv }) => [alg, kty, crv]),
    [
      ['ES256', 'EC', 'P-256'],
      ['EdDSA', 'OKP', 'Ed25519'],
    ],
  )
  t.notMatch(JSON.stringify(first.jwks), /"d":/, 'public halves alone')
  for (const signed of [await first.sign(document), await second.sign(document)]) {
    for (const verify of [first.verify, second.verify, await createVerifier(first.jwks.keys)])
      t.same(await verify(signed), document)
  }
  const alone = await createSignatures([pem])
  t.equal(await alone.verify(await first.sign(document)), null, 'a key that is not among them')
})

t.test('what no key of the gateway signed for its own algorithm', async (t) => {
  const { verify } = await createSignatures([inVault, pem])
  const [curveKid, edKid, otherKid] = await Promise.all(
    [curve.publicKey, edwards.publicKey, other.publicKey].map(kidOf),
  )
  t.same(await verify(forge({ alg: 'ES256', kid: curveKid }, es)), document, 'the control')
  t.same(await verify(forge({ alg: 'EdDSA', kid: edKid }, ed)), document, 'the control')
  const secrets = [
    curve.publicKey.export({ type: 'spki', format: 'pem' }),
    curve.publicKey.export({ type: 'spki', format: 'der' }),
    JSON.stringify(curve.publicKey.export({ format: 'jwk' })),
  ]
  const der: Sign = (input) => sign('sha256', input, curve.privateKey)
  const forged: Readonly<Record<string, string>> = {
    'the EdDSA key under the name of ES256': forge({ alg: 'ES256', kid: edKid }, ed),
    'the ES256 key under the name of EdDSA': forge({ alg: 'EdDSA', kid: curveKid }, es),
    'an EdDSA signature with the kid of the ES256 key': forge({ alg: 'EdDSA', kid: curveKid }, ed),
    'an ES256 signature with the kid of the EdDSA key': forge({ alg: 'ES256', kid: edKid }, es),
    'a kid of nobody': forge({ alg: 'ES256', kid: 'x' }, es),
    'no kid': forge({ alg: 'ES256' }, es),
    "another's key and kid": forge({ alg: 'ES256', kid: otherKid }, (input) =>
      raw(input, other.privateKey),
    ),
    "another's key and our kid": forge({ alg: 'ES256', kid: curveKid }, (input) =>
      raw(input, other.privateKey),
    ),
    'the key in the header': forge(
      { alg: 'ES256', kid: curveKid, jwk: other.publicKey.export({ format: 'jwk' }) },
      (input) => raw(input, other.privateKey),
    ),
    none: forge({ alg: 'none', kid: curveKid }, () => Buffer.alloc(0)),
    'none, in other letters': forge({ alg: 'nOnE', kid: edKid }, () => Buffer.alloc(0)),
    'no algorithm': forge({ kid: curveKid }, es),
    'ES384 by its name': forge({ alg: 'ES384', kid: curveKid }, es),
    'Ed25519 by its newer name': forge({ alg: 'Ed25519', kid: edKid }, ed),
    'DER instead of r and s': forge({ alg: 'ES256', kid: curveKid }, der),
    'a signature of zeros': forge({ alg: 'ES256', kid: curveKid }, () => Buffer.alloc(64)),
    'a signature cut short': forge({ alg: 'ES256', kid: curveKid }, (input) =>
      es(input).subarray(0, 63),
    ),
    'a signature with more behind it': forge({ alg: 'ES256', kid: curveKid }, (input) =>
      Buffer.concat([es(input), Buffer.alloc(1)]),
    ),
    'another type': forge({ alg: 'ES256', kid: curveKid, typ: 'JWT' }, es),
    'a header that is critical': forge({ alg: 'ES256', kid: curveKid, crit: ['x'], x: 1 }, es),
    'what is no document': forge({ alg: 'ES256', kid: curveKid }, es, { kind: 'outcome' }),
  }
  for (const [name, text] of Object.entries(forged)) t.equal(await verify(text), null, name)
  for (const secret of secrets) {
    for (const kid of [curveKid, edKid]) {
      const text = forge({ alg: 'HS256', kid }, (input) =>
        createHmac('sha256', secret).update(input).digest(),
      )
      t.equal(await verify(text), null, 'the public key as a secret')
    }
  }
})

t.test('the second form of an ES256 signature is the same document', async (t) => {
  const { sign: signed, verify } = await createSignatures([inVault])
  const jws = JSON.parse(await signed(document)) as { signature: string }
  const bytes = Buffer.from(jws.signature, 'base64url')
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = n - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const second = Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ])
  const text = JSON.stringify({ ...jws, signature: second.toString('base64url') })
  // whoever can write such a text into the ledger could have copied the first one: it says the same, under the same name
  t.same(await verify(text), document)
})

t.test('a signature that does not verify is not written', async (t) => {
  const lying: SigningKey = { ...inVault, sign: async (input) => raw(input, other.privateKey) }
  const der: SigningKey = {
    ...inVault,
    sign: async (input) => sign('sha256', input, curve.privateKey),
  }
  for (const key of [lying, der]) {
    const signatures = await createSignatures([key, pem])
    await t.rejects(signatures.sign(document), { code: 'approvals_unavailable', status: 503 })
  }
})

t.test('keys of other kinds', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const large = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  for (const { publicKey } of [rsa, large]) {
    await t.rejects(createSignatures([{ ...inVault, public: publicKey }]), /a key of reviews/)
    await t.rejects(createVerifier([publicKey.export({ format: 'jwk' })]), /a key of reviews/)
  }
  for (const { privateKey } of [rsa, large, curve]) {
    const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await t.rejects(createSignatures([text]), /in a file is an Ed25519 key/)
  }
  await t.rejects(createSignatures([]), /no key that signs/)
})
