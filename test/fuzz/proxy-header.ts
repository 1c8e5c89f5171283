/**
 * Fuzzing of headers of the PROXY protocol: any bytes are a header, the beginning of one, or refused.
 * @module
 */
import * as fc from 'fast-check'
import { readProxyHeader, type ProxyHeader } from '../../src/http/proxies/header-v2.ts'
import { proxyHeader } from '../http/support/proxy-header.ts'
import { demand, pure } from './target.ts'

/** The longest header that is read. */
const MOST = 16 + 4_096

const start = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 300 }))
    .map(([command, family, rest]) => proxyHeader(command, family, [...rest])),
  fc
    .tuple(
      fc.constantFrom(0x20, 0x21),
      fc.constantFrom(0, 0x11, 0x21, 0x31),
      fc.uint8Array({ maxLength: 300 }),
    )
    .map(([command, family, rest]) => proxyHeader(command, family, [...rest])),
)

function read(bytes: Buffer): ProxyHeader | 'refused' | null {
  try {
    return readProxyHeader(bytes)
  } catch (error) {
    demand(error instanceof Error && /^[\w ,]+$/.test(error.message), 'a refusal quotes bytes')
    return 'refused'
  }
}

export const proxyHeaders = pure(
  'a header of the PROXY protocol says the same wherever it is cut and whatever follows',
  20_000,
  () =>
    fc.property(start, fc.uint8Array({ maxLength: 40 }), fc.nat(), (bytes, more, at) => {
      const all = Buffer.concat([bytes, more])
      const whole = read(all)
      demand(whole !== null || all.length < MOST, 'more is waited for than is ever read')
      if (whole === null || whole === 'refused') return
      demand(whole.length <= all.length, 'a header is longer than what came')
      const cut = read(all.subarray(0, at % whole.length))
      demand(cut === null, 'a header is taken before it is whole, or refused for being cut')
      const alone = read(all.subarray(0, whole.length))
      demand(JSON.stringify(alone) === JSON.stringify(whole), 'what follows changes a header')
    }),
)
