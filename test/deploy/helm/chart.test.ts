/**
 * The Helm chart: its values are judged, what it renders is valid for each version of Kubernetes that it names, and the
 * gateway starts with the configuration that it renders and serves a call.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import type { ConfigFile } from '../../../lab/gateway/harness-config.ts'
import { workspaceId } from '../../../lab/personas.ts'
import { command, environment } from '../../clients/support/published.ts'
import { COMMANDS } from '../../cli/support/run.ts'
import { startGateway } from '../../support/gateway.ts'

const CHART = resolve('deploy/helm/azureml-harness')
const OLDEST = 28
const NEWEST = 37
const VERSIONS = Array.from({ length: NEWEST - OLDEST + 1 }, (_, at) => `1.${OLDEST + at}.0`)

const run = promisify(execFile)
const helm = environment(t, 'helm')

interface Resource {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly spec?: any
  readonly data?: Record<string, string>
}

/** What Helm says of it on standard error, where it fails. */
async function fails(file: string, ...args: string[]): Promise<string> {
  const failed = run(helm ?? '', ['template', 'gw', CHART, '--values', file, ...args])
  return failed.then(
    () => 'it was rendered',
    (error: unknown) => (error as { stderr: string }).stderr,
  )
}

const rendered = (text: string): Resource[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Resource | null)
    .filter((one) => one !== null)

async function template(file: string, ...args: string[]): Promise<Resource[]> {
  const { stdout } = await run(helm ?? '', ['template', 'gw', CHART, '--values', file, ...args])
  return rendered(stdout)
}

const valuesOf = (name: string): string => join(CHART, 'ci', `${name}-values.yaml`)
const one = (all: readonly Resource[], kind: string): Resource | undefined =>
  all.find((resource) => resource.kind === kind)

