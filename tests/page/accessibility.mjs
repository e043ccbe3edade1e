// axe's rules, at the width of a phone and of a desktop, in light and dark, with everything open that can be; and
// pictures of it, kept in the screenshots folder for people to look at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, hearth, leave, open, screenshots, settled } from './browser.mjs';
import { startProxy } from './proxy.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const ANSWER = `## Heading

A paragraph with \`code\`, a [link](https://example.org) and $\\frac{a}{b}$.

| kind | count |
| --- | ---: |
| a | 1 |

\`\`\`cpp
int main() { return 0; }  // nothing
\`\`\`

> A quotation
`;

function scripted(request) {
  if (request.messages.at(-1).content !== 'think') return [{ content: ANSWER }];
  return [
    { reasoning_content: 'Let me see.' },
    { content: 'A thought.' },
    { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'look', arguments: '{"at": 1}' } }] },
  ];
}

async function check(page, name) {
  await page.waitForTimeout(100);
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
  const { violations } = await page.evaluate(async () => globalThis.axe.run(document));
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = serious.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('\n')}`,
  );
  assert.deepEqual(told, [], name);
}

for (const width of [360, 1920]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing serious at ${width} pixels, ${colorScheme}`, async () => {
      const proxy = await startProxy(hearth, scripted);
      const page = await open(proxy.url, {
        viewport: { width, height: width === 360 ? 740 : 1080 },
        colorScheme,
        bypassCSP: true,
      });
      await page.evaluate(AXE);
      const picture = (name) => check(page, `${width}-${colorScheme}-${name}`);
      const isLight = colorScheme === 'light';
      if (isLight) await picture('empty');
      await ask(page, 'markdown');
      await ask(page, 'think');
      await page.getByText(/Thought for/).click();
      await picture('conversation');
      for (const panel of isLight ? ['Settings', 'Engine', 'Help'] : ['Settings', 'Engine']) {
        await page.getByRole('button', { name: panel, exact: true }).click();
        if (panel === 'Engine') await page.getByText('Kernel').waitFor();
        await picture(panel.toLowerCase());
        await page.getByRole('button', { name: `Close ${panel.toLowerCase()}` }).click();
      }
      if (width === 360) await page.getByRole('button', { name: 'Conversations', exact: true }).click();
      await picture('list');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels are beyond the right edge`);
      await leave(page);
      proxy.stop();
    });
  }
}

test('everything can be done with the keyboard alone', async () => {
  const proxy = await startProxy(hearth, scripted);
  const page = await open(proxy.url);
  const focused = () =>
    page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the message');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'Message');
  await page.keyboard.type('markdown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Heading' }).waitFor();
  await settled(page);
  assert.equal(await focused(), 'Message');
  assert.equal(await page.getByRole('status').first().innerText(), 'The answer is complete.');
  await page.keyboard.press('Control+k');
  await page.waitForFunction(() => document.activeElement.id === 'search');
  await page.keyboard.press('Control+Shift+O');
  await page.waitForFunction(() => document.querySelectorAll('.message').length === 0);
  assert.equal(await focused(), 'Message');
  await page.getByRole('button', { name: 'Help' }).focus();
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'Help');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('.panel'));
  assert.equal(await focused(), 'Help');
  await leave(page);
  proxy.stop();
});
