// SPDX-License-Identifier: Apache-2.0
// Pictures of real terminal programs for the documentation: they run in tmux, what tmux holds is drawn by Chromium.
// usage: node terminal.mjs nvim|terminal TOOLS ROOT PROJECT SHOTS
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { run, until } from '../vscode/driver.mjs';

const [subject, tools, root, project, shots] = process.argv.slice(2);
const { chromium } = createRequire(path.join(tools, 'vscode', 'package.json'))('playwright-core');
const check = 'python3 -m unittest -q tests/test_stock.py';

const kSoon = 60_000; // ms: what a model is not sure of never comes
const socket = `graft-screenshots-${process.pid}`;
const ended = []; // what to do at the end
const tmux = (...args) => run('tmux', ['-L', socket, '-f', '/dev/null', ...args], { cwd: project });
const keys = (...args) => tmux('send-keys', '-t', 'shot', ...args);
const screen = (...more) => tmux('capture-pane', '-p', '-t', 'shot', ...more);
const shows = (what, text) => until(what, async () => (await screen()).includes(text), { timeout: 90_000 });

// SGR (ECMA-48, 8.3.117) as tmux writes it: the 16 named colours, 256, and RGB; bold, faint, italic, underline, reverse.
const named = ['#1e1e1e', '#f14c4c', '#4ec97b', '#e5c07b', '#6cb6ff', '#d08ae0', '#4fc1c9', '#d4d4d4',
  '#7f848e', '#ff6b6b', '#6fe09a', '#f3d58a', '#8fc7ff', '#e2a9ef', '#7adbe2', '#ffffff'];
const kBack = '#14161b', kFore = '#e0e2ea'; // Neovim's own
const cube = (n) => (n < 16 ? named[n] : n < 232
  ? `rgb(${[36, 6, 1].map((step) => [0, 95, 135, 175, 215, 255][Math.floor((n - 16) / step) % 6]).join(',')})`
  : `rgb(${Array(3).fill(8 + (n - 232) * 10).join(',')})`);

function sgr(style, numbers) {
  const rest = numbers.length === 0 ? [0] : [...numbers];
  while (rest.length > 0) {
    const n = rest.shift();
    if (n === 0) for (const key of Object.keys(style)) delete style[key];
    else if (n === 1) style.bold = true;
    else if (n === 2) style.faint = true;
    else if (n === 3) style.italic = true;
    else if (n === 4) style.underline = true;
    else if (n === 7) style.reverse = true;
    else if (n === 22) delete style.bold, delete style.faint;
    else if (n === 23) delete style.italic;
    else if (n === 24) delete style.underline;
    else if (n === 27) delete style.reverse;
    else if (n === 39) delete style.fore;
    else if (n === 49) delete style.back;
    else if (n >= 30 && n <= 37) style.fore = named[n - 30];
    else if (n >= 90 && n <= 97) style.fore = named[n - 82];
    else if (n >= 40 && n <= 47) style.back = named[n - 40];
    else if (n >= 100 && n <= 107) style.back = named[n - 92];
    else if (n === 38 || n === 48) {
      const colour = rest.shift() === 5 ? cube(rest.shift()) : `rgb(${rest.splice(0, 3).join(',')})`;
      if (n === 38) style.fore = colour;
      else style.back = colour;
    }
  }
}

const escape = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);

function span(text, style) {
  let [fore, back] = [style.fore ?? kFore, style.back];
  if (style.reverse) [fore, back] = [back ?? kBack, fore];
  const css = [`color:${fore}`, back && `background:${back}`, style.bold && 'font-weight:bold', style.faint && 'opacity:.65',
    style.italic && 'font-style:italic', style.underline && 'text-decoration:underline'].filter(Boolean).join(';');
  return `<span style="${css}">${escape(text)}</span>`;
}

