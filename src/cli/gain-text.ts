/**
 * What a role adds, in words.
 * @module
 */

/** Actions, and how many of them delete or hand out secrets. */
export interface Gained {
  readonly actions: number
  readonly deletes: number
  readonly secrets: number
}

/** `37 actions, 2 of them delete, no secrets` */
export function gainText({ actions, deletes, secrets }: Gained): string {
  const what = actions === 1 ? '1 action' : `${actions} actions`
  const deleting = deletes === 1 ? '1 of them deletes' : `${deletes} of them delete`
  const handing = secrets === 1 ? '1 hands out secrets' : `${secrets} hand out secrets`
  return [
    what,
    deletes === 0 ? 'none of them deletes' : deleting,
    secrets === 0 ? 'no secrets' : handing,
  ].join(', ')
}
