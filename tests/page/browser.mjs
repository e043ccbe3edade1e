// Debian's Chromium, and what the tests do with the page in it.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

export const hearth = process.env.HEARTH_URL;
export const slow = process.env.HEARTH_SLOW_URL; // a model that takes its time
export const keyed = { url: process.env.HEARTH_KEYED_URL, key: process.env.HEARTH_KEY };
export const screenshots = process.env.HEARTH_SCREENSHOTS;

let browser;

export async function launch() {
  browser = await chromium.launch({
    executablePath: process.env.HEARTH_CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'], // as root, in a container
  });
}

export async function close() {
  await browser?.close();
}

// A page with nothing kept. Whatever it complains of ends up in `page.complaints`.
export async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(`error: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(`console: ${message.text()}`));
  page.on('dialog', (dialog) => {
    page.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  await page.goto(url);
  await page.getByRole('button', { name: 'Send' }).waitFor();
  await page.waitForFunction(() => !document.querySelector('.send').disabled);
  return page;
}

export async function leave(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

export async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

// Until nothing is being written any more.
export async function settled(page) {
  await page.locator('main[aria-busy=false]').waitFor();
}

export async function ask(page, text) {
  await say(page, text);
  await page.locator('.message.user', { hasText: text }).last().waitFor();
  await settled(page);
  return lastAnswer(page);
}

export async function lastAnswer(page) {
  const answer = page.locator('.message.assistant').last();
  return (await answer.locator('.markdown, figure.code').allTextContents()).join('\n').trim();
}

export async function setting(page, work) {
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  await work(page.getByRole('complementary', { name: 'Settings' }));
  await page.getByRole('button', { name: 'Close settings' }).click();
}
