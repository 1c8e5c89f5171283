/**
 * Routes about the workspace itself.
 * @module
 */
import { createFamily } from './family.ts'

/** A hub workspace takes another one in. */
export const workspaceRoutes = createFamily(
  'rp',
  `
  PUT    join/{_}                              hubs/join/action    Workspace
`,
)
