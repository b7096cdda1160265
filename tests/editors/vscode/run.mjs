// SPDX-License-Identifier: Apache-2.0
// The end-to-end test in a real VS Code: code-server with the packaged plugin, driven in Chromium as a person would.
// usage: node run.mjs TOOLS GRAFT VSIX PROJECT SHOTS    (SHOTS: folder for screenshots)
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const [tools, graft, vsix, project, shots] = process.argv.slice(2);
const require = createRequire(path.join(tools, 'package.json'));
const { chromium } = require('playwright-core');

const scratch = mkdtempSync(path.join(tmpdir(), 'graft-vscode-'));
mkdirSync(shots, { recursive: true });
const kWait = 120_000; // machines are busy; no step takes this long on a quiet one
const python = process.env.GRAFT_TEST_PYTHON ?? 'python3';

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const run = (args) => new Promise((resolve, reject) => {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  child.on('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code}: ${output}`))));
});

async function until(what, condition, timeout = kWait) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const entry = path.join(tools, 'node_modules/code-server/out/node/entry.js');
const data = path.join(scratch, 'data');
const common = ['--user-data-dir', data, '--extensions-dir', path.join(scratch, 'extensions'), '--config', path.join(scratch, 'config.yaml')];
writeFileSync(path.join(scratch, 'config.yaml'), 'auth: none\n');
const settings = JSON.stringify({
  'security.workspace.trust.enabled': false, 'workbench.startupEditor': 'none', 'telemetry.telemetryLevel': 'off',
  'extensions.autoUpdate': false, 'extensions.autoCheckUpdates': false, 'chat.disableAIFeatures': true, 'editor.minimap.enabled': false,
  'editor.inlineSuggest.minShowDelay': 0, 'editor.quickSuggestions': { other: 'off' }, 'files.autoSave': 'off',
  'graft.server.path': graft, 'graft.check.command': `${python} -m unittest -q tests/test_stock.py`, 'graft.check.budget': 40,
  'graft.model.path': process.env.GRAFT_TEST_MODEL ?? '',
});
// For code-server this machine is a remote one: settings that name programs of a machine are read from Machine only.
for (const place of ['User', 'Machine']) {
  mkdirSync(path.join(data, place), { recursive: true });
  writeFileSync(path.join(data, place, 'settings.json'), settings);
}
await run([entry, ...common, '--install-extension', vsix]);

const port = await freePort();
const server = spawn(process.execPath, [entry, ...common, '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--disable-telemetry',
  '--disable-update-check', '--disable-workspace-trust', project], { stdio: 'ignore' });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
  '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });

let passed = 0, failed = 0, number = 0;
const shot = (name) => page.screenshot({ path: path.join(shots, `${name}.png`) });
async function test(name, body) {
  number += 1;
  try {
    await body();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (problem) {
    failed += 1;
    console.log(`FAIL ${name}: ${problem.message}`);
    await shot(`failed-${number}`).catch(() => undefined);
  }
}

async function command(title) {
  await page.keyboard.press('F1');
  const input = page.locator('.quick-input-widget input').first();
  await input.waitFor({ timeout: kWait });
  await input.fill(`>${title}`);
  await page.locator('.quick-input-list .monaco-list-row').first().waitFor({ timeout: kWait });
  await page.keyboard.press('Enter');
}
async function openFile(name) {
  await page.locator('.explorer-folders-view .monaco-list-row', { hasText: name }).first().dblclick({ timeout: kWait });
  await page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor({ timeout: kWait });
}
// Monaco draws blanks as no-break spaces.
const plain = (text) => text.replaceAll('\u00a0', ' ');
const lines = async () => (await page.locator('.editor-instance .view-lines .view-line').allTextContents()).map(plain);

try {
  await until('the server to answer', () => fetch(`http://127.0.0.1:${port}/healthz`).then((r) => r.ok, () => false));
  await page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(project)}`);
  await page.locator('.monaco-workbench').waitFor({ timeout: kWait });

  await test('the plugin starts the server and says so in the status bar', async () => {
    await openFile('stock.py');
    await page.locator('.statusbar-item[aria-label*="Graft"]').first().waitFor({ timeout: kWait });
    await until('a ready server', async () => (await page.locator('.statusbar-item[aria-label*="Graft"] .codicon-check').count()) > 0);
  });

  await test('the outline comes from the server', async () => {
    await command('Go to Symbol in Editor');
    const rows = page.locator('.quick-input-list .monaco-list-row');
    await until('the symbols', async () => (await rows.allTextContents()).some((text) => text.includes('take')));
    await page.keyboard.press('Escape');
  });

  await test('a new file shows ghost text and Tab accepts it', async () => {
    writeFileSync(path.join(project, 'fresh.py'), '');
    await openFile('fresh.py');
    await page.locator('.editor-instance .view-lines').first().click();
    // Up to a place where the shipped model is sure of how the line goes on. Auto-indent writes the leading blanks.
    await page.keyboard.type('class Node:\ndef __init__(self, value):\nself.value = value\n');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.type('def __repr__');
    const ghost = page.locator('.ghost-text-decoration, .ghost-text').first();
    await ghost.waitFor({ timeout: kWait });
    const suggested = plain(await ghost.textContent());
    await shot('vscode-suggestion');
    await page.keyboard.press('Tab');
    await until('the suggestion in the text', async () => (await lines()).some((line) => line.includes(`def __repr__${suggested.split('\n')[0]}`)));
    await page.keyboard.press('Control+s');
    await until('the file on disk', () => readFileSync(path.join(project, 'fresh.py'), 'utf8').includes(`def __repr__${suggested.split('\n')[0]}`));
  });

  await test('Fix with Graft shows a verified diff, Apply changes the file, undo takes it back', async () => {
    await openFile('stock.py');
    const before = readFileSync(path.join(project, 'stock.py'), 'utf8');
    await command('Graft: Fix with Graft');
    const progress = page.locator('.notification-list-item', { hasText: 'Graft' }).first();
    await progress.waitFor({ timeout: kWait });
    await shot('vscode-progress');
    await page.locator('.tab.active', { hasText: '(verified)' }).waitFor({ timeout: 240_000 });
    const apply = page.locator('.notification-list-item .monaco-button', { hasText: 'Apply' }).first();
    await apply.waitFor({ timeout: kWait });
    await page.locator('.diffEditor .line-insert, .monaco-diff-editor .line-insert').first().waitFor({ timeout: kWait });
    await shot('vscode-review');
    await apply.click();
    await page.locator('.tab.active[data-resource-name="stock.py"]').waitFor({ timeout: kWait });
    await until('the edit in the editor', async () => !(await lines()).join('\n').includes('amount >= self'));
    await page.keyboard.press('Control+s');
    await until('the edit on disk', () => readFileSync(path.join(project, 'stock.py'), 'utf8') !== before);
    await shot('vscode-applied');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+s');
    await until('the old text on disk', () => readFileSync(path.join(project, 'stock.py'), 'utf8') === before);
  });
} finally {
  await browser.close();
  server.kill();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
