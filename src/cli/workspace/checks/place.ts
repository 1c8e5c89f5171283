/**
 * Whether the workspace is there, of which kind it is, and in the region that the gateway sends its calls to.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { is, text, type Subject } from './subject.ts'

const { ok, warning, failed } = findingsOf('workspace')

/** Kinds for whose calls the templates of the policies are written; absent is the usual one. */
const USUAL_KINDS = ['', 'default']

export async function checkPlace(subject: Subject): Promise<Finding[]> {
  const { id, workspace, properties, gateway } = subject
  const kind = text(workspace, 'kind')
  const region = text(workspace, 'location').toLowerCase().replaceAll(' ', '')
  const found: Finding[] = [ok(id, `is there, in ${region}`)]
  if (!USUAL_KINDS.includes(kind.toLowerCase()))
    found.push(
      warning(
        id,
        `is of the kind ${kind}: calls that only this kind has are judged by the policies of workspaces`,
        'try what people do there with azureml-harness explain before they are sent to the gateway',
      ),
    )
  if (!is(properties, 'provisioningState', 'Succeeded'))
    found.push(
      warning(
        id,
        `its provisioning state is ${text(properties, 'provisioningState') || 'not known'}`,
        'wait until Azure is done, or repeat what failed; then check again',
      ),
    )
  const configured = Object.entries(gateway?.config.cloud.regions ?? {}).find(
    ([key]) => key.toLowerCase() === id.toLowerCase(),
  )?.[1]
  if (configured !== undefined && configured !== region)
    found.push(
      failed(
        id,
        `the configuration sends its calls to ${configured}, and it is in ${region}`,
        'mend cloud.regions, or remove the line: the gateway asks Azure',
      ),
    )
  return found
}
