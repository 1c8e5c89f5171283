/**
 * Text that is not JSON without the secrets in it, as it streams: logs, scripts, tables, XML.
 *
 * A secret may lie across two chunks, so what follows the last end of a line is kept until the next one. Bytes that are
 * no ASCII pass as they are: no known shape of a secret has any.
 * @module
 */
import type { AnswerBytes } from '../../lib/json/answer-bytes.ts'
import { badAnswer } from './json-scanner.ts'
import { withoutSecrets } from './secrets.ts'

/** A line, or a private key over several. */
const MAX_KEPT_BYTES = 1_048_576
const KEY_EDGE = /-----(BEGIN|END) [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g

export interface TextRedactor {
  write(chunk: Buffer, out: AnswerBytes): void
  end(out: AnswerBytes): void
}

export function createTextRedactor(): TextRedactor {
  let kept: string[] = []
  let size = 0
  const take = (): string => {
    const text = kept.join('')
    kept = []
    size = 0
    return text
  }
  const keep = (text: string): void => {
    kept.push(text)
    size += text.length
    if (size > MAX_KEPT_BYTES)
      throw badAnswer('a line of the answer is too long to be looked through')
  }
  return {
    write(chunk, out) {
      const text = chunk.toString('latin1')
      // UTF-16, or no text at all
      if (text.includes('\0')) throw badAnswer('the answer is not the text that it says it is')
      const line = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1
      if (line === 0) {
        keep(text)
        return
      }
      const lines = take() + text.slice(0, line)
      const ready = openKey(lines) ?? lines.length
      keep(lines.slice(ready) + text.slice(line))
      give(lines.slice(0, ready), out)
    },
    end: (out) => give(take(), out),
  }
}

function give(text: string, out: AnswerBytes): void {
  const bytes = Buffer.from(withoutSecrets(text), 'latin1')
  out.add(bytes, 0, bytes.length)
}

/** Where a private key begins that has not ended; null if none does. */
function openKey(text: string): number | null {
  let open: number | null = null
  for (const { index, 1: edge } of text.matchAll(KEY_EDGE)) {
    open = edge === 'END' ? null : (open ?? index)
  }
  return open
}
