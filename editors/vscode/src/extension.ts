// SPDX-License-Identifier: Apache-2.0
// Entry point: puts the parts together. Each part is a module that returns what disposes it.
import * as vscode from 'vscode';
import { GraftClient } from './client';
import { activateFix } from './fix';
import { activateNextEdit } from './nextEdit';
import { ReviewPanel } from './review';
import { activateStatus } from './status';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const client = new GraftClient();
  const review = new ReviewPanel();
  context.subscriptions.push(client, review, activateStatus(client), activateFix(client, review), activateNextEdit(client));
  context.subscriptions.push(
    vscode.commands.registerCommand('graft.restart', () => client.restart()),
    vscode.commands.registerCommand('graft.showOutput', () => client.output.show()),
    vscode.commands.registerCommand('graft.toggleSuggestions', async () => {
      const settings = vscode.workspace.getConfiguration('graft');
      await settings.update('completion.enabled', !settings.get('completion.enabled'), vscode.ConfigurationTarget.Global);
    }),
  );
  await client.start();
}
