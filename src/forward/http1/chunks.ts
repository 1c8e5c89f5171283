/**
 * A chunked body of HTTP/1.1 as it arrives (RFC 9112 section 7.1). Extensions of chunks and trailers are read and left out.
 * @module
 */
import { MalformedAnswer, MOST_HEAD_BYTES } from './answer-head.ts'
import { isFieldName, isFieldValue } from './header-field.ts'

/** Bytes of the line that begins a chunk: its length, and extensions that nobody uses. */
const MOST_SIZE_LINE_BYTES = 1024
const SIZE_LINE = /^([0-9A-Fa-f]{1,12})(?:;[\t\u0020-\u007e\u0080-\u00ff]*)?$/
const LINE_FEED = 0x0a

type Expected = 'size' | 'data' | 'end of data' | 'trailer' | 'nothing'

export class Chunks {
  #expected: Expected = 'size'
  /** Bytes of the chunk that are still to come. */
  #left = 0
  /** Of a line that has not ended yet. */
  #line = ''
  #trailerBytes = 0

  /** The body is over. */
  get isOver(): boolean {
    return this.#expected === 'nothing'
  }

  /**
   * Reads on.
   * @param take is given each piece of the body; `false` ends the reading, because nobody wants more
   * @returns where the body ends in `bytes`, or how many there are
   * @throws a `MalformedAnswer`
   */
  read(bytes: Buffer, take: (piece: Buffer) => boolean): number {
    let at = 0
    while (at < bytes.byteLength && this.#expected !== 'nothing') {
      if (this.#expected === 'data') {
        const piece = bytes.subarray(at, at + this.#left)
        this.#left -= piece.byteLength
        at += piece.byteLength
        if (this.#left === 0) this.#expected = 'end of data'
        if (!take(piece)) return at
        continue
      }
      const end = bytes.indexOf(LINE_FEED, at)
      this.#line += bytes.toString('latin1', at, end < 0 ? bytes.byteLength : end + 1)
      if (this.#line.length > this.#mostBytes())
        throw new MalformedAnswer('HEADER_OVERFLOW', 'a line of the chunked body is too long')
      if (end < 0) return bytes.byteLength
      at = end + 1
      const line = this.#line
      this.#line = ''
      if (!line.endsWith('\r\n'))
        throw new MalformedAnswer('STRICT', 'a line of the chunked body does not end with CRLF')
      this.#endLine(line.slice(0, -2))
    }
    return at
  }

  #mostBytes(): number {
    return this.#expected === 'trailer'
      ? MOST_HEAD_BYTES - this.#trailerBytes
      : MOST_SIZE_LINE_BYTES
  }

  #endLine(line: string): void {
    switch (this.#expected) {
      case 'size': {
        const [, digits] = SIZE_LINE.exec(line) ?? []
        if (digits === undefined)
          throw new MalformedAnswer('INVALID_CHUNK_SIZE', 'the size of a chunk is not valid')
        this.#left = Number.parseInt(digits, 16)
        this.#expected = this.#left === 0 ? 'trailer' : 'data'
        return
      }
      case 'end of data':
        if (line !== '') throw new MalformedAnswer('STRICT', 'a chunk is longer than it says')
        this.#expected = 'size'
        return
      default:
        this.#trailerBytes += line.length
        if (line === '') this.#expected = 'nothing'
        else if (!isField(line))
          throw new MalformedAnswer('INVALID_HEADER_TOKEN', 'a trailer is not valid')
    }
  }
}

function isField(line: string): boolean {
  const colon = line.indexOf(':')
  return colon > 0 && isFieldName(line.slice(0, colon)) && isFieldValue(line.slice(colon + 1))
}
