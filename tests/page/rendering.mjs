// How answers look: Markdown, code, tables, mathematics, thoughts and calls of tools, as a scripted model writes them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, hearth, leave, open, say, setting, settled } from './browser.mjs';
import { startProxy } from './proxy.mjs';

const MARKDOWN = `# Title

Some *emphasis*, **strength**, \`code\` and a [link](https://example.org/a?b=c).

1. one
2. two
   - inner

| left | right |
| :--- | ---: |
| a | 1 |

\`\`\`python
def f(x):
    return "text" + x  # why
\`\`\`

Euler: $e^{i\\pi} + 1 = 0$, it costs $5 and $6, and \\(\\sqrt{2}\\).

$$
\\sum_{k=1}^n k = \\frac{n(n+1)}{2}
$$

![a picture](https://example.org/p.png) <b>not bold</b>
`;

const LONG = `
| n | square |
| - | -----: |
${Array.from({ length: 150 }, (_, at) => `| ${at} | *${at * at}* |`).join('\n')}

\`\`\`c
${'int x = 1;  // the same again\n'.repeat(400)}\`\`\`

Text after it.
`;

async function* inPieces(text, size) {
  for (let at = 0; at < text.length; at += size) {
    yield { content: text.slice(at, at + size) };
    if (at % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const WEATHER = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];

function scripted(request) {
  const last = request.messages.at(-1);
  if (last.role === 'tool') return [{ content: `It is ${last.content}.` }];
  if (request.tools) {
    return [
      { tool_calls: [{ index: 0, id: 'call-1', type: 'function', function: { name: 'weather', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"city": ' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '"Ulm"}' } }] },
    ];
  }
  if (last.content === 'think')
    return [{ reasoning_content: 'First, ' }, { reasoning_content: 'second.' }, { content: 'Done.' }];
  const text = MARKDOWN + LONG;
  return inPieces(text, last.content === 'slowly' ? 7 : text.length);
}

async function withProxy(work) {
  const proxy = await startProxy(hearth, scripted);
  try {
    const page = await open(proxy.url, { permissions: ['clipboard-read', 'clipboard-write'] });
    await work(page);
    await leave(page);
  } finally {
    proxy.stop();
  }
}

test('Markdown becomes elements, and the same ones whether it comes whole or in pieces', () =>
  withProxy(async (page) => {
    await ask(page, 'at once');
    const answer = page.locator('.message.assistant .markdown').first();
    assert.equal(await answer.locator('h1').innerText(), 'Title');
    assert.equal(await answer.locator('em').first().innerText(), 'emphasis');
    assert.equal(await answer.locator('ol > li').count(), 2);
    assert.equal(await answer.locator('ol ul > li').innerText(), 'inner');
    assert.equal(await answer.locator('td.align-right').first().innerText(), '1');
    assert.equal(await answer.locator('table.long').count(), 3);
    assert.equal(await answer.locator('table.long tbody tr').count(), 150);
    assert.equal((await answer.locator('pre').last().innerText()).split('\n').filter(Boolean).length, 400);
    const link = answer.getByRole('link', { name: 'link', exact: true });
    assert.equal(await link.getAttribute('href'), 'https://example.org/a?b=c');
    assert.match(await link.getAttribute('rel'), /noopener noreferrer/);
    assert.equal(await answer.locator('.hljs-keyword').first().innerText(), 'def');
    assert.equal(await answer.locator('math').count(), 3);
    assert.equal(await answer.locator('.math-display mfrac').count(), 1);
    assert.match(await answer.innerText(), /it costs \$5 and \$6/);
    assert.equal(await answer.locator('img, b').count(), 0);
    assert.match(await answer.innerText(), /<b>not bold<\/b>/);

    await ask(page, 'slowly');
    const [whole, grown] = await page
      .locator('.message.assistant .markdown')
      .evaluateAll((all) => all.map((each) => each.outerHTML));
    assert.equal(grown, whole);
  }));

test('code is copied as it was written', () =>
  withProxy(async (page) => {
    await ask(page, 'at once');
    await page.getByRole('button', { name: 'Copy code' }).first().click();
    await page.getByText('Copied.').waitFor({ state: 'attached' });
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'def f(x):\n    return "text" + x  # why');
  }));

test('thoughts are folded away', () =>
  withProxy(async (page) => {
    await ask(page, 'think');
    assert.equal(await page.getByText('First, second.').isVisible(), false);
    await page.getByText(/Thought for [\d.]+ s/).click();
    assert.equal(await page.getByText('First, second.').isVisible(), true);
    assert.equal(await page.getByText('Done.').isVisible(), true);
  }));

test('calls of tools are shown, and go on with their results', () =>
  withProxy(async (page) => {
    await setting(page, (panel) => panel.getByLabel(/^Tools, as/).fill(JSON.stringify(WEATHER)));
    await ask(page, 'How is the weather?');
    const call = page.getByRole('region', { name: 'Call of weather' });
    assert.match(await call.locator('pre').innerText(), /"city": "Ulm"/);
    await call.getByLabel('Result of weather').fill('raining');
    await page.getByRole('button', { name: 'Send the result' }).click();
    await page.getByText('It is raining.').waitFor();
    await settled(page);
  }));

test('a setting that makes no sense is said before anything is asked', () =>
  withProxy(async (page) => {
    await setting(page, (panel) => panel.getByLabel(/^Tools, as/).fill('{'));
    await page.getByLabel('Message', { exact: true }).fill('Hello');
    await page.keyboard.press('Enter');
    await page.getByText('The tools are no list in JSON.').first().waitFor();
    assert.equal(await page.locator('.message').count(), 0);
  }));

test('an answer comes to its end though nobody sees the page, and no frame is drawn', () =>
  withProxy(async (page) => {
    await page.evaluate(() => {
      globalThis.requestAnimationFrame = () => 0;
    });
    await say(page, 'think');
    await page.locator('.message.assistant .measured').waitFor();
    assert.equal(await page.getByText('Done.').isVisible(), true);
  }));
