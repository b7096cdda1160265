// SPDX-License-Identifier: Apache-2.0
// Status bar item: whether the server runs and what it is doing.
import * as vscode from 'vscode';
import { State } from 'vscode-languageclient/node';
import { GraftClient } from './client';
import { statusChanged, StatusParams } from './protocol';

const icons: Record<StatusParams['phase'], string> = {
  idle: '$(check)', loading: '$(loading~spin)', generating: '$(loading~spin)', fixing: '$(beaker)', failed: '$(warning)',
};

/** Shows the item; disposing the result removes it and every listener. */
export function activateStatus(client: GraftClient): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('graft.status', vscode.StatusBarAlignment.Right, 90);
  item.name = 'Graft';
  item.command = 'graft.showOutput';
  const show = (icon: string, tooltip: string): void => {
    item.text = `${icon} Graft`;
    item.tooltip = tooltip;
    item.show();
  };
  let listener: vscode.Disposable | undefined;
  const onState = (state: State): void => {
    listener?.dispose();
    listener = undefined;
    if (state === State.Starting) show('$(loading~spin)', 'Graft: starting');
    else if (state !== State.Running) show('$(circle-slash)', 'Graft: the server is not running');
    else {
      show('$(check)', 'Graft: ready');
      listener = client.running?.onNotification(statusChanged, ({ phase, detail }) =>
        show(icons[phase] ?? '$(check)', `Graft: ${detail || phase}`));
    }
  };
  show('$(loading~spin)', 'Graft: starting');
  return vscode.Disposable.from(item, client.onStateChanged(onState), { dispose: () => listener?.dispose() });
}
