// Attempts to have the page run something, through what a model writes, names of files, and imported conversations.
// What they would run is harmless: it sets `canary`, opens a dialog, or asks the server for /canary. None of it may
// happen, no element that could do it may come to be, and even the content security policy must have had nothing to
// refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, hearth, leave, open, settled } from './browser.mjs';
import { startProxy } from './proxy.mjs';

const RUN = "globalThis.canary=1;fetch('/canary')";

const WRITTEN = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}"></svg>`,
  `<svg><script>${RUN}</script></svg>`,
  `<iframe src="javascript:parent.canary=1"></iframe>`,
  `<iframe srcdoc="<script>parent.canary=1</script>"></iframe>`,
  `<object data="javascript:${RUN}"></object>`,
  `<embed src="javascript:${RUN}">`,
  `<body onload="${RUN}">`,
  `<details open ontoggle="${RUN}"><summary>a</summary></details>`,
  `<video><source onerror="${RUN}"></video>`,
  `<input autofocus onfocus="${RUN}">`,
  `<form action="javascript:${RUN}"><button>go</button></form>`,
  `<a href="javascript:${RUN}">link</a>`,
  `<link rel="stylesheet" href="/canary">`,
  `<meta http-equiv="refresh" content="0;url=/canary">`,
  `<base href="//canary.invalid/">`,
  `<style>@import '/canary';</style>`,
  `<math><mtext><script>${RUN}</script></mtext></math>`,
  `<template><script>${RUN}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<!--><script>${RUN}</script>-->`,
  `<![CDATA[<script>${RUN}</script>]]>`,
  `</p></div></main><script>${RUN}</script>`,
  `[link](javascript:globalThis.canary=1)`,
  `[link](JaVaScRiPt:globalThis.canary=1)`,
  `[link](java&#x73;cript:globalThis.canary=1)`,
  `[link](&#1;javascript:globalThis.canary=1)`,
  `[link](java%0ascript:globalThis.canary=1)`,
  `[link](<java\tscript:globalThis.canary=1>)`,
  `[link](vbscript:globalThis.canary=1)`,
  `[link](data:text/html,<script>opener.canary=1</script>)`,
  `[link](data:text/html;base64,PHNjcmlwdD5vcGVuZXIuY2FuYXJ5PTE8L3NjcmlwdD4=)`,
  `[link](file:///etc/passwd)`,
  `[link](blob:null/canary)`,
  `<javascript:globalThis.canary=1>`,
  `[a]: javascript:globalThis.canary=1\n\n[a]`,
  `[link](https://example.org" onmouseover="${RUN})`,
  `[link](https://example.org 'x" onmouseover="${RUN}')`,
  `![x](x" onerror="${RUN})`,
  `![x](/canary)`,
  `![x](javascript:globalThis.canary=1)`,
  `![x](data:image/svg+xml,<svg onload=globalThis.canary=1>)`,
  `![<img src=x onerror=${RUN}>](https://example.org/x)`,
  `\`\`\`html"><script>${RUN}</script>\ncode\n\`\`\``,
  `\`\`\`html\n<script>${RUN}</script>\n\`\`\``,
  `\`\`\`"onmouseover="${RUN}\ncode\n\`\`\``,
  `\`<img src=x onerror=${RUN}>\``,
  `| <img src=x onerror=${RUN}> |\n| --- |\n| <script>${RUN}</script> |`,
  `- <img src=x onerror=${RUN}>\n> <script>${RUN}</script>`,
  `$\\href{javascript:globalThis.canary=1}{x}$`,
  `$\\url{javascript:globalThis.canary=1}$`,
  `$\\includegraphics{/canary}$`,
  `$\\class{x" onclick="${RUN}}{y}$`,
  `$\\style{background:url(/canary)}{y}$`,
  `$\\text{<img src=x onerror=${RUN}>}$`,
  `$\\unicode{x3c}script>${RUN}$`,
  `$$\\def\\x{\\x\\x}\\x$$`,
  `&lt;script&gt;${RUN}&lt;/script&gt;`,
  `&#60;img src=x onerror=${RUN}&#62;`,
  `\u202e<script>${RUN}</script>`,
  `<scr\u0000ipt>${RUN}</scr\u0000ipt>`,
];

const FILE_NAMES = [
  `<img src=x onerror=${RUN}>.txt`,
  `"><script>${RUN}<script>.txt`,
  `' onmouseover='${RUN}.txt`,
  'javascript:globalThis.canary=1.txt',
  '\u202etxt.<svg onload=globalThis.canary=1>',
  '__proto__.txt',
];

function imported(part) {
  return {
    format: 'hearth-conversations',
    conversations: [
      {
        id: 'x',
        title: 'A title',
        messages: { a: { id: 'a', parent: '', role: 'assistant', text: 'A text', state: 'done', ...part } },
      },
    ],
  };
}

