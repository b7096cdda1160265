// SPDX-License-Identifier: Apache-2.0
// Pictures of the real VS Code for the documentation. usage: node vscode.mjs TOOLS GRAFT VSIX PROJECT SHOTS
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { VsCode, until } from '../vscode/driver.mjs';

const [tools, graft, vsix, project, shots] = process.argv.slice(2);
// What is typed before the suggestion, and, after the mark, how the suggestion is to begin: a line that the shipped model is sure of.
const [scene, expected] = readFileSync(path.join(project, '.scene'), 'utf8').trimEnd().split('[[');
const kSoon = 60_000; // ms: what a model is not sure of never comes
const code = await VsCode.start({
  tools, graft, vsix, project, viewport: { width: 1040, height: 600 }, scale: 1.25,
  settings: {
    'workbench.colorTheme': 'Default Dark Modern', 'editor.fontSize': 14, 'workbench.layoutControl.enabled': false,
    'window.commandCenter': false, 'editor.scrollbar.vertical': 'hidden', 'editor.scrollbar.horizontal': 'hidden',
    'editor.overviewRulerBorder': false, 'editor.stickyScroll.enabled': false, 'editor.renderLineHighlight': 'none', 'outline.collapseItems': 'alwaysCollapse',
    'files.exclude': { '.*': true, '**/__pycache__': true }, 'editor.cursorBlinking': 'solid', 'diffEditor.renderSideBySide': false,
    'graft.check.command': 'python3 -m unittest -q tests/test_stock.py', 'graft.check.budget': 40,
  },
});
const { page } = code;
const shot = (name) => code.screenshot(path.join(shots, `${name}.png`));
try {
  await code.open('stock.py');
  await code.status('check');
  await page.keyboard.press('Control+b'); // the side bar
  await code.command('Graft: Fix with Graft');
  await page.locator('.notification-list-item-message', { hasText: /[1-9] of 40 checks/ }).waitFor();
  await shot('vscode-progress');
  await until('the review', async () => (await code.tab('(verified)').count()) > 0, { timeout: 600_000 });
  await page.locator('.monaco-diff-editor .line-insert').first().waitFor();
  await page.locator('.notification-list-item .monaco-button', { hasText: 'Apply' }).waitFor();
  await shot('vscode-review');
  await page.keyboard.press('Control+Enter');
  await until('the repaired file', async () => (await code.tab('stock.py').count()) > 0 && !(await code.tab('(verified)').count()));
  await code.save('stock.py', (text) => text.includes('amount > self'));
  // The next edit: a parameter gets another name where it is declared.
  const head = page.locator('.view-line', { hasText: 'def take' });
  await head.click();
  await page.keyboard.press('End');
  for (let n = 0; n < '):'.length; n += 1) await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Control+Shift+ArrowLeft');
  await page.keyboard.type('pieces');
  await page.keyboard.press('Home'); // a suggestion at the cursor would stand beside the mark
  await until('the mark of the next edit', async () => (await code.marks()).some((text) => /pieces \(and \d+ more\)/.test(text)), { timeout: kSoon });
  await page.mouse.move(500, 560);
  await shot('vscode-next-edit');
  await until('the old name again', async () => !(await code.text()).includes('pieces):'), { act: () => page.keyboard.press('Control+z') });

  await page.keyboard.press('Control+End');
  await page.keyboard.type(scene);
  const suggested = await code.ghost({ timeout: kSoon });
  if (!suggested.trim().startsWith(expected)) throw new Error(`the suggestion is "${suggested}", not "${expected}...": another end for scene.txt?`);
  await page.mouse.move(500, 560);
  await shot('vscode-suggestion');
} catch (problem) {
  await code.diagnose(path.join(tools, '..', 'failed-screenshots'), 'vscode');
  throw problem;
} finally {
  await code.stop();
}
