import t from 'tap'
import { parseTarget } from '../../src/azureml/target.ts'
import { Refusal } from '../../src/errors.ts'

const code = (target: string, method = 'GET'): string => {
  try {
    parseTarget(method, target)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.code : 'not a refusal'
  }
}

t.test('a plain target keeps its bytes and comes apart once', (t) => {
  const target = parseTarget(
    'GET',
    "/a/b%20c/d,e=f:g@h/r%C3%A9?API-Version=1&$top=2&%24skip=a+b%2B&x='y'",
  )
  t.equal(target.path, '/a/b%20c/d,e=f:g@h/r%C3%A9')
  t.equal(target.query, "API-Version=1&$top=2&%24skip=a+b%2B&x='y'")
  t.strictSame(target.segments, ['a', 'b c', 'd,e=f:g@h', 'ré'])
  t.strictSame(
    [...target.params],
    [
      ['api-version', '1'],
      ['$top', '2'],
      ['$skip', 'a b+'],
      ['x', "'y'"],
    ],
  )
  t.strictSame(parseTarget('GET', '/').segments, [])
  t.end()
})

t.test('paths that two readers could read differently are refused', (t) => {
  const paths = [
    '', '*', 'a/b', 'http://evil.example/a', 'https://gw.example.com/a', 'gw.example.com:443', '?x=1',
    '//evil.example/a', '/a//b', '/a/', '/a/b/',
    '/a/../b', '/a/..', '/..', '/.', '/a/./b', '/a/.', '/...', '/a/b.', '/a/b..', '/a/b.../c',
    '/a/%2e/b', '/a/%2E%2e/b', '/a/.%2e/b', '/a/%2e', '/a/b%2e',
    '/a%2fb', '/a%2Fb', '/a%5cb', '/a\\b', '/\\evil', '/a%252e', '/a%25', '/a%25%32%66',
    '/a;x=1/b', '/a/..;/b', '/a%3bb', '/a#b', '/a%23', '/a%3fb', '/#',
    '/a%00', '/a%0d%0ab', '/a%1f', '/a%7f', '/a\u0000', '/a\tb', '/a b', '/a\u00e9',
    '/%c0%ae%c0%ae/a', '/%e0%80%af', '/%f0%80%80%ae', '/%ed%a0%80', '/%ff', '/%c3', '/%c3%28',
    '/%zz', '/%', '/a%2', '/a%u002f',
    '/%6a', '/subscriptions%2d1', '/%41', '/a%5f', '/a%7e', '/a%39',
    '/%ef%bc%8f', '/%ef%bc%8e%ef%bc%8e/a', '/%e2%80%a4', '/%e2%84%aa', '/%e2%80%8b', '/%e2%80%ae', '/%c2%a0', '/%c2%85',
    '/a%20', '/%20a', '/a"b', '/a<b', '/a>b', '/a^b', '/a`b', '/a{b}', '/a|b', '/a[b]',
  ] // prettier-ignore
  for (const path of paths) t.equal(code(path), 'bad_path', JSON.stringify(path))
  t.end()
})

t.test('queries that two readers could read differently are refused', (t) => {
  const queries = [
    '', '&', 'a=1&', '&a=1', 'a=1&&b=2', '=1', 'api-version=1&api-version=1', 'api-version=1&API-Version=2',
    'a=1&A', '$top=1&%24top=2', '%61pi-version=1', 'api%2dversion=1', 'a%00=1', 'a%20b=1', 'a+b=1', 'a;b', 'a=1;b=2',
    'a[]=1', 'a[0]=1', 'a%5b%5d=1', 'a=b c', 'a=%zz', 'a=%c0%ae', 'a=%00', 'a=%0d%0a', 'a=\u0001', 'a=é', 'a=|',
    'sig=x', 'code=x', 'key', 'client_secret=x', 'a=1&token=x', 'apikey=1',
  ] // prettier-ignore
  for (const query of queries) t.equal(code(`/a?${query}`), 'bad_query', JSON.stringify(query))
  for (const query of ['access_token=x', 'a=1&Access_Token', 'access%5Ftoken=x']) {
    t.equal(code(`/a?${query}`), 'invalid_request', query)
  }
  for (const query of ['a', 'a=', 'a=b=c', 'a=?/', '$filter=x%20eq%20%27y%27', 'a=%5B%5D%25']) {
    t.equal(code(`/a?${query}`), 'accepted', query)
  }
  t.end()
})

t.test('a refusal of a query never repeats a value', (t) => {
  try {
    parseTarget('GET', '/a?sig=canary')
    t.fail('accepted')
  } catch (error) {
    t.notMatch(String(error), /canary/)
  }
  t.end()
})

t.test('only methods that Azure ML knows pass, in capitals', (t) => {
  for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'])
    t.equal(code('/a', method), 'accepted')
  for (const method of ['OPTIONS', 'TRACE', 'CONNECT', 'get', 'LIST', '', 'GET ', 'constructor']) {
    t.equal(code('/a', method), 'method_not_allowed', method)
  }
  t.end()
})

t.test('8192 bytes are accepted and one more is too long', (t) => {
  t.equal(code(`/${'a'.repeat(8_191)}`), 'accepted')
  t.equal(code(`/${'a'.repeat(8_192)}`), 'target_too_long')
  t.end()
})

/** A small deterministic generator (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}

t.test('whatever is accepted reads the same to a URL parser, and in its parts', (t) => {
  const next = random(1)
  const pieces = ['a', 'B9', '-', '.', '..', '/', '//', '%', '%2', '%2e', '%2F', '%41', '%c3%a9', '%C3', '%20', '\\', ';', ':', '@', '~', '?', '&', '=', '#', '+', '\t', 'é', '%00', 'subscriptions', '%ef%bc%8f'] // prettier-ignore
  let accepted = 0
  for (let round = 0; round < 60_000; round += 1) {
    let raw = '/'
    const length = 1 + Math.floor(next() * 8)
    for (let at = 0; at < length; at += 1) raw += pieces[Math.floor(next() * pieces.length)] ?? ''
    try {
      const target = parseTarget('GET', raw)
      accepted += 1
      const url = new URL(raw, 'https://gateway.invalid')
      const whole = url.pathname === target.path && url.search.slice(1) === target.query
      const parts = target.path
        .slice(1)
        .split('/')
        .filter((part) => part !== '')
        .map(decodeURIComponent)
      if (!whole || url.host !== 'gateway.invalid' || raw !== url.pathname + url.search) t.fail(raw)
      if (parts.join('\n') !== target.segments.join('\n')) t.fail(raw)
      if (target.segments.some((part) => /^\.*$|[/\\]/.test(part))) t.fail(raw)
    } catch (error) {
      if (!(error instanceof Refusal)) t.fail(`${raw}: ${String(error)}`)
    }
  }
  t.ok(accepted > 1_000, `${accepted} of 60000 accepted`)
  t.end()
})
