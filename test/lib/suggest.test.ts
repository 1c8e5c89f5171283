import t from 'tap'
import { didYouMean, nearest } from '../../src/lib/suggest.ts'

void t.test('the nearest of the known words, case aside', (st) => {
  const known = ['jobs', 'schedules', 'models', 'onlineEndpoints']
  st.equal(nearest('job', known), 'jobs')
  st.equal(nearest('MODEL', known), 'models')
  st.equal(nearest('onlineEndpiont', known), 'onlineEndpoints')
  st.equal(nearest('schedlues', known), 'schedules')
  st.equal(nearest('kubernetes', known), null)
  st.equal(nearest('x', []), null)
  st.end()
})

void t.test('of two that are as near, the first', (st) => {
  st.equal(nearest('ab', ['ac', 'ad']), 'ac')
  st.equal(nearest('ab', ['ad', 'ac']), 'ad')
  st.end()
})

void t.test('two neighbours swapped count less than two letters changed', (st) => {
  st.equal(nearest('Modle', ['Code', 'Model']), 'Model')
  st.equal(nearest('hots', ['host', 'hosts']), 'hosts')
  st.end()
})

void t.test('short words may be two slips away, long ones a third of their length', (st) => {
  st.equal(nearest('abcd', ['abxy']), 'abxy')
  st.equal(nearest('abcd', ['axyz']), null)
  st.equal(nearest('abcdefghixyz', ['abcdefghijkl']), 'abcdefghijkl')
  st.equal(nearest('abcdefgvwxyz', ['abcdefghijkl']), null)
  st.end()
})

void t.test('a word of any length costs nothing where no candidate is as long', (st) => {
  const started = performance.now()
  st.equal(nearest('a'.repeat(1_000_000), ['jobs', 'a'.repeat(100)]), null)
  st.ok(performance.now() - started < 100)
  st.end()
})

void t.test('the end of a message', (st) => {
  st.equal(didYouMean('prot', ['port', 'host']), '; did you mean "port"?')
  st.equal(didYouMean('kubernetes', ['port', 'host']), '')
  st.end()
})
