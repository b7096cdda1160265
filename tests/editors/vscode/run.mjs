// SPDX-License-Identifier: Apache-2.0
// The end-to-end test in a real VS Code: every case is what a person does and sees.
// usage: node run.mjs TOOLS GRAFT VSIX PROJECT SHOTS    (SHOTS: folder for screenshots, and for the logs of a failure)
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VsCode, run, until } from './driver.mjs';

const [tools, graft, vsix, project, shots] = process.argv.slice(2);
const python = process.env.GRAFT_TEST_PYTHON ?? 'python3';
const write = (file, text) => writeFileSync(path.join(project, file), text);

// The check is a script of the project, so that a case can change what it does without a setting on its way.
const unittest = `exec ${python} -m unittest -q tests/test_stock.py\n`;
write('check.sh', unittest);
write('fresh.py', '');
write('next.py', 'total = s.get(1)\nfirst = s.get(2)\nrest = 3\nlast = s.get(4)');
rmSync(shots, { recursive: true, force: true });
const code = await VsCode.start({ tools, graft, vsix, project, settings: { 'graft.check.command': 'sh check.sh', 'graft.check.budget': 40 } });
const { page } = code;

let passed = 0, failed = 0;
// GRAFT_TEST_ONLY: run the cases whose names hold this text.
async function test(name, body) {
  if (!name.includes(process.env.GRAFT_TEST_ONLY ?? '')) return;
  const start = Date.now();
  try {
    await body();
    passed += 1;
    console.log(`ok   ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (problem) {
    failed += 1;
    const log = `failed-${failed}`;
    await code.diagnose(shots, log);
    console.log(`FAIL ${name}: ${problem.message}\n     screenshot and logs: ${shots}/${log}*`);
    await page.keyboard.press('Escape').catch(() => undefined);
  }
}
function equal(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

const faulty = code.read('stock.py');
const check = () => run(python, ['-m', 'unittest', '-q', 'tests/test_stock.py'], { cwd: project }).then(() => true, () => false);
const review = async () => {
  await until('the review', async () => (await code.tab('(verified)').count()) > 0, { timeout: 600_000 });
  await page.locator('.monaco-diff-editor .line-insert').first().waitFor();
};

const noReview = async () => (await page.locator('.tab', { hasText: '(verified)' }).count()) === 0;

await test('the plugin starts the server and says so in the status bar', async () => {
  await code.open('stock.py');
  await code.status('check');
});

await test('the outline comes from the server', async () => {
  const rows = page.locator('.quick-input-list .monaco-list-row');
  await until('the symbols', async () => (await rows.allTextContents()).some((text) => text.includes('take')), { act: async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+o');
  } });
  await page.keyboard.press('Escape');
});

await test('a new file shows ghost text; a word of it, then all of it is accepted; each is one undo step', async () => {
  await code.open('fresh.py');
  await page.locator('.editor-instance .view-lines').first().click();
  // Up to a place where the shipped model is sure of how the line goes on.
  const typed = 'class Node:\n    def __init__(self, value):\n        self.value = value\n\n    def __repr__';
  await page.keyboard.type(typed);
  const suggested = await code.ghost();
  await code.screenshot(path.join(shots, 'vscode-suggestion.png'));
  const is = (what, text) => until(what, async () => (await code.text()).split('\n').includes(text));
  const shown = `    def __repr__${suggested}`.split('\n')[0];
  await is('the ghost text in its line', shown);
  await page.keyboard.press('Control+ArrowRight');
  await code.save('fresh.py', (text) => text !== typed && text.startsWith(typed) && text.length < typed.length + suggested.length);
  equal(`${typed}${suggested}`.startsWith(code.read('fresh.py')), true, 'the accepted word begins the suggestion');
  const word = code.read('fresh.py');
  await code.ghost();
  await page.keyboard.press('Tab');
  await code.save('fresh.py', (text) => text === `${typed}${suggested}`);
  await page.keyboard.press('Control+z');
  await code.save('fresh.py', (text) => text === word);
  await page.keyboard.press('Control+z');
  await code.save('fresh.py', (text) => text === typed);
});

await test('after an edit the next place is marked; Tab goes there, Tab applies it, Esc takes the mark away', async () => {
  await code.open('next.py');
  await code.status('check'); // the server sees the edits
  const lines = ['total = s.get(1)', 'first = s.get(2)', 'rest = 3', 'last = s.get(4)'];
  await page.locator('.editor-instance .view-lines').first().click();
  await page.keyboard.press('Control+Home');
  const hint = (text) => until(`the hint ${text}`, async () => (await code.marks())[0] === text);
  equal((await code.marks()).length, 0, 'hints before an edit');
  for (let n = 0; n < 10; n += 1) await page.keyboard.press('ArrowRight'); // behind "total = s."
  for (let n = 0; n < 3; n += 1) await page.keyboard.press('Delete');
  await page.keyboard.type('fetch');
  await page.keyboard.press('Home'); // a suggestion at the cursor would have the key
  await hint('→ fetch (and 1 more)');
  await code.screenshot(path.join(shots, 'vscode-next-edit.png'));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await code.save('next.py', (text) => text === ['total = s.fetch(1)', 'first = s.fetch(2)', ...lines.slice(2)].join('\n'));
  await hint('→ fetch');
  // A suggestion at the cursor would have the key first: it is given again.
  await until('no hint', async () => (await code.marks()).length === 0, { act: () => page.keyboard.press('Escape') });
  await page.keyboard.press('Control+z');
  await code.save('next.py', (text) => text === ['total = s.fetch(1)', ...lines.slice(1)].join('\n'));
});

await test('Fix with Graft shows progress and a verified diff; applied, the check passes; undo takes it back', async () => {
  equal(await check(), false, 'the check before the repair');
  await code.open('stock.py');
  await code.command('Graft: Fix with Graft');
  await code.notified('running sh check.sh');
  await review();
  equal((await code.seen()).notifications.some((text) => /\d+ of 40 checks/.test(text)), true, 'progress was shown');
  await code.notified('The check failed without it and passes with it');
  await code.screenshot(path.join(shots, 'vscode-review.png'));
  equal(code.read('stock.py'), faulty, 'the file before it is accepted');
  await page.locator('.title-actions [aria-label*="Apply"], .editor-actions [aria-label*="Apply"]').first().click();
  await until('the file in the editor', async () => (await code.tab('stock.py').count()) > 0 && !(await code.tab('(verified)').count()));
  await until('the question gone', async () => !(await page.locator('.notifications-toasts .monaco-button', { hasText: 'Apply' }).isVisible()));
  await code.save('stock.py', (text) => text !== faulty);
  equal(await check(), true, 'the check after the repair');
  await page.keyboard.press('Control+z');
  await code.save('stock.py', (text) => text === faulty);
});

await test('the code action at the cursor leads to the same review; Reject changes nothing', async () => {
  await code.open('stock.py');
  await page.locator('.view-line', { hasText: 'raise' }).last().click();
  const action = page.locator('.action-widget .monaco-list-row', { hasText: 'Fix with Graft' });
  await until('the action in the menu', () => action.isVisible(), { act: async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+.');
  } });
  await action.click();
  await review();
  await until('the diff closed by its key', noReview, { act: () => page.keyboard.press('Control+Backspace') });
  equal(code.read('stock.py'), faulty, 'the file after Reject');
});

await test('Cancel ends a repair at once, and the check with it', async () => {
  const marker = '6173';
  const sleepers = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${marker}\0`; } catch { return false; }
  });
  write('check.sh', `sleep ${marker}\n`);
  await code.open('stock.py');
  await code.command('Graft: Fix with Graft');
  await until('the check to run', () => sleepers().length > 0);
  await code.status('beaker');
  await code.answer('Cancel');
  const cancel = page.locator('.notification-list-item .monaco-button', { hasText: 'Cancel' });
  // Far less than the check would take.
  await until('the progress gone', async () => (await cancel.count()) === 0, { timeout: 60_000 });
  await until('the check ended', () => sleepers().length === 0, { timeout: 60_000 });
  await code.status('check');
  write('check.sh', unittest);
});