function html(captured, cursor, title) {
  const style = {};
  const lines = captured.replace(/\n$/, '').split('\n').map((line, row) => {
    let drawn = '', column = 0;
    for (const part of line.split(/(\x1b\[[0-9;:]*m)/)) {
      const code = /^\x1b\[([0-9;:]*)m$/.exec(part);
      if (code) { sgr(style, code[1].split(/[;:]/).filter(Boolean).map(Number)); continue; }
      const chars = [...part];
      const at = cursor && row === cursor.row ? cursor.column - column : -1;
      if (at >= 0 && at < chars.length) {
        drawn += span(chars.slice(0, at).join(''), style) + `<i class="cursor"></i>` + span(chars.slice(at).join(''), style);
      } else if (part !== '') drawn += span(part, style);
      column += chars.length;
    }
    return drawn;
  });
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: ${kBack}; display: inline-block }
    header { font: 13px "DejaVu Sans", sans-serif; color: #9aa0a6; background: #26272c; padding: 7px 12px; text-align: center; position: relative }
    header b { position: absolute; left: 12px; top: 9px; width: 11px; height: 11px; border-radius: 50%; background: #f14c4c;
      box-shadow: 18px 0 #e5c07b, 36px 0 #4ec97b }
    pre { margin: 0; padding: 10px 14px; font: 14px/17px "DejaVu Sans Mono", monospace; background: ${kBack} }
    span { display: inline-block; height: 17px; vertical-align: top }
    .cursor { display: inline-block; width: 0; height: 15px; outline: 1px solid #fff; vertical-align: top; margin-top: 1px }
  </style><body><header><b></b>${escape(title)}</header><pre>${lines.join('\n')}</pre>`;
}

async function shot(name, title, { withCursor = false } = {}) {
  const captured = await screen('-e', '-N');
  const at = (await tmux('display-message', '-p', '-t', 'shot', '#{cursor_y} #{cursor_x}')).trim().split(' ').map(Number);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage({ deviceScaleFactor: 1.25 });
    await page.setContent(html(captured, withCursor ? { row: at[0], column: at[1] } : undefined, title));
    await page.locator('body').screenshot({ path: path.join(shots, `${name}.png`) });
  } finally {
    await browser.close();
  }
}

const start = (columns, rows, command) => tmux('new-session', '-d', '-s', 'shot', '-x', String(columns), '-y', String(rows),
  '-e', 'COLORTERM=truecolor', ...command, ';', 'set', '-g', 'status', 'off', ';', 'set', '-g', 'default-terminal', 'tmux-256color', ';',
  'set', '-g', 'escape-time', '0');

async function neovim() {
  // What is typed before the suggestion, and how the suggestion is to begin.
  const [scene, expected] = readFileSync(path.join(project, '.scene'), 'utf8').trimEnd().split('[[');
  // A server and a terminal for it: this Neovim runs under a loader of its own, so it cannot start its server itself.
  const nvim = path.join(tools, 'nvim-sid/bin/nvim'), at = path.join(project, '.nvim');
  const server = spawn(nvim, ['--headless', '--listen', at, '--clean', '-u', path.join(root, 'tests/editors/screenshots/init.lua'), 'stock.py'],
    { cwd: project, stdio: 'ignore' });
  ended.push(() => server.kill());
  await until('the server', () => existsSync(at));
  await start(100, 30, [nvim, '--server', at, '--remote-ui']);
  await shows('the server', 'graft');
  await keys(':Graft fix', 'Enter');
  await until('progress', async () => /[1-9] of 40 checks/.test(await screen()), { timeout: 90_000 });
  await shot('nvim-progress', 'nvim stock.py');
  await shows('the review', '+        if amount > self');
  await shot('nvim-review', 'nvim stock.py');
  await keys('a');
  await until('the repaired file', async () => !(await screen()).includes('verified fix'));
  await keys(':silent write', 'Enter');

  // The next edit: a parameter gets another name where it is declared.
  await keys('gg', '/def take', 'Enter', '/amount', 'Enter', 'cw');
  await keys('-l', 'pieces');
  await keys('Escape');
  await until('the mark of the next edit', async () => /pieces \(and \d+ more\)/.test(await screen()), { timeout: kSoon });
  await keys(':nohlsearch | echo', 'Enter');
  await shot('nvim-next-edit', 'nvim stock.py', { withCursor: true });
  await keys('u');
  await until('the old name again', async () => !(await screen()).includes('pieces):'), { timeout: kSoon });

  await keys(':echo', 'Enter', 'G', 'o');
  for (const [number, line] of scene.split('\n').entries()) {
    if (number > 0) await keys('Enter');
    if (line !== '') await keys('-l', line);
  }
  const typed = scene.slice(scene.lastIndexOf('\n') + 1).trim();
  // In the last line of the file: others may read alike.
  const last = async () => (await screen()).split('\n').filter((line) => /^ *\d+ /.test(line)).at(-1) ?? '';
  await until(`the suggestion "${expected}"`, async () => (await last()).includes(`${typed} ${expected}`), { timeout: kSoon });
  await shot('nvim-suggestion', 'nvim stock.py', { withCursor: true });
}

async function terminal() {
  await start(92, 31, ['bash', '--norc', '--noprofile']);
  await keys("PS1='\\[\\e[32m\\]stock\\[\\e[0m\\] $ '; clear", 'Enter');
  await shows('the prompt', 'stock $');
  await keys('-l', `graft fix --check "${check}" --apply`);
  await keys('Enter');
  await until('the end', async () => (await screen()).split('stock $').length === 3, { timeout: 90_000 });
  await keys('-l', check);
  await keys('Enter');
  await until('the check', async () => (await screen()).split('stock $').length === 4, { timeout: 90_000 });
  await shot('graft-fix', 'graft fix');
}

try {
  await (subject === 'nvim' ? neovim() : terminal());
} catch (problem) {
  console.error(await screen().catch(String));
  throw problem;
} finally {
  await tmux('kill-server').catch(() => undefined);
  for (const end of ended) end();
}
