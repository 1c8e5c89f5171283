/**
 * The one stylesheet of the pages.
 * @module
 */

export const STYLESHEET = `:root {
  color-scheme: light dark;
  --page: #ffffff;
  --raised: #f3f5f7;
  --text: #1b1f24;
  --quiet: #4d5660;
  --line: #c9d0d8;
  --link: #0b5cad;
  --good: #14632f;
  --bad: #a4161a;
  --button: #0b5cad;
  --on-button: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b;
    --raised: #1e2329;
    --text: #e6e9ed;
    --quiet: #aeb7c1;
    --line: #3a434d;
    --link: #7db8f5;
    --good: #7fd59b;
    --bad: #ff9a94;
    --button: #9cc9f7;
    --on-button: #10151a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
header {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1.5rem;
  align-items: center;
  padding: 0.6rem 1.2rem;
  border-bottom: 1px solid var(--line);
  background: var(--raised);
}
header .product { margin: 0; font-weight: 600; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 0; padding: 0; list-style: none; }
nav a { padding: 0.2rem 0; }
nav a[aria-current] { color: var(--text); font-weight: 600; text-decoration: none; border-bottom: 2px solid var(--link); }
.person { display: flex; flex-wrap: wrap; gap: 0.8rem; align-items: center; margin-inline-start: auto; }
.person span { color: var(--quiet); font-size: 0.85rem; overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
h1 { font-size: 1.6rem; margin: 0.6rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.4rem; }
a { color: var(--link); }
a:focus-visible, .wide:focus-visible, button:focus-visible, textarea:focus-visible, input:focus-visible, select:focus-visible, pre:focus-visible {
  outline: 3px solid var(--link);
  outline-offset: 2px;
}
table { border-collapse: collapse; width: 100%; margin: 0.8rem 0; }
caption { text-align: start; color: var(--quiet); padding-bottom: 0.3rem; }
th, td { text-align: start; vertical-align: top; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 600; overflow-wrap: normal; }
td { min-width: 6rem; }
.wide { overflow-x: auto; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.3rem 1rem; margin: 0.8rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { margin: 0; padding: 0.8rem; background: var(--raised); border: 1px solid var(--line); border-radius: 4px; overflow-x: auto; }
p, li, code { overflow-wrap: anywhere; }
code { font: 0.9rem/1.45 ui-monospace, monospace; }
figure.copy { margin: 0.8rem 0; }
figure.copy figcaption { color: var(--quiet); margin-bottom: 0.3rem; }
label { display: block; margin: 0.8rem 0 0.2rem; }
input[type='text'], textarea, select {
  width: 100%;
  max-width: 48rem;
  padding: 0.5rem;
  border: 1px solid var(--quiet);
  border-radius: 4px;
  background: var(--page);
  color: var(--text);
  font: inherit;
}
textarea { min-height: 6rem; }
button, .button {
  display: inline-block;
  min-height: 1.9rem;
  padding: 0.35rem 0.9rem;
  border: 1px solid var(--button);
  border-radius: 4px;
  background: var(--button);
  color: var(--on-button);
  font: inherit;
  text-decoration: none;
  cursor: pointer;
}
figcaption button, .person button, button.second { background: transparent; color: var(--link); border-color: var(--link); }
details { margin: 0.8rem 0; }
summary { cursor: pointer; color: var(--link); }
.bar { display: flex; gap: 0.6rem; align-items: center; }
meter { appearance: none; flex: 1; min-width: 4rem; height: 0.8rem; background: var(--raised); border: 0; }
meter::-webkit-meter-inner-element { display: block; height: 100%; }
meter::-webkit-meter-bar { height: 100%; background: var(--raised); border: 0; }
meter.permitted::-webkit-meter-optimum-value { background: var(--good); }
meter.refused::-webkit-meter-optimum-value { background: var(--bad); }
meter.permitted::-moz-meter-bar { background: var(--good); }
meter.refused::-moz-meter-bar { background: var(--bad); }
.actions { display: flex; flex-wrap: wrap; gap: 0.8rem; margin: 1rem 0; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.quiet { color: var(--quiet); }
.notice { padding: 0.7rem 1rem; border: 1px solid var(--line); border-inline-start: 4px solid var(--link); background: var(--raised); }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
ins { text-decoration: none; color: var(--good); }
del { color: var(--bad); }
@media (max-width: 48rem) {
  main, header { padding-inline: 0.8rem; }
  .person { margin-inline-start: 0; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.6rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: block; margin: 0.8rem 0; border: 1px solid var(--line); border-radius: 4px; }
  td { display: block; min-width: 0; border-bottom: 0; }
  td::before { content: attr(data-label) ': '; color: var(--quiet); }
}
@media print { header { display: none; } }
`
