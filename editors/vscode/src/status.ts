// SPDX-License-Identifier: Apache-2.0
// Status bar item: whether the server runs and what it is doing. A click opens the menu of everything Graft does.
import * as vscode from 'vscode';
import { State } from 'vscode-languageclient/node';
import { GraftClient } from './client';
import { StatusParams } from './protocol';

const icons: Record<StatusParams['phase'], string> = {
  idle: '$(check)', loading: '$(loading~spin)', generating: '$(loading~spin)', fixing: '$(beaker)', failed: '$(warning)',
};

/** A suggestion takes some 50 ms: a spinner at every keystroke would only flicker. */
const spinnerDelayMs = 400;

const enabled = (): boolean => vscode.workspace.getConfiguration('graft').get<boolean>('completion.enabled', true);

interface Entry extends vscode.QuickPickItem {
  readonly command: string;
  readonly argument?: string;
}

async function menu(): Promise<void> {
  const entries: Entry[] = [
    { label: '$(beaker) Fix with Graft', description: 'repair until the check passes', command: 'graft.runFix' },
    { label: `$(edit) Turn suggestions ${enabled() ? 'off' : 'on'}`, command: 'graft.toggleSuggestions' },
    { label: '$(settings-gear) Settings', command: 'workbench.action.openSettings', argument: '@ext:graft.graft' },
    { label: '$(output) Show output', command: 'graft.showOutput' },
    { label: '$(debug-restart) Restart the server', command: 'graft.restart' },
  ];
  const chosen = await vscode.window.showQuickPick(entries, { title: 'Graft' });
  if (chosen) await vscode.commands.executeCommand(chosen.command, ...(chosen.argument === undefined ? [] : [chosen.argument]));
}

/** Shows the item; disposing the result removes it and every listener. */
export function activateStatus(client: GraftClient): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('graft.status', vscode.StatusBarAlignment.Right, 90);
  item.name = 'Graft';
  item.command = 'graft.menu';
  let spinner: NodeJS.Timeout | undefined;
  let render = (): void => undefined;
  const show = (icon: string, text: string, warn = false): void => {
    clearTimeout(spinner);
    render = () => {
      const off = icon === icons.idle && !enabled();
      item.text = `${off ? '$(circle-slash)' : icon} Graft`;
      item.tooltip = `Graft: ${off ? `${text}; suggestions are off` : text}`;
      item.backgroundColor = warn ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
      item.show();
    };
    render();
  };
  const onStatus = ({ phase, detail }: StatusParams): void => {
    if (phase === 'generating') {
      clearTimeout(spinner);
      spinner = setTimeout(() => show(icons.generating, 'writing a suggestion'), spinnerDelayMs);
    } else show(icons[phase] ?? icons.idle, phase === 'idle' ? 'ready' : detail || phase, phase === 'failed');
  };
  const onState = (state: State): void => {
    if (state === State.Starting) show('$(loading~spin)', 'starting');
    else if (state === State.Running) show(icons.idle, 'ready');
    else show('$(error)', 'the server is not running', true);
  };
  show('$(loading~spin)', 'starting');
  return vscode.Disposable.from(
    item,
    client.onStateChanged(onState),
    client.onStatus(onStatus),
    vscode.commands.registerCommand('graft.menu', menu),
    vscode.workspace.onDidChangeConfiguration((change) => { if (change.affectsConfiguration('graft.completion.enabled')) render(); }),
    { dispose: () => clearTimeout(spinner) },
  );
}
