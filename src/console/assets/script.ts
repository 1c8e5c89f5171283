/**
 * The one script of the pages, as text: a browser gets it as it stands here. Everything works without it.
 * @module
 */

export const SCRIPT = `// times in the time zone of whoever looks
for (const one of document.querySelectorAll('time[datetime]')) {
  const at = new Date(one.dateTime)
  if (Number.isNaN(at.getTime())) continue
  one.title = one.textContent
  one.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

// a button for what is there to be copied
for (const figure of document.querySelectorAll('figure.copy')) {
  const text = figure.querySelector('pre')
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Copy'
  button.setAttribute('aria-label', 'Copy: ' + figure.querySelector('figcaption').textContent)
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent)
      button.textContent = 'Copied'
    } catch {
      const range = document.createRange()
      range.selectNodeContents(text)
      getSelection().removeAllRanges()
      getSelection().addRange(range)
      button.textContent = 'Selected'
    }
  })
  figure.querySelector('figcaption').append(' ', button)
}

// a page that the browser kept may show what its reader may not see any more
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload()
})

// nobody loses what was typed by leaving the page; a form is sent once
let isSent = false
const typed = () =>
  [...document.querySelectorAll('textarea')].some(({ value, defaultValue }) => value !== defaultValue)
addEventListener('submit', () => {
  isSent = true
})
addEventListener('beforeunload', (event) => {
  if (typed() && !isSent) event.preventDefault()
})
`