const IMPORTS = [
  imported({ text: `<script>${RUN}</script>` }),
  imported({
    text: {
      type: 'img',
      props: { src: 'x', onerror: RUN, dangerouslySetInnerHTML: { __html: `<img src=x onerror=${RUN}>` } },
    },
  }),
  imported({ reasoning: `<img src=x onerror=${RUN}>` }),
  imported({ error: `<img src=x onerror=${RUN}>`, state: 'failed' }),
  imported({ calls: [{ id: 'c', name: `<img src=x onerror=${RUN}>`, arguments: `"<script>${RUN}</script>` }] }),
  imported({ role: `user" onclick="${RUN}` }),
  imported({ role: 'user', files: [{ name: `<img src=x onerror=${RUN}>`, text: `<script>${RUN}</script>` }] }),
  imported({ facts: { model: `<img src=x onerror=${RUN}>`, fingerprint: `<script>${RUN}</script>`, tokens: '<b>' } }),
  imported({
    tokens: [
      { text: `<img src=x onerror=${RUN}>`, logprob: -1, alternatives: [{ text: '<svg onload=canary>', logprob: 0 }] },
    ],
  }),
  { ...imported({}), __proto__: { canary: 1 } },
  JSON.parse(`{"format": "hearth-conversations", "conversations": [{"title": "<img src=x onerror=${RUN}>",
    "id": "<script>", "messages": {"__proto__": {"id": "__proto__", "parent": "", "role": "user", "text": "x"}},
    "selected": {"__proto__": "constructor"}, "settings": {"sampling": {"__proto__": 1}, "__proto__": {"canary": 1}}}]}`),
  {
    messages: [
      { role: 'system', content: `<script>${RUN}</script>` },
      { role: 'user', content: `<img src=x onerror=${RUN}>` },
      { role: 'assistant', content: '[x](javascript:globalThis.canary=1)' },
    ],
  },
];

// What there is in the document that could run or load something.
function dangers() {
  const found = [];
  for (const element of document.querySelectorAll('#page *')) {
    if (
      /^(script|iframe|object|embed|link|meta|base|style|img|video|audio|image|use|foreignObject)$/i.test(
        element.localName,
      )
    ) {
      found.push(element.outerHTML);
    }
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name) || /^(src|srcdoc|action|formaction|data|xlink:href)$/i.test(name))
        found.push(element.outerHTML);
      if (name === 'href' && !/^(https?:|mailto:|page\/)/.test(value)) found.push(element.outerHTML);
    }
  }
  return found;
}

async function checkNothingHappened(page, requests, what) {
  assert.deepEqual(await page.evaluate(dangers), [], what);
  assert.equal(await page.evaluate(() => globalThis.canary ?? {}.canary), undefined, what);
  assert.equal(await page.title(), 'Hearth', what);
  assert.deepEqual(
    requests.filter((url) => url.includes('canary')),
    [],
    what,
  );
  assert.deepEqual(page.complaints, [], what);
}

async function attempt(work) {
  let index = 0;
  const proxy = await startProxy(hearth, () => [{ content: WRITTEN[index++] ?? 'Nothing.' }]);
  const page = await open(proxy.url);
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  try {
    await work(page, (what) => checkNothingHappened(page, requests, what));
    await leave(page);
  } finally {
    proxy.stop();
  }
}

test(`${WRITTEN.length} attempts in what a model writes`, () =>
  attempt(async (page, check) => {
    for (const [at, written] of WRITTEN.entries()) {
      await ask(page, `Attempt ${at}.`);
      await check(written);
    }
    // Whatever is a link now leads where it says.
    const links = await page.locator('.markdown a').evaluateAll((all) => all.map((link) => link.protocol));
    assert.ok(links.length > 0 && links.every((protocol) => /^https?:$/.test(protocol)), links.join());
    for (const element of await page.locator('.markdown a, .markdown code').all()) await element.hover();
    await check('with the pointer over it');
  }));

test(`${FILE_NAMES.length} attempts in names of files`, () =>
  attempt(async (page, check) => {
    const files = FILE_NAMES.map((name) => ({
      name: name.replaceAll('/', '\u2215'),
      mimeType: 'text/plain',
      buffer: Buffer.from(`<script>${RUN}</script>`),
    }));
    await page.locator('.composer input[type=file]').setInputFiles(files);
    await page
      .locator('.composer .files li')
      .nth(files.length - 1)
      .waitFor();
    await check('attached');
    await ask(page, 'Read them.');
    for (const summary of await page.locator('.message.user .files summary').all()) await summary.click();
    await check('sent');
    await page.getByLabel('Import').setInputFiles(files.map((file) => ({ ...file, name: `${file.name}.json` })));
    await page.locator('.sidebar-foot p').waitFor();
    await check('imported');
  }));

test(`${IMPORTS.length} attempts in imported conversations`, () =>
  attempt(async (page, check) => {
    for (const [at, contents] of IMPORTS.entries()) {
      const buffer = Buffer.from(JSON.stringify(contents));
      await page
        .getByLabel('Import')
        .setInputFiles({ name: `import-${at}.json`, mimeType: 'application/json', buffer });
      await page.getByText(`import-${at}.json: 1 conversation.`).waitFor();
      const tokens = page.getByRole('button', { name: 'Token probabilities' });
      if ((await tokens.count()) > 0) await tokens.click();
      await settled(page);
      await check(JSON.stringify(contents));
    }
  }));
