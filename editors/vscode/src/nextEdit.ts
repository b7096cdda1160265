// SPDX-License-Identifier: Apache-2.0
// The next edit: after a small change, a decoration where the same is likely to be done next. Tab goes there, then Tab applies;
// Esc takes it away. The context key graft.nextEditVisible says that there is one.
import * as vscode from 'vscode';
import { GraftClient } from './client';
import { nextEdit, NextEditResult } from './protocol';

const restMs = 300; // without typing, before the server is asked
const mostMoves = 20; // of the cursor, without going there: the user is after something else

interface Offer {
  readonly editor: vscode.TextEditor;
  readonly version: number;
  readonly edits: readonly { readonly range: vscode.Range; readonly newText: string; readonly why: string }[];
  moves: number;
}

class NextEdit implements vscode.Disposable {
  private readonly old = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('diffEditor.removedTextBackground'),
  });
  private readonly hint = vscode.window.createTextEditorDecorationType({
    after: { color: new vscode.ThemeColor('editorGhostText.foreground'), margin: '0 0 0 2em' },
  });
  private readonly elsewhere = vscode.window.createTextEditorDecorationType({
    after: { color: new vscode.ThemeColor('editorGhostText.foreground'), margin: '0 0 0 2em' },
  });
  private offer: Offer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private asking: vscode.CancellationTokenSource | undefined;
  private readonly listeners: vscode.Disposable[];

  constructor(private readonly client: GraftClient) {
    this.listeners = [
      vscode.workspace.onDidChangeTextDocument((change) => {
        if (change.contentChanges.length === 0 || change.document !== vscode.window.activeTextEditor?.document) return;
        this.dismiss();
        if (!vscode.workspace.getConfiguration('graft').get<boolean>('nextEdit.enabled', true)) return;
        this.timer = setTimeout(() => void this.ask(), restMs);
      }),
      vscode.window.onDidChangeActiveTextEditor(() => this.dismiss()),
      vscode.window.onDidChangeTextEditorSelection((change) => {
        if (this.offer?.editor !== change.textEditor) return;
        this.offer.moves += 1;
        if (this.offer.moves > mostMoves) this.dismiss();
      }),
      vscode.commands.registerCommand('graft.nextEdit.go', () => this.goOrApply()),
      vscode.commands.registerCommand('graft.nextEdit.applyAll', () => this.apply(this.fresh()?.edits.length ?? 0)),
      vscode.commands.registerCommand('graft.nextEdit.dismiss', () => this.dismiss()),
    ];
  }

  private async ask(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const server = this.client.running;
    if (!editor || !server || editor.document.uri.scheme !== 'file') return;
    const version = editor.document.version;
    const source = new vscode.CancellationTokenSource();
    this.asking = source;
    let result: NextEditResult | undefined;
    try {
      result = await server.sendRequest(
        nextEdit,
        {
          textDocument: { uri: server.code2ProtocolConverter.asUri(editor.document.uri), version },
          position: server.code2ProtocolConverter.asPosition(editor.selection.active),
        },
        source.token,
      );
    } catch {
      return; // the text has changed, or the server is ending: the next change asks again
    } finally {
      source.dispose();
      if (this.asking === source) this.asking = undefined;
    }
    if (!result || result.edits.length === 0 || editor.document.version !== version || editor !== vscode.window.activeTextEditor) return;
    const edits = result.edits.map((edit) => ({ ...edit, range: server.protocol2CodeConverter.asRange(edit.range) }));
    this.offer = { editor, version, edits, moves: 0 };
    this.show(this.offer);
  }

  /** The offer, while it is about the text as it is. */
  private fresh(): Offer | undefined {
    return this.offer?.editor === vscode.window.activeTextEditor && this.offer?.editor.document.version === this.offer?.version ? this.offer : undefined;
  }

  private show(offer: Offer): void {
    const { editor, edits } = offer;
    const first = edits[0];
    if (!first) return;
    // Before the mark: who sees it may press the key at once.
    void vscode.commands.executeCommand('setContext', 'graft.nextEditVisible', true);
    editor.setDecorations(this.old, first.range.isEmpty ? [] : [{ range: first.range, hoverMessage: first.why }]);
    const line = editor.document.lineAt(first.range.start.line).range.end;
    const text = first.newText === '' ? '(delete)' : first.newText.split('\n', 1)[0] ?? '';
    const others = edits.length > 1 ? ` (and ${edits.length - 1} more)` : '';
    editor.setDecorations(this.hint, [{ range: new vscode.Range(line, line), renderOptions: { after: { contentText: `→ ${text}${others}` } } }]);
    const inSight = editor.visibleRanges.some((range) => range.contains(first.range.start));
    const here = editor.document.lineAt(editor.selection.active.line).range.end;
    editor.setDecorations(this.elsewhere, inSight ? [] : [
      { range: new vscode.Range(here, here), renderOptions: { after: { contentText: `next edit: line ${first.range.start.line + 1}` } } },
    ]);
  }

  private async goOrApply(): Promise<void> {
    const offer = this.fresh();
    const first = offer?.edits[0];
    if (!offer || !first) return;
    if (offer.editor.selection.active.line === first.range.start.line) return this.apply(1);
    offer.moves = -1; // this jump is none
    offer.editor.selection = new vscode.Selection(first.range.start, first.range.start);
    offer.editor.revealRange(first.range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    offer.editor.setDecorations(this.elsewhere, []);
  }

  /** The first `count` edits, as one undo step. */
  private async apply(count: number): Promise<void> {
    const offer = this.fresh();
    if (!offer || count === 0) return;
    this.dismiss();
    const edits = offer.edits.slice(0, count);
    await offer.editor.edit((builder) => {
      for (const edit of edits) builder.replace(edit.range, edit.newText);
    });
    const first = edits[0];
    if (count > 1 || !first) return;
    const end = offer.editor.document.positionAt(offer.editor.document.offsetAt(first.range.start) + first.newText.length);
    offer.editor.selection = new vscode.Selection(end, end);
  }

  private dismiss(): void {
    clearTimeout(this.timer);
    this.asking?.cancel();
    if (!this.offer) return;
    for (const type of [this.old, this.hint, this.elsewhere]) this.offer.editor.setDecorations(type, []);
    this.offer = undefined;
    void vscode.commands.executeCommand('setContext', 'graft.nextEditVisible', false);
  }

  dispose(): void {
    this.dismiss();
    for (const one of [...this.listeners, this.old, this.hint, this.elsewhere]) one.dispose();
  }
}

export function activateNextEdit(client: GraftClient): vscode.Disposable {
  return new NextEdit(client);
}
