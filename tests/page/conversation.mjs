// Conversations with the real server and the bundled model.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ask, hearth, keyed, lastAnswer, leave, open, say, setting, settled, slow } from './browser.mjs';

const STORY = 'Tell me a story about a fox named Tilo.';

async function answered(page, part) {
  const answer = page.locator('.message.assistant').last();
  return part === 'figures' ? answer.locator('.measured summary').innerText() : answer;
}

test('a conversation: asking, asking on, retrying, editing, and the alternatives', async () => {
  const page = await open(hearth);
  assert.match(await ask(page, 'What is 17 + 25?'), /42/);
  assert.match(await answered(page, 'figures'), /\d+ tokens · .*tokens\/s · first after [\d.]+ s/);
  assert.match(await ask(page, 'What is 3 + 4?'), /7/);

  const answer = await answered(page);
  await answer.getByRole('button', { name: 'Retry' }).click();
  await answer.getByText('2/2').waitFor();
  await settled(page);
  await answer.getByRole('button', { name: 'Previous alternative' }).click();
  await answer.getByText('1/2').waitFor();

  const asked = page.locator('.message.user').first();
  await asked.getByRole('button', { name: 'Edit' }).click();
  await asked.getByLabel('Edit the message').fill('What is 20 + 30?');
  await asked.getByRole('button', { name: 'Send' }).click();
  await page.locator('.message.user', { hasText: '20 + 30' }).getByText('2/2').waitFor();
  await settled(page);
  assert.match(await lastAnswer(page), /50/);
  assert.equal(await page.locator('.message').count(), 2);
  await page.locator('.message.user').getByRole('button', { name: 'Previous alternative' }).click();
  await page.locator('.message.user', { hasText: '17 + 25' }).waitFor();
  assert.equal(await page.locator('.message').count(), 4);

  await page.reload();
  await page.locator('.message.user', { hasText: '17 + 25' }).waitFor();
  assert.equal(await page.locator('.message').count(), 4);
  await page.locator('.message.user').first().getByText('1/2').waitFor();
  await leave(page);
});

test('stopping, and what a reload keeps of an answer under way', async () => {
  const page = await open(slow);
  await setting(page, async (panel) => {
    await panel.getByLabel('The answer is').selectOption('regex');
    await panel.getByLabel('Pattern').fill('[a-z ]{3000,}');
  });
  await say(page, 'Say something.');
  await page.locator('.message.assistant code', { hasText: /[a-z ]{9}/ }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped.', { exact: true }).waitFor();
  await settled(page);
  const running = async () =>
    /num_requests_running\{[^}]*\} (\d+)/.exec(await (await fetch(`${slow}/metrics`)).text())[1];
  while ((await running()) !== '0') await page.waitForTimeout(50);

  await say(page, 'Say something else.');
  await page
    .locator('.message.assistant')
    .nth(1)
    .locator('code', { hasText: /[a-z ]{9}/ })
    .waitFor();
  await page.waitForTimeout(1500); // an answer under way is written down every second
  await page.reload();
  await page.locator('.message.assistant').nth(1).getByText('Stopped.', { exact: true }).waitFor();
  assert.match(await page.locator('.message.assistant code').nth(1).innerText(), /[a-z ]{9}/);
  await leave(page);
});

test('a branch is a conversation of its own', async () => {
  const page = await open(hearth);
  await ask(page, 'What is 1 + 1?');
  await ask(page, 'What is 2 + 2?');
  await page
    .locator('.message.assistant')
    .first()
    .getByRole('button', { name: /^Branch/ })
    .click();
  await page.waitForFunction(() => document.querySelectorAll('.message').length === 2);
  assert.equal(await page.locator('.entry').count(), 2);
  await ask(page, 'What is 3 + 3?');
  await page.locator('.entry').nth(1).click();
  await page.locator('.message.user', { hasText: '2 + 2' }).waitFor();
  await leave(page);
});

test('the same answer again, bit for bit, and the probabilities of its tokens', async () => {
  const page = await open(hearth);
  await setting(page, (panel) => panel.getByLabel('Keep each token’s probability and alternatives').check());
  await ask(page, STORY);
  const answer = await answered(page);
  await answer.getByRole('button', { name: /bit for bit/ }).click();
  await answer.getByText(/The same: \d+ tokens, and so are all probabilities/).waitFor();

  await answer.getByRole('button', { name: 'Token probabilities' }).click();
  const tokens = answer.getByRole('option');
  await tokens.nth(3).hover();
  const choices = answer.getByRole('group', { name: /alternatives/ });
  assert.equal(await choices.getByRole('button').count(), 5);
  assert.match(await choices.innerText(), /%/);
  await tokens.nth(0).focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await tokens.nth(1).getAttribute('aria-selected'), 'true');

  const other = choices.getByRole('button', { disabled: false }).first();
  await other.click();
  await answer.getByText('2/2').waitFor();
  await settled(page);
  await leave(page);
});

