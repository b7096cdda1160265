// SPDX-License-Identifier: Apache-2.0
// A real VS Code for tests and screenshots: code-server with the packaged plugin, driven in Chromium as a person would.
//
// Nothing here sleeps for a fixed time. Every wait is for something that can be seen (text in the page, a file, a process), with a
// limit that only a machine in trouble reaches. What is seen only for a moment (progress, status) is recorded by an observer in the
// page, so that no wait depends on looking at the right time.
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const kWait = Number(process.env.GRAFT_TEST_WAIT_MS ?? 180_000); // the limit of an ordinary wait
const kAskAgain = 15_000;   // ms after which a key or click that showed no effect is given again
const kEvery = 100;         // ms between looks

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `condition` gives something true and returns it. `act` runs at the start and again at each kAskAgain. */
export async function until(what, condition, { timeout = kWait, act } = {}) {
  const end = Date.now() + timeout;
  let acted = 0;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`did not happen within ${timeout / 1000} s: ${what}`);
    if (act && Date.now() - acted > kAskAgain) {
      await act();
      acted = Date.now();
    }
    await pause(kEvery);
  }
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const alive = (pid) => existsSync(`/proc/${pid}`) && !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** Runs a program to its end; its output, or an Error with it. */
export const run = (program, args, options = {}) => new Promise((resolve, reject) => {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  child.on('error', reject);
  child.on('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program}: exit ${code}: ${output}`))));
});

// In the page: remembers every text of a notification and of Graft's status item, in order, each once.
function recordTexts() {
  const seen = { notifications: [], status: [] };
  window.graftSeen = seen;
  const note = (list, text) => { if (text && !list.includes(text)) list.push(text); };
  new MutationObserver(() => {
    for (const item of document.querySelectorAll('.notification-list-item-message')) note(seen.notifications, item.textContent);
    for (const item of document.querySelectorAll('.statusbar-item[aria-label*="Graft"]')) note(seen.status, item.getAttribute('aria-label'));
  }).observe(document, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ['aria-label'] });
}

export class VsCode {
  /**
   * tools: folder of get-vscode; graft: the program; vsix: the packaged plugin; project: folder to open;
   * settings: over the quiet defaults; viewport: { width, height }; scale: device pixels per CSS pixel.
   */
  static async start({ tools, graft, vsix, project, settings = {}, viewport = { width: 1280, height: 800 }, scale = 1 }) {
    const code = new VsCode();
    code.scratch = mkdtempSync(path.join(tmpdir(), 'graft-vscode-'));
    code.project = project;
    try {
      await code.launch(tools, graft, vsix, settings, viewport, scale);
    } catch (problem) {
      await code.stop();
      throw problem;
    }
    return code;
  }

