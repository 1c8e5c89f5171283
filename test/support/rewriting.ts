/**
 * An answer in pieces through a rewriter, as it goes out at once and as it is held to its end.
 */
import { AnswerBytes } from '../../src/lib/json/answer-bytes.ts'

interface Rewriter {
  write(chunk: Buffer, out: AnswerBytes): void
  end(out: AnswerBytes): void
}

/** What passes of one piece. */
export function written(rewriter: Rewriter, chunk: Buffer): Buffer {
  const out = new AnswerBytes()
  rewriter.write(chunk, out)
  return Buffer.from(out.take())
}

/**
 * What passes of all of them, the last one being what is left after `sizes`.
 * @throws an Error if it depends on whether it is held, and what the rewriters throw
 */
export function passed(
  rewriterOf: () => Rewriter,
  bytes: Buffer,
  sizes: readonly number[] = [],
): string {
  const [sent, kept] = [rewriterOf(), rewriterOf()]
  const [out, held] = [new AnswerBytes(), new AnswerBytes(bytes.length)]
  const parts: Buffer[] = []
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    const chunk = bytes.subarray(at, at + size)
    sent.write(chunk, out)
    parts.push(Buffer.from(out.take()))
    kept.write(chunk, held)
    at += size
  }
  sent.end(out)
  kept.end(held)
  const text = Buffer.concat([...parts, out.take()])
  if (!text.equals(held.take())) throw new Error(`held, it is another answer: ${text.toString()}`)
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text)
}
