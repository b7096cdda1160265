// SPDX-License-Identifier: Apache-2.0
// The connection to `graft lsp`: start, restart, and the settings that the server gets.
import * as vscode from 'vscode';
import { LanguageClient, LanguageClientOptions, ServerOptions, State } from 'vscode-languageclient/node';

const languages = [
  'c', 'cpp', 'cuda-cpp', 'python', 'javascript', 'javascriptreact', 'typescript', 'typescriptreact', 'rust', 'go', 'java', 'json',
  'shellscript',
];

/** Settings that need the workspace's trust are left out where it was not given. */
function settings(): object {
  const all = vscode.workspace.getConfiguration('graft');
  const trusted = vscode.workspace.isTrusted;
  return {
    check: {
      command: trusted ? all.get<string>('check.command', '') : '',
      budget: all.get<number>('check.budget', 60),
      timeoutSeconds: all.get<number>('check.timeoutSeconds', 60),
      totalSeconds: all.get<number>('check.totalSeconds', 600),
    },
    completion: {
      enabled: all.get<boolean>('completion.enabled', true),
      maxTokens: all.get<number>('completion.maxTokens', 48),
      multiline: all.get<boolean>('completion.multiline', true),
      minConfidence: all.get<number>('completion.minConfidence', 0),
    },
    model: { path: all.get<string>('model.path', '') },
  };
}

export class GraftClient implements vscode.Disposable {
  readonly output = vscode.window.createOutputChannel('Graft', { log: true });
  private readonly stateChanged = new vscode.EventEmitter<State>();
  readonly onStateChanged = this.stateChanged.event;
  private client: LanguageClient | undefined;
  private readonly configurationListener = vscode.workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration('graft.server')) void this.restart();
    else if (change.affectsConfiguration('graft')) {
      void this.running?.sendNotification('workspace/didChangeConfiguration', { settings: { graft: settings() } });
    }
  });

  /** The client while the server runs. */
  get running(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  async start(): Promise<void> {
    const command = vscode.workspace.getConfiguration('graft').get<string>('server.path', 'graft');
    const server: ServerOptions = { command, args: ['lsp'] };
    const options: LanguageClientOptions = {
      documentSelector: languages.map((language) => ({ scheme: 'file', language })),
      // The plugin shows a repair before it is applied, so the server hands the edit over instead of applying it.
      initializationOptions: { fixResult: 'return', ...settings() },
      outputChannel: this.output,
      middleware: {
        workspace: { configuration: (params) => params.items.map((item) => (item.section === 'graft' ? settings() : null)) },
        provideInlineCompletionItems: (document, position, context, token, next) =>
          vscode.workspace.getConfiguration('graft').get<boolean>('completion.enabled', true)
            ? next(document, position, context, token)
            : undefined,
        // `graft.fix` is run by this plugin (progress, review), not by the generic command of the client library.
        executeCommand: (name, args, next) =>
          name === 'graft.fix' ? vscode.commands.executeCommand('graft.runFix', ...args) : next(name, args),
      },
    };
    const client = new LanguageClient('graft', 'Graft', server, options);
    this.client = client;
    client.onDidChangeState((change) => this.stateChanged.fire(change.newState));
    try {
      await client.start();
    } catch (problem) {
      const open = 'Open Setting';
      const answer = vscode.window.showErrorMessage(`Graft: "${command} lsp" did not start: ${String(problem)}`, open);
      void answer.then((choice) => {
        if (choice === open) void vscode.commands.executeCommand('workbench.action.openSettings', 'graft.server.path');
      });
    }
  }

  async restart(): Promise<void> {
    const old = this.client;
    this.client = undefined;
    await old?.dispose().catch(() => undefined);
    await this.start();
  }

  dispose(): void {
    this.configurationListener.dispose();
    void this.client?.dispose().catch(() => undefined);
    this.stateChanged.dispose();
    this.output.dispose();
  }
}
