/**
 * The record that signs how many records there are and what the head after them is.
 * @module
 */
import { checkpointText, type Signer } from './keys.ts'
import type { Draft } from '../record/spool-line.ts'
import type { Detail } from '../create-recorder.ts'
import type { LateDraft } from './writer.ts'

/** Made when its place in the chain is known. */
export function checkpointDraft(
  chainId: string,
  signer: Signer,
  eventDraft: (name: string, detail: Detail) => Draft,
): LateDraft {
  return ({ seq, head }) => {
    const signature = signer.sign(checkpointText({ chainId, seq, count: seq, head }))
    return eventDraft('checkpoint', { seq, count: seq, head, keyId: signer.keyId, signature })
  }
}
