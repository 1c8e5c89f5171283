/**
 * A small part of KQL, over rows in memory: what the gateway asks Azure Monitor, and nothing else.
 *
 * What is not known is an error, as a wrong query is at Azure. Texts that are absent are empty, as in Log Analytics.
 * @module
 */
type Value = string | number | boolean | Date | readonly string[] | null
export type KqlRow = Readonly<Record<string, unknown>>
type Columns = ReadonlyMap<string, string>
type Evaluate = (row: KqlRow) => Value

/** An answer as a table. */
export interface Table {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
}

const TOKEN =
  /\s*(?:(datetime\([^)]*\))|("(?:[^"\\]|\\.)*")|(\d+h?\b)|([A-Za-z_]\w*)|(==|=~|!=|<=|>=|<|>|\(|\)|,|=))/y

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const [whole] = TOKEN.exec(text) ?? []
    if (whole === undefined) throw new SyntaxError(`not understood: ${text}`)
    tokens.push(whole.trim())
  }
  return tokens
}

const OPERATORS: Readonly<Record<string, (one: Value, other: Value) => boolean>> = {
  '==': (one, other) => order(one, other) === 0,
  '!=': (one, other) => order(one, other) !== 0,
  '<': (one, other) => order(one, other) < 0,
  '>=': (one, other) => order(one, other) >= 0,
  '=~': (one, other) => text(one).toLowerCase() === text(other).toLowerCase(),
  startswith: (one, other) => text(one).toLowerCase().startsWith(text(other).toLowerCase()),
}

const HOUR_MS = 3_600_000
const text = (value: Value): string => (typeof value === 'string' ? value : '')
const list = (value: Value): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : []
const time = (value: Value): number => (value instanceof Date ? value.getTime() : NaN)

function order(one: Value, other: Value): number {
  if (one instanceof Date || other instanceof Date) return time(one) - time(other)
  if (typeof one === 'string' && typeof other === 'string')
    return one < other ? -1 : one > other ? 1 : 0
  return Number(one) - Number(other)
}

const FUNCTIONS: Readonly<Record<string, (...values: readonly Value[]) => Value>> = {
  coalesce: (one = null, other = null) => one ?? other,
  long: (value = null) => Number(value),
  strcmp: (one = null, other = null) => Math.sign(order(text(one), text(other))),
  iff: (is = null, one = null, other = null) => (is === true ? one : other),
  tolower: (value = null) => text(value).toLowerCase(),
  split: (value = null, by = null) => text(value).split(text(by)),
  array_slice: (value = null, from = null, to = null) =>
    list(value).slice(Number(from), Number(to) + 1),
  strcat_array: (value = null, by = null) => list(value).join(text(by)),
  bin: (value = null, size = null) => new Date(time(value) - (time(value) % Number(size))),
  base64_decode_tostring: (value = null) => Buffer.from(text(value), 'base64').toString('utf8'),
}

/** Reads an expression from the front of `tokens`. */
class Parser {
  readonly #tokens: string[]
  readonly #types: Columns

  constructor(words: string, types: Columns) {
    this.#tokens = tokensOf(words)
    this.#types = types
  }

  get isAtEnd(): boolean {
    return this.#tokens.length === 0
  }

  take(wanted?: string): string {
    const token = this.#tokens.shift()
    if (token === undefined || (wanted !== undefined && token !== wanted))
      throw new SyntaxError(`${token ?? 'the end'} where ${wanted ?? 'more'} should be`)
    return token
  }

