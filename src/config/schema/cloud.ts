/**
 * Where Azure is.
 * @module
 */
import { Type } from 'typebox'
import { CLOUD_NAMES, type CloudName } from '../../vocabulary/clouds.ts'
import { strict, url } from './parts.ts'

export const Cloud = Type.Object(
  {
    name: Type.Unsafe<CloudName>(Type.Union(CLOUD_NAMES.map((one) => Type.Literal(one)))),
    resourceManager: Type.Optional(url),
    dataPlane: Type.Optional(
      Type.String({
        pattern: '^https?://[^/]',
        description: 'data-plane origin; `{region}` is replaced',
      }),
    ),
    scoring: Type.Optional(
      Type.String({
        pattern: '^https?://[^/]',
        description: 'scoring origin; `{endpoint}` and `{region}` are replaced',
      }),
    ),
    regions: Type.Optional(
      Type.Record(Type.String(), Type.String({ pattern: '^[a-z0-9]+$' }), {
        description: 'workspace ARM id to region, to save asking ARM',
      }),
    ),
  },
  strict,
)
