/**
 * What Node says of bytes that are no request.
 * @module
 */
/** Whether the bytes that the parser gave up on are of a HEAD: an answer to one has no body. */
export function isOfHead({ rawPacket, bytesParsed }: ParserFault): boolean {
  if (!Buffer.isBuffer(rawPacket)) return false
  const end = Number.isInteger(bytesParsed) ? Number(bytesParsed) + 1 : rawPacket.length
  // a body may hold such a line, too: then one answer goes without the text that explains it
  return /(^|[\r\n])HEAD /.test(rawPacket.subarray(0, end).toString('latin1'))
}

/** The error that comes with `clientError`. */
export interface ParserFault extends Error {
  readonly code?: string
  readonly rawPacket?: unknown
  readonly bytesParsed?: unknown
}