if (helm !== null) {
  const sets = (await readdir(join(CHART, 'ci'))).map((file) => file.replace('-values.yaml', ''))

  t.test('every set of values is sound, and valid for each version of Kubernetes', async (t) => {
    const { file: validate, skip } = command('kubernetes')
    t.equal(sets.length, 6)
    const folder = t.testdir()
    for (const set of sets) {
      await run(helm, ['lint', CHART, '--strict', '--values', valuesOf(set)])
      const { stdout } = await run(helm, ['template', 'gw', CHART, '--values', valuesOf(set)])
      // the schemas of Kubernetes have nothing of these two
      const known = rendered(stdout).filter(
        ({ kind }) => kind !== 'ServiceMonitor' && kind !== 'SecretProviderClass',
      )
      await writeFile(
        join(folder, `${set}.yaml`),
        known.map((each) => stringify(each)).join('---\n'),
      )
    }
    if (skip !== false) {
      t.comment(`skipped: ${skip}`)
      return
    }
    const files = sets.map((set) => join(folder, `${set}.yaml`))
    for (const version of VERSIONS) {
      const args = ['--kubernetes-version', version, '--strict', '--no-warn', ...files]
      const valid = await run(validate, args).then(
        () => 'valid',
        (error: unknown) => (error as { stdout: string }).stdout,
      )
      t.equal(valid, 'valid', version)
    }
  })

  t.test('a resource that is not valid is found', async (t) => {
    const { file: validate, skip } = command('kubernetes')
    if (skip !== false) {
      t.plan(0, `skipped: ${skip}`)
      return
    }
    const all = await template(valuesOf('one-replica'))
    const wrong = { ...one(all, 'StatefulSet'), spec: { replicas: 'two' } }
    const file = join(t.testdir(), 'wrong.yaml')
    await writeFile(file, stringify(wrong))
    await t.rejects(run(validate, ['--strict', file]))
  })

  t.test('every pod runs without rights, with a volume of its own', async (t) => {
    for (const set of sets) {
      const all = await template(valuesOf(set))
      const { spec } = one(all, 'StatefulSet') ?? {}
      const pod = spec.template.spec
      t.match(pod.securityContext, {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      t.equal(pod.automountServiceAccountToken, false, set)
      t.equal(pod.enableServiceLinks, false, set)
      for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
        t.match(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        t.ok(container.resources.limits.memory, `${set}: ${container.name} has a limit of memory`)
      }
      t.match(spec.persistentVolumeClaimRetentionPolicy, {
        whenDeleted: 'Retain',
        whenScaled: 'Retain',
      })
      const mounts = pod.containers[0].volumeMounts.map(({ name }: { name: string }) => name)
      const volumes = [
        ...pod.volumes,
        ...spec.volumeClaimTemplates.map((claim: Resource) => claim.metadata),
      ]
      for (const name of mounts)
        t.ok(
          volumes.some((volume) => volume.name === name),
          `${set}: ${name}`,
        )
      // what is selected is what runs
      const selector = spec.selector.matchLabels as Record<string, string>
      t.match(spec.template.metadata.labels, selector)
      for (const { kind, spec: other } of all)
        if (kind === 'Service') t.match(spec.template.metadata.labels, other.selector)
    }
  })

  t.test('each option has its resource', async (t) => {
    const kinds = async (set: string): Promise<string[]> =>
      (await template(valuesOf(set))).map(({ kind }) => kind)
    t.notOk((await kinds('one-replica')).includes('HorizontalPodAutoscaler'))
    const scaled = await template(valuesOf('autoscaling'))
    t.ok(one(scaled, 'HorizontalPodAutoscaler'))
    t.equal(one(scaled, 'StatefulSet')?.spec.replicas, undefined, 'the autoscaler says how many')
    t.ok(one(scaled, 'ServiceMonitor'))
    t.match(one(scaled, 'NetworkPolicy')?.spec.ingress, [
      { ports: [{ port: 'https' }], from: [{}] },
      { ports: [{ port: 'metrics' }], from: [{}] },
    ])
    t.notOk(
      JSON.stringify(one(await template(valuesOf('one-replica')), 'NetworkPolicy')).includes(
        'metrics',
      ),
    )
    const vault = await template(valuesOf('key-vault'))
    const provider = one(vault, 'SecretProviderClass')
    const { secretName } = provider?.spec.secretObjects[0] ?? {}
    const { volumes } = one(vault, 'StatefulSet')?.spec.template.spec ?? {}
    t.ok(
      volumes.some(
        (volume: { secret?: { secretName: string } }) => volume.secret?.secretName === secretName,
      ),
    )
    t.match(vault.find(({ data }) => data?.['bindings.d__scientists.yaml'] !== undefined)?.data, {
      'bindings.yaml': /bindings/,
    })
    const git = one(await template(valuesOf('policies-from-git')), 'StatefulSet')
    t.match(git?.spec.template.spec, {
      initContainers: [{ name: 'policies' }],
      containers: [{}, { name: 'policies' }],
    })
    const kindsOfBalanced = await kinds('load-balancer')
    for (const kind of ['NetworkPolicy', 'PodDisruptionBudget', 'ServiceAccount'])
      t.notOk(kindsOfBalanced.includes(kind), kind)
    const image = one(await template(valuesOf('load-balancer')), 'StatefulSet')?.spec.template.spec
    t.match(image.containers[0].image, /@sha256:0{64}$/)
  })

  t.test('a job ships what a replica has left, and is nothing that callers reach', async (t) => {
    const all = await template(valuesOf('autoscaling'))
    const { spec } = one(all, 'Job') ?? {}
    const pod = spec.template.spec
    const [container] = pod.containers
    const [audit, ship, spool] = container.args as string[]
    t.ok(COMMANDS.has(`${audit} ${ship}`))
    t.match(pod.volumes, [
      { name: 'spool', persistentVolumeClaim: { claimName: 'spool-gw-azureml-harness-7' } },
    ])
    t.ok(spool?.startsWith(`${container.volumeMounts[0].mountPath}/`))
    const gateway = one(all, 'StatefulSet')?.spec.template.spec
    t.equal(pod.serviceAccountName, gateway.serviceAccountName)
    t.same(pod.securityContext, gateway.securityContext)
    t.same(container.securityContext, gateway.containers[0].securityContext)
    const labels = spec.template.metadata.labels as Record<string, string>
    for (const { kind, spec: other } of all) {
      const selector = other?.selector?.matchLabels ?? other?.selector ?? other?.podSelector
      if (kind === 'Job' || selector === undefined) continue
      const selects = Object.entries(selector.matchLabels ?? selector).every(
        ([name, value]) => labels[name] === value,
      )
      t.notOk(selects, `${kind} does not select the job`)
    }
    t.equal(one(await template(valuesOf('one-replica')), 'Job'), undefined)
  })

  t.test('a clone by ssh may leave the pod, and no other', async (t) => {
    const ports = async (repository: string): Promise<number[]> => {
      const value = `policies.gitSync.repository=${repository}`
      const all = await template(valuesOf('policies-from-git'), '--set', value)
      const { egress } = one(all, 'NetworkPolicy')?.spec ?? {}
      return egress[1].ports.map(({ port }: { port: number }) => port)
    }
    t.same(await ports('git@git.contoso.example:ml/policies.git'), [443, 22])
    t.same(await ports('ssh://git@git.contoso.example/ml/policies'), [443, 22])
    t.same(await ports('https://git.contoso.example/ml/policies'), [443])
  })

  /** Values that are no sound deployment, and what Helm has to say. */
  const UNSOUND: readonly [string, string, RegExp][] = [
    ['one-replica', 'image.repository=', /image\.repository: push the image/],
    ['one-replica', 'tls.secretName=', /tls\.secretName: name a Secret/],
    ['one-replica', 'replicaCount=2', /config\.operationKey: several replicas need the same one/],
    ['one-replica', 'autoscaling.enabled=true', /config\.operationKey/],
    ['one-replica', 'replicaCount=0', /replicaCount/],
    ['one-replica', 'replicas=3', /replicas/],
    ['one-replica', 'config.listen.port=443', /config\.listen\.port: the chart sets it/],
    ['one-replica', 'config.listen.publicUrl=', /config\.listen\.publicUrl: name the origin/],
    ['one-replica', 'config.policies.directory=/x', /config\.policies: the chart sets it/],
    ['one-replica', 'config.audit.spool.directory=/x', /config\.audit\.spool\.directory/],
    ['one-replica', 'config.limits.stopMs=90000', /terminationGracePeriodSeconds: it is less/],
    [
      'one-replica',
      'policies.files.own\\.cedar=x',
      /policies\.files\.own\.cedar: beside the policies/,
    ],
    ['one-replica', 'policies.configMapName=x', /policies\.source: it is image/],
    ['one-replica', 'policies.source=configMap', /policies\.files: they are empty/],
    ['one-replica', 'policies.files.\\.\\./x=1', /policies/],
    ['one-replica', 'spool.accessModes={ReadWriteMany}', /accessModes/],
    ['one-replica', 'ship.claims={../x}', /claims/],
    ['load-balancer', 'policies.files.a\\.cedar=x', /either files or configMapName/],
    ['load-balancer', 'config.approvals.ledger.directory=/x', /several replicas share a container/],
    ['autoscaling', 'networkPolicy.metricsFrom=null', /networkPolicy\.metricsFrom: it is empty/],
    ['key-vault', 'secrets.keyVault.name=', /secrets\.keyVault\.name: name the vault/],
    [
      'policies-from-git',
      'policies.gitSync.image=',
      /policies\.gitSync\.image: name a git-sync image/,
    ],
    ['policies-from-git', 'policies.gitSync.repository=file:///x', /repository/],
    ['policies-from-git', 'policies.gitSync.path=../x', /path/],
  ]
  t.test('values that make no sound deployment are refused, and named', async (t) => {
    for (const [set, value, words] of UNSOUND)
      t.match(await fails(valuesOf(set), '--set', value), words, value)
  })

  t.test('the gateway starts with the rendered configuration, and serves a call', async (t) => {
    const policies = await policyFiles()
    const folder = t.testdir({ spool: {} })
    let mounted: readonly string[] = []

    /** The lab's configuration given as values, and what Helm makes of it where a pod would have it. */
    function inPod(lab: ConfigFile): ConfigFile {
      const { listen, audit, policies: _policies, ...rest } = lab
      const { spool, ...others } = audit
      const { directory, ...kept } = spool
      const values = {
        image: { repository: 'registry.contoso.example/azureml-harness' },
        replicaCount: 1,
        tls: { secretName: 'tls' },
        policies: { source: 'configMap', files: policies },
        config: {
          ...rest,
          listen: { publicUrl: listen.publicUrl },
          audit: { ...others, spool: kept },
        },
      }
      const args = ['template', 'gw', CHART, '--values', '-']
      const all = rendered(
        execFileSync(helm ?? '', args, { input: stringify(values), encoding: 'utf8' }),
      )
      const data = Object.assign(
        {},
        ...all.map((each) => (each.kind === 'ConfigMap' ? each.data : {})),
      )
      const { volumes } = one(all, 'StatefulSet')?.spec.template.spec ?? {}
      mounted = mount(join(folder, 'policies'), volumes.find(isPolicies).configMap.items, data)
      const text = String(data['harness.yaml'])
        .replaceAll('/etc/azureml-harness/tls/tls.crt', listen.tls?.certFile ?? '')
        .replaceAll('/etc/azureml-harness/tls/tls.key', listen.tls?.keyFile ?? '')
        .replaceAll('/etc/azureml-harness/policies', join(folder, 'policies'))
        .replaceAll('/var/lib/azureml-harness/spool', directory)
      t.notMatch(text, /azureml-harness\/(tls|policies|spool)\b/)
      const config = parse(text) as ConfigFile
      t.match(config.listen, { host: '0.0.0.0', port: 8443, metrics: { port: 9464 } })
      // a pod's ports are its own; here they are anybody's
      const { metrics: _metrics, ...served } = config.listen
      return { ...config, listen: { ...served, host: '127.0.0.1', port: listen.port } }
    }

    const world = await startGateway({ gateway: { change: inPod } })
    t.teardown(() => world.close())
    t.same([...mounted].sort(), Object.keys(policies).sort())
    const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
    const path = `${workspaceId()}/jobs?api-version=2024-04-01`
    t.equal((await world.send(path, { headers })).status, 200)
    const outsider = { authorization: `Bearer ${await world.lab.token('outsider')}` }
    t.equal((await world.send(path, { headers: outsider })).status, 403)
  })
}

const isPolicies = ({ name }: { name: string }): boolean => name === 'policies'

/** The shipped policies with the lab's bindings, by their path. */
async function policyFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {
    'bindings.yaml': await readFile('lab/gateway/bindings.yaml', 'utf8'),
  }
  for (const folder of ['', 'templates'])
    for (const name of await readdir(join('policies', folder)))
      if (name.endsWith('.cedar'))
        files[join(folder, name)] = await readFile(join('policies', folder, name), 'utf8')
  return files
}

/** Lays a ConfigMap out as the kubelet does: links to `..data`, which is a link to the folder of this version. */
function mount(
  folder: string,
  items: readonly { readonly key: string; readonly path: string }[],
  data: Readonly<Record<string, string>>,
): string[] {
  for (const { key, path } of items) {
    const file = join(folder, '..2026_01_01', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, data[key] ?? '')
  }
  symlinkSync('..2026_01_01', join(folder, '..data'))
  for (const name of new Set(items.map(({ path }) => path.split('/')[0] ?? '')))
    symlinkSync(join('..data', name), join(folder, name))
  return items.map(({ path }) => path)
}
