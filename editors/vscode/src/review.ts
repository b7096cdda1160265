// SPDX-License-Identifier: Apache-2.0
// Review of a verified edit: a diff editor per file (old on disk, new in memory) with the evidence in the output channel;
// Apply makes one WorkspaceEdit, so undo is the editor's own. A file changed since the check ran is never overwritten.
import * as vscode from 'vscode';
import { TextDocumentEdit } from 'vscode-languageclient/node';
import { GraftClient } from './client';
import { FixResult } from './protocol';

const scheme = 'graft-review';

interface Reviewed {
  readonly uri: vscode.Uri;
  readonly before: string;
  readonly after: string;
  /** Where the first edit begins. */
  readonly at: vscode.Position;
}

interface Review {
  readonly result: FixResult;
  readonly files: readonly Reviewed[];
  readonly edit: vscode.WorkspaceEdit;
}

function describe(result: FixResult): string[] {
  const lines = [result.summary];
  if (result.words !== undefined) lines.push(`evidence: ${result.strength ?? 'unclear'}: ${result.words}`);
  if (result.proposer !== undefined) lines.push(`proposed by ${result.proposer}`);
  for (const run of result.evidence) {
    lines.push(`check on ${run.tree === 'base' ? 'your files' : 'the patched files'}: ${run.words ?? run.ending} (${run.seconds.toFixed(1)} s)`);
  }
  return lines;
}

function describeAlternatives(result: FixResult): string[] {
  return (result.alternatives ?? []).flatMap((other) => [`also passes: ${other.summary} (${other.checked})`, other.patch]);
}

export class ReviewPanel implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private current: Review | undefined;
  private readonly registered = vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(scheme, this),
    vscode.commands.registerCommand('graft.review.accept', () => this.accept()),
    vscode.commands.registerCommand('graft.review.reject', () => this.close()),
    // The same for the editor's title: without a key of their own they are drawn as plain words.
    vscode.commands.registerCommand('graft.review.acceptHere', () => this.accept()),
    vscode.commands.registerCommand('graft.review.rejectHere', () => this.close()),
  );

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.current?.files.find((file) => file.uri.path === uri.path)?.after ?? '';
  }

  async show(result: FixResult, client: GraftClient): Promise<void> {
    const converter = client.running?.protocol2CodeConverter;
    if (!converter || !result.edit) throw new Error('the server sent no edit');
    const files: Reviewed[] = [];
    for (const change of result.edit.documentChanges ?? []) {
      if (!TextDocumentEdit.is(change)) continue; // creations and removals are in the patch and in the edit
      const document = await vscode.workspace.openTextDocument(converter.asUri(change.textDocument.uri));
      const edits = await converter.asTextEdits(change.edits.filter((edit) => 'newText' in edit));
      const before = document.getText();
      let after = before;
      const byPosition = edits.map((edit) => ({ begin: document.offsetAt(edit.range.start), end: document.offsetAt(edit.range.end), text: edit.newText }));
      for (const { begin, end, text } of byPosition.sort((a, b) => b.begin - a.begin)) after = after.slice(0, begin) + text + after.slice(end);
      const at = document.positionAt(Math.min(...byPosition.map((edit) => edit.begin)));
      files.push({ uri: document.uri, before, after, at });
    }
    const review: Review = { result, files, edit: await converter.asWorkspaceEdit(withoutConfirmation(result.edit)) };
    this.current = review;
    await vscode.commands.executeCommand('setContext', 'graft.reviewing', true);
    for (const line of [...describe(result), result.patch ?? '', ...describeAlternatives(result)]) client.output.appendLine(line);
    for (const file of files) {
      const title = `Graft: ${vscode.workspace.asRelativePath(file.uri)} (verified)`;
      await vscode.commands.executeCommand('vscode.diff', file.uri, file.uri.with({ scheme }), title, { preview: false });
    }
    const effort = `${result.checks} ${result.checks === 1 ? 'run' : 'runs'} of the check, ${result.seconds.toFixed(0)} s`;
    const strength = result.words === undefined ? '' : ` Evidence: ${result.strength ?? 'unclear'}: ${result.words}.`;
    const answer = vscode.window.showInformationMessage(`Graft: ${result.summary}${strength} (${effort})`, 'Apply', 'Reject', 'Evidence');
    void answer.then(async (choice) => {
      if (this.current !== review) return; // decided in the editor's title, or followed by another review
      if (choice === 'Apply') await this.accept();
      if (choice === 'Reject') await this.close();
      if (choice === 'Evidence') client.output.show();
    });
  }

  private async accept(): Promise<void> {
    const review = this.current;
    if (!review) return;
    for (const file of review.files) {
      const document = await vscode.workspace.openTextDocument(file.uri);
      if (document.getText() !== file.before) {
        void vscode.window.showWarningMessage(
          `Graft: not applied: ${vscode.workspace.asRelativePath(file.uri)} changed since the check ran. Run the repair again.`);
        return;
      }
    }
    const applied = await vscode.workspace.applyEdit(review.edit);
    await this.close();
    const first = review.files[0];
    if (!applied) void vscode.window.showErrorMessage('Graft: the editor did not apply the edit.');
    else if (first) await vscode.window.showTextDocument(first.uri, { selection: new vscode.Range(first.at, first.at) });
  }

  private async close(): Promise<void> {
    this.current = undefined;
    await vscode.commands.executeCommand('notifications.hideToasts'); // the question is answered
    await vscode.commands.executeCommand('setContext', 'graft.reviewing', false);
    const stale = vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter(
      (tab) => tab.input instanceof vscode.TabInputTextDiff && tab.input.modified.scheme === scheme);
    if (stale.length > 0) await vscode.window.tabGroups.close(stale);
  }

  dispose(): void {
    this.registered.dispose();
  }
}

/** The person has confirmed by accepting here: annotations would make the editor ask a second time. */
function withoutConfirmation(edit: NonNullable<FixResult['edit']>): NonNullable<FixResult['edit']> {
  const copy = structuredClone(edit);
  delete copy.changeAnnotations;
  for (const change of copy.documentChanges ?? []) {
    if (!TextDocumentEdit.is(change)) continue;
    for (const one of change.edits) if ('annotationId' in one) delete (one as { annotationId?: string }).annotationId;
  }
  return copy;
}