test('an answer that obeys a schema', async () => {
  const page = await open(hearth);
  await setting(page, async (panel) => {
    await panel.getByLabel('The answer is').selectOption('schema');
    await panel.getByLabel('JSON Schema').fill('{"enum": ["red", "green"]}');
  });
  await ask(page, 'What is 17 + 25?');
  assert.match(await page.locator('.message.assistant pre').innerText(), /^"(red|green)"$/);
  await leave(page);
});

test('search, export, deletion, import', async () => {
  const page = await open(hearth);
  await ask(page, 'What is 5 + 5?');
  await page.getByRole('button', { name: 'New conversation', exact: true }).click();
  await ask(page, 'Who is Olga the beaver?');
  await page.getByLabel('Search conversations').fill('beaver');
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 1);
  await page.getByLabel('Search conversations').fill('');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export all' }).click(),
  ]);
  const contents = await readFile(await download.path());
  assert.equal(JSON.parse(contents).conversations.length, 2);

  page.removeAllListeners('dialog');
  page.on('dialog', (dialog) => void dialog.accept());
  for (let left = 2; left > 0; left -= 1) {
    await page.locator('.entry').first().click();
    await page.getByLabel('This conversation').click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.waitForFunction((count) => document.querySelectorAll('.entry').length === count, left - 1);
  }
  await page.getByLabel('Import').setInputFiles({ name: 'all.json', mimeType: 'application/json', buffer: contents });
  await page.getByText('all.json: 2 conversations.').waitFor();
  assert.equal(await page.locator('.entry').count(), 2);
  await page
    .getByLabel('Import')
    .setInputFiles({ name: 'broken.json', mimeType: 'application/json', buffer: Buffer.from('{') });
  await page.getByText('broken.json is not imported: it is no JSON.').waitFor();
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 2);
  await leave(page);
});

test('a long conversation shows its end first', async () => {
  const page = await open(hearth);
  const messages = Array.from({ length: 150 }, (_, at) => ({
    role: at % 2 ? 'assistant' : 'user',
    content: `No. ${at}`,
  }));
  const buffer = Buffer.from(JSON.stringify({ messages }));
  await page.getByLabel('Import').setInputFiles({ name: 'long.json', mimeType: 'application/json', buffer });
  await page.getByText('No. 149').waitFor();
  assert.equal(await page.locator('.message').count(), 60);
  await page.getByRole('button', { name: 'Show earlier messages (90)' }).click();
  await page.getByText('No. 0', { exact: true }).waitFor();
  assert.equal(await page.locator('.message').count(), 150);
  await leave(page);
});

test('files go with a message, presets keep settings, the engine shows itself', async () => {
  const page = await open(hearth);
  await page.locator('.composer input[type=file]').setInputFiles([
    { name: 'sums.txt', mimeType: 'text/plain', buffer: Buffer.from('```\n2 + 2\n```\n') },
    { name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0, 0xff]) },
  ]);
  await page.getByText('picture.png is no text').first().waitFor();
  await ask(page, 'What is in it?');
  await page.locator('.message.user summary', { hasText: 'sums.txt' }).click();

  page.removeAllListeners('dialog');
  page.on('dialog', (dialog) => void dialog.accept('Mine'));
  await setting(page, async (panel) => {
    await panel.getByLabel('System prompt').fill('Be brief.');
    await panel.getByRole('button', { name: 'Keep as…' }).click();
    await panel.getByLabel('Preset').selectOption('Precise');
    assert.equal(await panel.getByLabel('System prompt').inputValue(), '');
    assert.equal(await panel.getByLabel('Temperature').inputValue(), '0');
    await panel.getByLabel('Preset').selectOption('Mine');
    assert.equal(await panel.getByLabel('System prompt').inputValue(), 'Be brief.');
  });
  await page.getByRole('button', { name: 'Engine', exact: true }).click();
  const engine = page.getByRole('complementary', { name: 'Engine' });
  await engine.getByText('rms_norm').first().waitFor();
  assert.match(await engine.innerText(), /Blocks in use\s+\d+ of \d+/);
  await leave(page);
});

test('a server with a key: the page comes without, and asks for it', async () => {
  const page = await open(hearth);
  await page.goto(keyed.url);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('API key').fill('wrong');
  await page.keyboard.press('Enter');
  await dialog.getByText('The server does not know this key.').waitFor();
  await dialog.getByLabel('API key').fill(keyed.key);
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await page.waitForFunction(() => !document.querySelector('.send').disabled);
  assert.match(await ask(page, 'What is 17 + 25?'), /42/);
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('secret')), false);
  // The console tells of each 401, and of nothing else.
  const others = page.complaints.splice(0).filter((complaint) => !complaint.includes('401'));
  assert.deepEqual(others, []);
  await leave(page);
});
