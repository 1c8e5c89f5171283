/**
 * Where the gateway listens, under which names, and with which certificates on both sides.
 * @module
 */
import { Type } from 'typebox'
import { defaulted, path, strict } from './parts.ts'

export const Listen = Type.Object(
  {
    host: defaulted(Type.String({ default: '0.0.0.0' })),
    port: defaulted(Type.Integer({ minimum: 0, maximum: 65535, default: 8443 })),
    publicUrl: Type.String({
      format: 'uri',
      pattern: '^https://[^/]+$',
      description: 'the origin that clients use, without a trailing slash',
    }),
    hosts: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description:
          'further `Host` values to answer to, with their ports, besides that of publicUrl',
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          certFile: path,
          keyFile: path,
          clientCertificates: Type.Optional(
            Type.Object(
              {
                caFile: path,
                required: Type.Optional(
                  Type.Boolean({
                    default: false,
                    description: 'no connection without one; if false, a caller may have one',
                  }),
                ),
              },
              {
                ...strict,
                description:
                  'asks clients for a certificate of this authority: a token that is bound to one works with it alone (RFC 8705)',
              },
            ),
          ),
        },
        strict,
      ),
    ),
    dangerouslyPlainHttpBehindATlsTerminatingProxy: Type.Optional(Type.Boolean({ default: false })),
    trustedProxies: Type.Optional(
      Type.Object(
        {
          addresses: Type.Array(Type.String({ minLength: 1 }), {
            minItems: 1,
            description: 'addresses and networks (CIDR) of the proxies before the gateway',
          }),
          by: Type.Union([Type.Literal('proxy-protocol'), Type.Literal('x-forwarded-for')], {
            description:
              'how they say where a call comes from: the header of the PROXY protocol, version 2, on each of their connections, or X-Forwarded-For on each request',
          }),
        },
        { ...strict, description: 'who is believed on where a call comes from; nobody if absent' },
      ),
    ),
    metrics: Type.Optional(
      Type.Object(
        {
          host: defaulted(Type.String({ default: '127.0.0.1' })),
          port: Type.Integer({ minimum: 0, maximum: 65535 }),
        },
        strict,
      ),
    ),
  },
  strict,
)