await test('the menu of the status item turns suggestions off and on', async () => {
  const choose = async (label) => {
    const row = page.locator('.quick-input-list .monaco-list-row', { hasText: label });
    await until(`"${label}" in the menu`, () => row.isVisible(), { act: async () => {
      await page.keyboard.press('Escape');
      await page.locator('.statusbar-item[aria-label*="Graft"] a').first().click();
    } });
    await row.click();
  };
  await choose('Turn suggestions off');
  await code.status('circle-slash');
  await choose('Turn suggestions on');
  await code.status('check');
});

await test('unsaved files of the project are named and saved on request; those elsewhere do not matter', async () => {
  await code.command('Preferences: Open User Settings (JSON)');
  await until('the settings', async () => (await code.tab('settings.json').count()) > 0);
  await page.locator('.editor-instance .view-lines').first().click();
  await page.keyboard.type(' ');
  await page.locator('.tab.active.dirty').waitFor();
  await code.open('stock.py');
  await page.locator('.editor-instance .view-lines').first().click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('# the end');
  await page.locator('.tab.active.dirty').waitFor();
  await code.command('Graft: Fix with Graft');
  await code.notified('Not saved: stock.py.');
  await code.answer('Save and Go On');
  await until('the file on disk', () => code.read('stock.py').endsWith('# the end'));
  await review();
  await code.command('Graft: Reject');
  await until('the diff closed', noReview);
  equal(await page.locator('.tab.dirty', { hasText: 'settings.json' }).count(), 1, 'the settings are still unsaved');
  await page.locator('.tab', { hasText: 'settings.json' }).click();
  await page.keyboard.press('Control+z');
  await page.locator('.tab.dirty').waitFor({ state: 'detached' });
});

await test('without a check the code action asks which command should pass, and keeps the answer', async () => {
  code.configure({ 'graft.check.command': '' });
  write('stock.py', faulty);
  await code.open('stock.py');
  await page.locator('.view-line', { hasText: 'raise' }).last().click();
  const question = page.locator('.quick-input-widget:visible', { hasText: 'Which command should pass?' });
  const action = page.locator('.action-widget .monaco-list-row', { hasText: 'Fix with Graft' });
  await until('the question', () => question.isVisible(), { act: async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+.');
    await action.click();
  } });
  await question.locator('input').fill('sh ./check.sh');
  await page.keyboard.press('Enter');
  await code.notified('running sh ./check.sh');
  await review();
  await code.command('Graft: Reject');
  await until('the diff closed', noReview);
});

await test('a program that is not there is named in one message, and a right setting starts the server', async () => {
  code.configure({ 'graft.server.path': '/nowhere/graft' });
  await code.notified('the program "/nowhere/graft" was not found');
  await code.status('error');
  equal((await code.seen()).notifications.filter((text) => text.includes('create connection')).length, 0, 'messages of the client library');
  code.configure({ 'graft.server.path': code.graft });
  await code.status('check');
});

await test('when the editor ends, the server ends', async () => {
  const pids = await code.stop();
  equal(pids.length >= 2, true, 'servers were started'); // before and after the restart
});

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
