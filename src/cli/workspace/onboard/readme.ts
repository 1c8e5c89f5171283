/**
 * `README.md` beside the written files: what a person runs, in which order, and what follows from it.
 * @module
 */
import { INITIATIVE } from '../initiative.ts'
import { needsAzure, type Plan } from './plan.ts'

export interface ReadmeOptions {
  readonly id: string
  readonly region: string
  readonly language: 'bicep' | 'terraform'
  readonly plan: Plan
  /** Object ids of the identities that policies use. */
  readonly writers: readonly string[]
  readonly zones: readonly string[]
}

const name = (id: string): string => id.slice(id.lastIndexOf('/') + 1)
const fence = (text: string): string => `\`\`\`sh\n${text}\n\`\`\``

export function readmeText(options: ReadmeOptions): string {
  const { id, plan } = options
  const steps = [
    ...bindingSteps(plan),
    ...(needsAzure(plan.parts) ? [azureStep(options)] : []),
    `**Move people over.** Give them \`clients/\`: \`env.sh\` and \`env.ps1\` for shells, \`notebook.py\` for notebooks, \`terraform.tf\` for Terraform.

Effect: their calls come through the gateway, and have records. Do this before the next step takes their own ways away.`,
    ...(plan.byHand.length === 0 ? [] : [handStep(plan)]),
    ...(plan.hasStack ? [] : [stackStep(options)]),
    `**Check again.**

${fence(`azureml-harness workspace check ${id} --config harness.yaml`)}

Effect: exit status 0 and no line that begins with \`failed\` or \`unverified\`.`,
  ]
  const unknown = plan.unverified.map(
    ({ check, what, next }) => `- **${check}**: ${what}. To do: ${next ?? ''}`,
  )
  return `# To onboard ${name(id)}

Written by \`azureml-harness workspace onboard\`. Nothing was changed in Azure or in the policies: that is done by these steps, in this order.

${steps.map((step, at) => `${at + 1}. ${step.replaceAll('\n', '\n   ').replaceAll(/^ +$/gmu, '')}`).join('\n\n')}
${unknown.length === 0 ? '' : `\nCould not be looked at, and may need more:\n\n${unknown.join('\n')}\n`}`
}

function bindingSteps({ lacking }: Plan): readonly string[] {
  const bindings =
    lacking.bindings.length === 0
      ? []
      : [
          `**Add the bindings** to the policies, in a change that is reviewed like any other.

${fence('cp bindings.d/*.yaml "$POLICIES/bindings.d/"\nazureml-harness policy check --config harness.yaml')}

Effect: once the gateway has read them, ${lacking.bindings.map(({ file }) => `\`${file}\``).join(', ')} hold. Nobody loses anything.`,
        ]
  const owners =
    lacking.owners === null
      ? []
      : [
          `**Add the lines of \`owners.yaml\`** to the end of the one beside the bindings, or copy the file if there is none.

Effect: where a policy asks for a review, these people are asked. The last line that matches a model counts, so that lines of the same pattern before them count no more in this workspace.`,
        ]
  return [...bindings, ...owners]
}

function azureStep({ region, language, plan, zones }: ReadmeOptions): string {
  const { roles, privateEndpoint, policy } = plan.parts
  const what = [
    ...(roles.size > 0
      ? ['the custom roles that the policies need, assigned to the gateway’s identities']
      : []),
    ...(privateEndpoint ? [`a private endpoint, with the zones ${zones.join(' and ')}`] : []),
    ...(policy
      ? [
          'the initiative of Azure Policy on the resource group, which at first only reports (`denyEffect`)',
        ]
      : []),
  ]
  const command =
    language === 'bicep'
      ? `az deployment sub what-if --location ${region} --template-file main.bicep
az deployment sub create --location ${region} --template-file main.bicep`
      : 'terraform init\nterraform plan\nterraform apply'
  const initiative = policy
    ? `\n\nThe initiative \`${INITIATIVE}\` has to be in the subscription first: deploy/policy has it. The identity of its assignment also needs \`Network Contributor\` on the network of the subnet and on the zones, and \`Log Analytics Contributor\` on the Log Analytics workspace.`
    : ''
  const conflict =
    roles.size > 0
      ? '\n\nIf Azure says `RoleAssignmentExists`, the same role was assigned under another name: remove that assignment from the template.'
      : ''
  return `**Deploy \`main.${language === 'bicep' ? 'bicep' : 'tf'}\`**, with your values for its parameters.

${fence(command)}${initiative}${conflict}

Effect: Azure then has ${what.join('; ')}. Nobody loses anything.`
}

function handStep({ byHand }: Plan): string {
  const lines = byHand.map(
    ({ check, where, what, next }) => `- **${check}**, ${where}: ${what}. To do: ${next ?? ''}`,
  )
  return `**Close by hand**, in this order:

${lines.join('\n')}

Effect: these ways past the gateway are gone, and whoever used them is refused.`
}

function stackStep({ id, writers }: ReadmeOptions): string {
  const [, , , , group = ''] = id.split('/')
  const principals = writers.map((one) => `"${one}"`).join(' ')
  return `**A deployment stack**, if owners are to be kept out, too. Its template is your own, with the workspace declared in it; read "The deployment stack" in docs/workspaces.md first, and try it in a workspace that nobody depends on.

${fence(`az stack group create --name harness-${name(id)} --resource-group ${group} --template-file workspace-of-your-own.bicep \\
  --action-on-unmanage detachAll \\
  --deny-settings-mode denyWriteAndDelete --deny-settings-apply-to-child-scopes \\
  --deny-settings-excluded-principals ${principals} \\
  --deny-settings-excluded-actions \\
    Microsoft.MachineLearningServices/workspaces/experiments/runs/write \\
    Microsoft.MachineLearningServices/workspaces/metadata/artifacts/write \\
    Microsoft.MachineLearningServices/workspaces/metadata/snapshots/write`)}

Effect: nobody but these identities writes what the stack manages, until the stack is changed.`
}
