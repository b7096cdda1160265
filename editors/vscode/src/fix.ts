// SPDX-License-Identifier: Apache-2.0
// "Fix with Graft": asks for a repair, shows progress with cancel, then hands the result to the review.
import * as vscode from 'vscode';
import { CancellationToken, ExecuteCommandRequest, WorkDoneProgress } from 'vscode-languageclient/node';
import { GraftClient } from './client';
import { FixResult } from './protocol';
import { ReviewPanel } from './review';

interface FixArguments {
  readonly uri?: string;
  readonly check?: string;
  /** Look in this file first. */
  readonly focus?: boolean;
}

/** The document a repair is for: the argument of a code action, else the active editor, else the first folder. */
function target(args: FixArguments | undefined): string | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri ?? vscode.workspace.workspaceFolders?.[0]?.uri;
  return args?.uri ?? uri?.toString();
}

async function checkCommand(args: FixArguments | undefined): Promise<string | undefined> {
  const settings = vscode.workspace.getConfiguration('graft');
  const known = args?.check ?? settings.get<string>('check.command', '');
  if (known !== '') return known;
  const given = await vscode.window.showInputBox({
    title: 'Fix with Graft',
    prompt: 'Which command should pass? It runs in a sandbox; the answer is kept in graft.check.command.',
    placeHolder: 'python3 -m pytest -q',
    ignoreFocusOut: true,
  });
  if (given) await settings.update('check.command', given, vscode.ConfigurationTarget.Global);
  return given;
}

let serial = 0;

async function request(client: GraftClient, uri: string, check: string, focus: boolean): Promise<FixResult | undefined> {
  const running = client.running;
  if (!running) throw new Error('the Graft server is not running');
  const options = { location: vscode.ProgressLocation.Notification, title: 'Graft', cancellable: true };
  return vscode.window.withProgress(options, async (progress, token: CancellationToken) => {
    const workDoneToken = `graft-fix-${++serial}`;
    let percentage = 0;
    const listener = running.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
      if (value.kind === 'end') return;
      const now = value.percentage ?? percentage;
      progress.report({ message: value.message ?? '', increment: Math.max(0, now - percentage) });
      percentage = Math.max(now, percentage);
    });
    progress.report({ message: `running ${check}` });
    try {
      const params = { command: 'graft.fix', arguments: [{ uri, check, focus }], workDoneToken };
      return (await running.sendRequest(ExecuteCommandRequest.type, params, token)) as FixResult;
    } catch (problem) {
      if (token.isCancellationRequested) return undefined;
      throw problem;
    } finally {
      listener.dispose();
    }
  });
}

async function runFix(client: GraftClient, review: ReviewPanel, args?: FixArguments): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showWarningMessage('Graft: a repair runs commands of this folder, so the folder must be trusted first.');
    return;
  }
  const uri = target(args);
  if (uri === undefined) {
    void vscode.window.showWarningMessage('Graft: open a folder or a file first.');
    return;
  }
  // Only files of the folder matter to its check; a settings file that is being written elsewhere does not.
  const unsaved = vscode.workspace.textDocuments.filter(
    (document) => document.isDirty && document.uri.scheme === 'file' && vscode.workspace.getWorkspaceFolder(document.uri));
  if (unsaved.length > 0) {
    const save = 'Save and Go On';
    const names = unsaved.map((document) => vscode.workspace.asRelativePath(document.uri)).join(', ');
    const answer = await vscode.window.showWarningMessage(`Graft: the check runs on saved files. Not saved: ${names}.`, save);
    if (answer !== save) return;
    if ((await Promise.all(unsaved.map((document) => document.save()))).includes(false)) return; // the editor has said why
  }
  const check = await checkCommand(args);
  if (!check) return;
  try {
    const result = await request(client, uri, check, args?.focus ?? false);
    if (!result) return; // cancelled
    if (result.held_back !== undefined) {
      void vscode.window.showWarningMessage(`Graft found a repair and holds it back: ${result.held_back}. Run it again.`);
    } else if (result.status === 'verified') await review.show(result, client);
    else void vscode.window.showInformationMessage(`Graft: ${result.summary}`);
  } catch (problem) {
    void vscode.window.showErrorMessage(`Graft: ${problem instanceof Error ? problem.message : String(problem)}`);
  }
}

export function activateFix(client: GraftClient, review: ReviewPanel): vscode.Disposable {
  return vscode.commands.registerCommand('graft.runFix', (args?: FixArguments) => runFix(client, review, args));
}
