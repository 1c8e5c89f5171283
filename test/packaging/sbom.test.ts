/** The bill of materials names every package of production once, and none of them runs a script when it is installed. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

interface Locked {
  readonly version: string
  readonly name?: string
  readonly dev?: true
  readonly devOptional?: true
  readonly hasInstallScript?: true
  readonly integrity?: string
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Locked>
}
const production = Object.entries(packages).filter(
  ([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true,
)

t.test('every package of production is in it, with its digest and its licence', (t) => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>
  }
  const text = execFileSync('npm', ['run', '--silent', 'sbom'], { encoding: 'utf8' })
  const { bomFormat, components } = JSON.parse(text) as {
    bomFormat: string
    components: {
      name: string
      version: string
      purl: string
      hashes: unknown[]
      licenses: unknown[]
    }[]
  }
  t.equal(bomFormat, 'CycloneDX')
  const named = components.map(({ name, version }) => `${name}@${version}`).sort()
  const wanted = production.map(
    ([path, { name, version }]) => `${name ?? path.split('node_modules/').at(-1)}@${version}`,
  )
  t.same(named, [...new Set(wanted)].sort())
  for (const name of Object.keys(dependencies))
    t.ok(
      components.some((one) => one.name === name),
      name,
    )
  for (const { name, purl, hashes, licenses } of components) {
    t.match(purl, /^pkg:npm\//, name)
    t.equal(hashes.length, 1, `${name} has a digest`)
    t.ok(licenses.length > 0, `${name} has a licence`)
  }
  t.end()
})

t.test('nothing of production needs a script of its own to be installed', (t) => {
  const scripted = production.filter(([, { hasInstallScript }]) => hasInstallScript === true)
  t.same(scripted, [])
  for (const [path, { integrity }] of production) t.match(integrity, /^sha512-/, path)
  for (const [path] of production) {
    const { scripts = {} } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as {
      scripts?: Record<string, string>
    }
    // npm compiles what has a binding.gyp and no script
    for (const script of ['preinstall', 'install', 'postinstall'])
      t.notOk(Object.hasOwn(scripts, script), `${path} has no ${script}`)
    t.notOk(existsSync(`${path}/binding.gyp`), path)
  }
  const installs = readFileSync('Dockerfile', 'utf8').match(/npm ci.*/g)
  t.same(installs, ['npm ci --ignore-scripts', 'npm ci --ignore-scripts'])
  t.end()
})
