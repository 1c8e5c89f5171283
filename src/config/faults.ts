/**
 * One error with every fault of a configuration, so that all can be mended at once.
 * @module
 */

/** One thing to mend. `key` is the path in the file (`issuers[0].audiences`), line and column count from 1. */
export interface Fault {
  readonly key: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** A configuration that cannot be used. Its message has a line for each fault; no value of a secret is in it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly file: string
  readonly faults: readonly Fault[]

  constructor(file: string, faults: readonly Fault[]) {
    super(
      `${file} has ${faults.length === 1 ? 'one fault' : `${faults.length} faults`}\n${list(faults)}`,
    )
    this.file = file
    this.faults = faults
  }
}

function list(faults: readonly Fault[]): string {
  return faults
    .map(({ key, line, column, message }) => {
      const at = key === '' ? '' : `${key}: `
      return `  ${line}:${column} ${at}${message}`
    })
    .join('\n')
}

/** Steps from the root of the file to a value. */
export type KeyPath = readonly (string | number)[]

/** `['issuers', 0, 'audiences']` as `issuers[0].audiences`; names that are no plain word are quoted. */
export function formatKey(path: KeyPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[A-Za-z_][\w-]*$/.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}