  async launch(tools, graft, vsix, settings, viewport, scale) {
    const at = (name) => path.join(this.scratch, name);
    // The server in a wrapper: its messages go to a file, its process number is known.
    this.graft = at('graft');
    writeFileSync(this.graft, `#!/bin/sh\necho $$ >>'${at('pids')}'\nexec '${graft}' "$@" 2>>'${at('graft.log')}'\n`, { mode: 0o755 });
    writeFileSync(at('config.yaml'), 'auth: none\n');
    this.settings = {
      'security.workspace.trust.enabled': false, 'workbench.startupEditor': 'none', 'telemetry.telemetryLevel': 'off',
      'extensions.autoUpdate': false, 'extensions.autoCheckUpdates': false, 'extensions.ignoreRecommendations': true,
      'chat.disableAIFeatures': true, 'workbench.secondarySideBar.defaultVisibility': 'hidden',
      'workbench.reduceMotion': 'on', 'workbench.editor.useModal': 'off',
      'editor.minimap.enabled': false, 'editor.inlineSuggest.minShowDelay': 0, 'editor.quickSuggestions': { other: 'off' },
      'editor.accessibilitySupport': 'off', 'git.enabled': false, 'files.autoSave': 'off', 'workbench.tips.enabled': false,
      // Keys arrive in the text as they are written in the test.
      'editor.autoIndent': 'none', 'editor.autoClosingBrackets': 'never', 'editor.autoClosingQuotes': 'never',
      'graft.server.path': this.graft, 'graft.model.path': process.env.GRAFT_TEST_MODEL ?? '', ...settings,
    };
    this.configure({});
    const entry = path.join(tools, 'node_modules/code-server/out/node/entry.js');
    const common = ['--user-data-dir', at('data'), '--extensions-dir', at('extensions'), '--config', at('config.yaml')];
    await run(process.execPath, [entry, ...common, '--install-extension', vsix]);

    const port = await freePort();
    const log = openSync(at('server.log'), 'w');
    this.server = spawn(process.execPath, [entry, ...common, '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--disable-telemetry',
      '--disable-update-check', '--disable-workspace-trust', this.project], { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    await until('code-server to answer', () => fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.ok, () => false));

    const { chromium } = createRequire(path.join(tools, 'package.json'))('playwright-core');
    this.browser = await chromium.launch({
      executablePath: '/usr/bin/chromium', timeout: kWait,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    this.page = await this.browser.newPage({ viewport, deviceScaleFactor: scale, reducedMotion: 'reduce' });
    this.page.setDefaultTimeout(kWait);
    this.page.on('console', (message) => appendFileSync(at('console.log'), `${message.type()}: ${message.text()}\n`));
    this.page.on('pageerror', (problem) => appendFileSync(at('console.log'), `page error: ${problem.stack}\n`));
    await this.page.addInitScript(recordTexts);
    await this.page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(this.project)}`);
    await this.page.locator('.monaco-workbench .explorer-folders-view .monaco-list-row').first().waitFor();
  }

  /** Writes changed settings; VS Code takes them up by itself. */
  configure(changes) {
    Object.assign(this.settings, changes);
    // For code-server this machine is a remote one: settings that name programs of a machine are read from Machine only.
    for (const place of ['User', 'Machine']) {
      mkdirSync(path.join(this.scratch, 'data', place), { recursive: true });
      writeFileSync(path.join(this.scratch, 'data', place, 'settings.json'), JSON.stringify(this.settings));
    }
  }

  read(file) { return readFileSync(path.join(this.project, file), 'utf8'); }

  /** Every notification and every state of the status item so far. */
  seen() { return this.page.evaluate(() => window.graftSeen); }
  async notified(text) {
    return until(`a notification with "${text}"`, async () => (await this.seen()).notifications.find((one) => one.includes(text)), { timeout: 600_000 });
  }

  /** Waits for the icon of Graft's status item: check, beaker, warning, error, circle-slash. */
  async status(icon) {
    const item = this.page.locator(`.statusbar-item[aria-label*="Graft"] .codicon-${icon}`);
    await until(`the status item with ${icon}`, async () => (await item.count()) > 0);
  }

  /** Runs a command by its full title through the command palette. */
  async command(title) {
    const input = this.page.locator('.quick-input-widget:visible input').first();
    await until('the command palette', () => input.isVisible(), { act: () => this.page.keyboard.press('F1') });
    await input.fill(`>${title}`);
    const row = this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: title });
    await until(`"${title}" in the palette`, () => row.isVisible());
    await this.page.keyboard.press('Enter');
    await until('the palette closed', async () => !(await row.isVisible()));
  }

  /** Presses a button of a notification; one that has hidden itself is fetched from the notification centre. */
  async answer(label) {
    const button = this.page.locator('.notification-list-item .monaco-button:visible', { hasText: label }).first();
    await until(`"${label}" pressed`, async () => {
      if (await button.click({ timeout: 10_000 }).then(() => true, () => false)) return true;
      await this.command('Notifications: Show Notifications');
      return false;
    });
  }

  tab(name) { return this.page.locator('.tab.active', { hasText: name }); }

  async open(name) {
    const row = this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name }).first();
    await row.waitFor();
    await until(`${name} in the editor`, async () => (await this.tab(name).count()) > 0 && !(await this.tab('Graft:').count()), { act: () => row.dblclick() });
    await until(`the text of ${name}`, async () => this.text().then((text) => text.trim() !== '' || this.read(name) === ''));
  }

  /** What the active editor shows. Monaco draws blanks as no-break spaces. */
  async text() {
    const drawn = await this.page.evaluate(() => [...document.querySelectorAll('.editor-instance .view-lines')].map((view) =>
      [...view.querySelectorAll('.view-line')].sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
        .map((line) => line.textContent).join('\n')).join('\n'));
    return drawn.replaceAll('\u00a0', ' ');
  }

  /** The ghost text, once it has settled: the same at two looks while the server rests. */
  async ghost({ timeout = kWait } = {}) {
    const ghost = this.page.locator('.ghost-text-decoration, .ghost-text');
    let last;
    return until('ghost text', async () => {
      const now = (await ghost.count()) > 0 ? (await ghost.allTextContents()).join('').replaceAll('\u00a0', ' ') : undefined;
      const settled = now && now === last;
      last = now;
      return settled ? now : undefined;
    }, { timeout });
  }

  /** What stands behind lines about the next edit: "→ fetch (and 1 more)". */
  async marks() {
    const drawn = await this.page.evaluate(() => [...document.querySelectorAll('.editor-instance .view-line span')]
      .map((span) => getComputedStyle(span, '::after').content.replace(/^"|"$/g, '')).filter((text) => text.startsWith('→')));
    return drawn.map((text) => text.replaceAll('\u00a0', ' '));
  }

  async save(file, condition) {
    await until(`${file} on disk`, () => condition(this.read(file)), { act: () => this.page.keyboard.press('Control+s') });
  }

  screenshot(file) { return this.page.screenshot({ path: file }); }

  /** Everything that helps to understand a failure, into `folder`. */
  async diagnose(folder, name) {
    mkdirSync(folder, { recursive: true });
    const file = (end) => path.join(folder, `${name}${end}`);
    if (this.page) {
      await this.screenshot(file('.png')).catch(() => undefined);
      const state = { seen: await this.seen().catch(String), text: await this.text().catch(String) };
      writeFileSync(file('.json'), JSON.stringify(state, null, 2));
    }
    for (const log of ['graft.log', 'server.log', 'console.log']) {
      if (existsSync(path.join(this.scratch, log))) cpSync(path.join(this.scratch, log), file(`-${log}`));
    }
  }

  /** Ends the browser and code-server, and gives the graft servers that were started for them. */
  async stop() {
    await this.browser?.close().catch(() => undefined);
    if (this.server) {
      const ended = new Promise((resolve) => { this.server.once('exit', resolve); });
      if (this.server.exitCode === null && this.server.kill()) await Promise.race([ended, pause(20_000)]);
    }
    const pids = existsSync(path.join(this.scratch, 'pids')) ? readFileSync(path.join(this.scratch, 'pids'), 'utf8').split('\n').filter(Boolean) : [];
    let left = pids;
    const problem = await until('every graft process to end', () => (left = pids.filter(alive)).length === 0, { timeout: 60_000 }).then(() => undefined, (e) => e);
    if (this.server) try { process.kill(-this.server.pid, 'SIGKILL'); } catch { /* the group has ended */ }
    rmSync(this.scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    if (problem) throw new Error(`${problem.message}: ${left.join(' ')}`);
    return pids;
  }
}
