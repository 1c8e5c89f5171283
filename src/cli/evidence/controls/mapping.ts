/**
 * Controls and criteria as data: those of the product, or a file of one's own (config/evidence.schema.json).
 * @module
 */
import { readFile } from 'node:fs/promises'
import { isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import { faultText, type Fault } from '../../../policy/load/faults.ts'
import { checkKeys, readYamlMapping, textIn, type Add } from '../../../policy/load/yaml-mapping.ts'
import { Problem } from '../../problem.ts'
import { CONTROLS, type Control } from './controls.ts'

const KEYS = ['id', 'criteria', 'statement', 'evidence', 'test']
const ID = /^[A-Z][A-Z0-9-]{0,31}$/u
/** Of a file of the bundle, or of a folder of it. */
const PATH = /^(?:[\w-]+\/)*[\w.-]+$/u

/** @param file null for the product's own @throws Problem with every fault */
export async function mappingOf(file: string | null): Promise<readonly Control[]> {
  if (file === null) return CONTROLS
  const { controls, faults } = readMapping(file, await readFile(file, 'utf8'))
  const [first] = faults
  if (first === undefined) return controls
  const more = faults.length > 1 ? `, and ${faults.length - 1} more faults` : ''
  throw new Problem(`${faultText(first)}${more}`, 'config/evidence.yaml is a mapping that holds')
}

function readMapping(
  file: string,
  text: string,
): { readonly controls: readonly Control[]; readonly faults: readonly Fault[] } {
  const { top, add, faults } = readYamlMapping(file, text, 'it is a mapping with "controls"')
  if (top === null) return { controls: [], faults }
  checkKeys(top, ['controls'], add)
  const list: unknown = top.get('controls', true)
  if (!isSeq(list) || list.items.length === 0) {
    add(list ?? top, '"controls" is a list of at least one')
    return { controls: [], faults }
  }
  const controls = list.items.flatMap((item) =>
    isMap(item) ? [readControl(item, add)] : notOne(item, add),
  )
  const ids = controls.map(({ id }) => id)
  for (const id of new Set(ids))
    if (ids.indexOf(id) !== ids.lastIndexOf(id)) add(list, `control "${id}" appears twice`)
  return { controls, faults }
}

function notOne(item: unknown, add: Add): readonly Control[] {
  add(item, `a control is a mapping with ${KEYS.join(', ')}`)
  return []
}

function readControl(item: YAMLMap, add: Add): Control {
  checkKeys(item, KEYS, add)
  const textOf = (key: string): string => {
    const text = textIn(item.get(key, true))
    if (text === '') add(item.get(key, true) ?? item, `a control needs "${key}"`)
    return text
  }
  const id = textOf('id')
  if (id !== '' && !ID.test(id)) add(item.get('id', true), `"${id}" is no id such as AMH-01`)
  return {
    id,
    criteria: textsOf(item, 'criteria', add),
    statement: textOf('statement'),
    evidence: textsOf(item, 'evidence', add).filter((path) => {
      if (PATH.test(path)) return true
      add(item.get('evidence', true), `"${path}" is no file of a bundle`)
      return false
    }),
    test: textOf('test'),
  }
}

function textsOf(item: YAMLMap, key: string, add: Add): readonly string[] {
  const list: unknown = item.get(key, true)
  const texts = isSeq(list)
    ? list.items.map((one) => (isScalar(one) && typeof one.value === 'string' ? one.value : ''))
    : []
  if (texts.length === 0 || texts.includes('')) add(list ?? item, `"${key}" is a list of texts`)
  return texts
}
