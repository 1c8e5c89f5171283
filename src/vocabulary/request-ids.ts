/**
 * Headers with the ids that Azure gives a call: by them its own logs are joined to the record.
 * @module
 */
export const UPSTREAM_IDS = [
  'x-ms-request-id',
  'x-ms-correlation-request-id',
  'x-ms-routing-request-id',
  'x-request-id',
  'apim-request-id',
] as const
