/**
 * The first page of a browser that comes to the gateway: how to sign in from a shell, and whom to ask.
 * @module
 */
import type { Target } from '../../azureml/target.ts'
import { html, Url } from '../html.ts'
import { copyable } from '../layout.ts'
import type { Site, View } from '../page.ts'
import { HOME } from '../paths.ts'
import { contact } from './plain.ts'

/** @param hasConsole whether people sign in here with a browser */
export function firstPage(site: Site, hasConsole: boolean): View {
  const { publicUrl } = site
  const login = `azureml-harness login --gateway ${publicUrl}\neval "$(azureml-harness env)"`
  return {
    title: 'A gateway to Azure Machine Learning',
    body: html`<p>
        SDKs, notebooks and the Azure CLI call Azure Machine Learning through this address. Each
        call is judged by policy, made under a managed identity, and recorded.
      </p>
      ${
        hasConsole
          ? html`<p class="actions">
              <a class="button" href="${Url.to(HOME)}">Sign in to see your access</a>
            </p>`
          : null
      }
      <h2>From a shell</h2>
      ${copyable('Sign in, and set the variables that your programs need', login)}
      ${copyable('Ask what you may do', 'azureml-harness whoami')}
      ${copyable('Ask why a call was refused', 'azureml-harness why')}
      <h2>Whom to ask</h2>
      ${contact(site, null)}`,
  }
}

/** The page that shows what a link of the API leads to. */
export function toConsole({ path, query }: Target): string {
  const [, , what = '', ...rest] = path.split('/')
  const [kind = '', ...more] = rest
  const below =
    what === 'decisions' ? ['why', ...rest] : [kind === 'grants' ? 'access' : kind, ...more]
  return `${HOME}/${below.join('/')}${query === '' ? '' : `?${query}`}`
}
