/**
 * A number with a name, as a metrics endpoint shows it.
 * @module
 */

export interface Metric {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
