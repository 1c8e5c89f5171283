/** A call's way to Azure for tests in which nothing is asked there. */
import type { Via } from '../../src/forward/ask.ts'

export const NOT_ASKED = new Proxy<object>(
  {},
  {
    get: () => {
      throw new Error('nothing is asked of Azure')
    },
  },
) as Via