  takeIf(wanted: string): boolean {
    if (this.#tokens[0] !== wanted) return false
    this.#tokens.shift()
    return true
  }

  /** `name =` in front of an expression; null if there is none. */
  name(): string | null {
    if (this.#tokens[1] !== '=') return null
    const name = this.take()
    this.take('=')
    return name
  }

  or(): Evaluate {
    const parts = [this.#and()]
    while (this.takeIf('or')) parts.push(this.#and())
    return parts.length === 1
      ? (parts[0] as Evaluate)
      : (row) => parts.some((one) => one(row) === true)
  }

  #and(): Evaluate {
    const parts = [this.#comparison()]
    while (this.takeIf('and')) parts.push(this.#comparison())
    return parts.length === 1
      ? (parts[0] as Evaluate)
      : (row) => parts.every((one) => one(row) === true)
  }

  #comparison(): Evaluate {
    const one = this.#value()
    const word = this.#tokens[0] ?? ''
    if (word === 'in') {
      this.take()
      const values = this.#arguments()
      return (row) => values.some((value) => order(one(row), value(row)) === 0)
    }
    const operator = Object.hasOwn(OPERATORS, word) ? OPERATORS[word] : undefined
    if (operator === undefined) return one
    this.take()
    const other = this.#value()
    return (row) => operator(one(row), other(row))
  }

  #value(): Evaluate {
    const token = this.take()
    if (token === '(') {
      const inner = this.or()
      this.take(')')
      return inner
    }
    if (token.startsWith('"')) return constant(JSON.parse(token) as string)
    if (token.startsWith('datetime(')) return constant(new Date(token.slice(9, -1)))
    if (/^\d/.test(token))
      return constant(parseInt(token, 10) * (token.endsWith('h') ? HOUR_MS : 1))
    if (token === 'true' || token === 'false') return constant(token === 'true')
    const call = Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token] : undefined
    if (call !== undefined && this.#tokens[0] === '(') {
      const values = this.#arguments()
      return (row) => call(...values.map((value) => value(row)))
    }
    const type = this.#types.get(token)
    if (type === undefined) throw new SyntaxError(`no column ${token}`)
    return (row) => typed(row[token], type)
  }

  #arguments(): Evaluate[] {
    this.take('(')
    const values: Evaluate[] = []
    do values.push(this.or())
    while (this.takeIf(','))
    this.take(')')
    return values
  }
}

const constant =
  (value: Value): Evaluate =>
  () =>
    value

function typed(value: unknown, type: string): Value {
  if (type === 'datetime')
    return typeof value === 'string' ? new Date(value) : ((value as Date | null) ?? null)
  if (type === 'string') return typeof value === 'string' ? value : ''
  return (value as Value | undefined) ?? null
}

interface State {
  readonly types: Columns
  readonly rows: readonly KqlRow[]
}

/** Runs the clauses of a query one after the other. @throws SyntaxError for what is not known here */
export function run(clauses: readonly string[], rows: readonly KqlRow[], types: Columns): Table {
  let state: State = { rows, types }
  for (const clause of clauses) state = step(clause, state)
  const columns = [...state.types].map(([name, type]) => ({ name, type }))
  return {
    columns,
    rows: state.rows.map((row) => columns.map(({ name, type }) => shown(row[name], type))),
  }
}

/** As the service sends it: objects as text, absent texts empty. */
function shown(value: unknown, type: string): unknown {
  if (type === 'dynamic') return value === undefined ? null : JSON.stringify(value)
  return value ?? (type === 'string' ? '' : null)
}

function step(clause: string, { rows, types }: State): State {
  const [, verb = '', rest = ''] =
    /^(where|order by|take|project|extend|summarize) (.*)$/s.exec(clause) ?? []
  const parser = new Parser(verb === 'order by' ? '' : rest, types)
  switch (verb) {
    case 'where': {
      const holds = parser.or()
      return end(parser, { types, rows: rows.filter((row) => holds(row) === true) })
    }
    case 'take':
      return { types, rows: rows.slice(0, Number(parser.take())) }
    case 'project': {
      const names = rest.split(', ')
      return { rows, types: new Map(names.map((name) => [name, typeIn(types, name)])) }
    }
    case 'order by':
      return { types, rows: ordered(rows, rest, types) }
    case 'extend': {
      const name = parser.name() ?? ''
      const value = parser.or()
      const made = rows.map((row) => ({ ...row, [name]: value(row) }))
      return end(parser, { types: new Map([...types, [name, 'string']]), rows: made })
    }
    case 'summarize':
      return summarized(parser, { rows, types })
    default:
      throw new SyntaxError(`not a clause: ${clause}`)
  }
}

function end(parser: Parser, state: State): State {
  if (!parser.isAtEnd) throw new SyntaxError(`more than one expression: ${parser.take()}`)
  return state
}

function typeIn(types: Columns, name: string): string {
  const type = types.get(name)
  if (type === undefined) throw new SyntaxError(`no column ${name}`)
  return type
}

function ordered(rows: readonly KqlRow[], by: string, types: Columns): readonly KqlRow[] {
  const names = by.split(', ').map((one) => one.replace(/ desc$/, ''))
  return rows.toSorted((one, other) => {
    for (const name of names) {
      const type = typeIn(types, name)
      const found = order(typed(other[name], type), typed(one[name], type))
      if (found !== 0) return found
    }
    return 0
  })
}

/** `NAME = sum(...) by NAME = ..., ...`, or `NAME = max(...)`. */
function summarized(parser: Parser, { rows }: State): State {
  const name = parser.name() ?? ''
  const kind = parser.take()
  parser.take('(')
  const value = parser.or()
  parser.take(')')
  if (kind === 'max') {
    const times = rows.map((row) => time(value(row)))
    const newest = times.length === 0 ? null : new Date(Math.max(...times)).toISOString()
    return end(parser, { types: new Map([[name, 'datetime']]), rows: [{ [name]: newest }] })
  }
  if (kind !== 'sum') throw new SyntaxError(`no aggregate ${kind}`)
  parser.take('by')
  const keys: [string, Evaluate][] = []
  do {
    const key = parser.name()
    keys.push(key === null ? ['Place', parser.or()] : [key, parser.or()])
  } while (parser.takeIf(','))
  const groups = new Map<string, Record<string, unknown>>()
  for (const row of rows) {
    const found = keys.map(([, of]) => of(row))
    const id = JSON.stringify(found)
    const group = groups.get(id) ?? {
      ...Object.fromEntries(
        keys.map(([key], at) => {
          const one = found[at]
          return [key, one instanceof Date ? one.toISOString() : one]
        }),
      ),
      [name]: 0,
    }
    group[name] = Number(group[name]) + Number(value(row))
    groups.set(id, group)
  }
  const types = new Map<string, string>(
    keys.map(([key]) => [key, key === 'Hour' ? 'datetime' : key === 'Place' ? 'string' : 'bool']),
  )
  return end(parser, { types: types.set(name, 'long'), rows: [...groups.values()] })
}
