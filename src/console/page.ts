/**
 * What a page of the console is: what it is given, and what it answers.
 * @module
 */
import type { Help } from '../config/schema/help.ts'
import type { Principal } from '../identity/principal.ts'
import type { Answer } from './answer.ts'
import type { Fields } from './form.ts'
import type { Html } from './html.ts'

/** A path of the gateway's own. */
export type OwnPath = `/_harness/${string}`

/** Calls the gateway's API as the person who looks at the page. @throws ApiRefusal for what is answered with 400 or more */
export interface Ask {
  (target: OwnPath): Promise<Answer>
  (target: OwnPath, body: object): Promise<Answer>
}

/** Somebody who looks at a page. */
export interface Visit {
  readonly principal: Principal
  /** Parts of the path that its route leaves open, decoded. */
  readonly params: ReadonlyMap<string, string>
  /** Of the query; names in lower case, none of them twice. */
  readonly query: ReadonlyMap<string, string>
  readonly ask: Ask
  /** Goes into each form that is sent to `path`. */
  readonly formToken: (path: string) => string
  readonly site: Site
}

/** What all pages know. */
export interface Site {
  readonly publicUrl: string
  /** Whom people can ask. */
  readonly help: Help | null
}

/** A page to be shown. */
export interface View {
  readonly title: string
  readonly body: Html
}

/** A file to be saved. */
export interface Download {
  readonly name: string
  readonly contentType: string
  readonly text: string
}

/** To another page of the console: what the answer to a form is. */
export interface GoTo {
  readonly goTo: string
}

export interface Page {
  /** Below `/_harness/console`; a part that begins with a colon is open. */
  readonly path: string
  /** What the navigation calls it; null if it is not there. */
  readonly nav: string | null
  readonly show: (visit: Visit) => Promise<View | Download>
  /** What a form does that is sent to its path. */
  readonly send?: (visit: Visit, fields: Fields) => Promise<GoTo>
}

/** The API has refused what a page asked for. It has been recorded there. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly status: number
  readonly answer: Answer

  constructor(status: number, answer: Answer) {
    super('the API refused')
    this.status = status
    this.answer = answer
  }
}
