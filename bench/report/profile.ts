/**
 * What a profile found, as tables, and which of our own stages have too much.
 */
import { MOST_OF_A_STAGE, type Profiles } from '../profile.ts'
import { markdown } from './table.ts'

/** What has less is not worth a line. */
const LEAST = 0.01

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

export function profileText(profiles: Profiles): string {
  const parts = [
    `Of the time in which the main thread ran. A stage is a folder of \`src\`, with the built-in functions that it calls; what it calls of Node and of packages has lines of its own. What has less than ${percent(LEAST)} is left out.`,
  ]
  for (const [name, stages] of Object.entries(profiles)) {
    const rows = stages
      .filter(({ share }) => share >= LEAST)
      .map((stage) => [stage.name, percent(stage.share), stage.own ? 'yes' : 'no'])
    parts.push(`**${name}**`, markdown({ columns: ['stage', 'share', 'ours'], rows }))
  }
  return parts.join('\n\n')
}

/** Stages of ours with more than their share, in words. */
export function overStages(profiles: Profiles): string[] {
  return Object.entries(profiles).flatMap(([name, stages]) =>
    stages
      .filter(({ own, share }) => own && share > MOST_OF_A_STAGE)
      .map((stage) => `${name}: ${stage.name} ${percent(stage.share)}`),
  )
}
