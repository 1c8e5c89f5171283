/** Templates of pages: no value becomes markup, and a template in which one could is refused. */
import t from 'tap'
import { html, Url, type Content } from '../../src/console/html.ts'

const made = (literals: readonly string[], ...values: readonly Content[]): string =>
  html(Object.assign([...literals], { raw: [...literals] }), ...values).toString()

t.test('a string is text, wherever it stands', async (t) => {
  const hostile = `<script>alert(1)</script>"'\`&`
  const shown = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&#96;&amp;'
  t.equal(html`<p>${hostile}</p>`.toString(), `<p>${shown}</p>`)
  t.equal(html`<p title="${hostile}"></p>`.toString(), `<p title="${shown}"></p>`)
  t.equal(html`<p title="a ${hostile} b"></p>`.toString(), `<p title="a ${shown} b"></p>`)
  t.equal(html`<ul>${[html`<li>${1}</li>`, html`<li>${'<'}</li>`]}</ul>`.toString(), '<ul><li>1</li><li>&lt;</li></ul>') // prettier-ignore
  t.equal(html`<p>${null}</p>`.toString(), '<p></p>')
  t.equal(html`<p>${'a\0b\u{1b}c\rd\ne'}</p>`.toString(), '<p>a\u{fffd}b\u{fffd}c&#13;d\ne</p>')
  t.equal(html`<p>${'\ud800'}</p>`.toString(), '<p>\u{fffd}</p>')
})

t.test('what is no content is refused, whatever the types say', async (t) => {
  const like = { toString: () => '<b>' }
  for (const value of [like, undefined, true, [like], Symbol('b'), () => '<b>'])
    t.throws(() => made(['<p>', '</p>'], value as unknown as Content), TypeError)
  t.equal(made(['<p>', '</p>'], ['<b>'] as unknown as Content), '<p>&lt;b&gt;</p>')
  t.throws(() => html`<p title="${html`<b></b>`}"></p>`, TypeError)
  const Html = html`<p></p>`.constructor as unknown as {
    of: (key: unknown, markup: string) => unknown
  }
  t.throws(() => Html.of(Symbol('html'), '<b>'), TypeError, 'markup is made by templates only')
})

t.test('templates in which a value could become more than text are refused', async (t) => {
  const places: readonly (readonly [string, string])[] = [
    ['<p ', '></p>'],
    ['<p title=', '></p>'],
    ["<p title='", "'></p>"],
    ['<', '></p>'],
    ['</', '>'],
    ['<p onclick="', '"></p>'],
    ['<p ONCLICK="', '"></p>'],
    ['<p style="', '"></p>'],
    ['<script>', '</script>'],
    ['<SCRIPT>', '</SCRIPT>'],
    ['<script src="', '"></script>'],
    ['<style>', '</style>'],
    ['<iframe srcdoc="', '"></iframe>'],
    ['<svg>', '</svg>'],
    ['<!-- ', ' -->'],
    ['<meta http-equiv="', '" />'],
    ['<a href="javascript:', '"></a>'],
    ['<a href="/x?y=', '"></a>'],
    ['<p title="', ' '],
  ]
  for (const literals of places) t.throws(() => made(literals, 'x'), TypeError, literals.join('…'))
})

t.test('an address is one of this gateway, or https', async (t) => {
  t.throws(() => html`<a href="${'/x'}">x</a>`, TypeError, 'a text is none')
  t.throws(() => html`<a href="${null}">x</a>`, TypeError)
  t.equal(html`<a href="${Url.to('/a?b=c&d')}">x</a>`.toString(), '<a href="/a?b=c&amp;d">x</a>')
  const refused = [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'http://x.example/',
    '//x.example/',
    '/\\x.example/',
    '/\t/x.example/',
    '/a\\b',
    'https:x.example',
    'https:///x.example',
    'https://a@x.example',
    'https://',
    'x',
    '',
    '#x',
  ]
  for (const text of refused) {
    t.throws(() => Url.to(text), TypeError, JSON.stringify(text))
  }
  t.doesNotThrow(() => Url.to('https://x.example/a?b#c'))
})
