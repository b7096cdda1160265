// SPDX-License-Identifier: Apache-2.0
// The connection to `graft lsp`: start, restart, and the settings that the server gets.
import * as vscode from 'vscode';
import { LanguageClient, LanguageClientOptions, ServerOptions, State } from 'vscode-languageclient/node';
import { findProgram } from './program';
import { statusChanged, StatusParams } from './protocol';

const languages = [
  'c', 'cpp', 'cuda-cpp', 'python', 'javascript', 'javascriptreact', 'typescript', 'typescriptreact', 'rust', 'go', 'java', 'json',
  'shellscript',
];

const fixTitle = 'Fix with Graft'; // as the server writes it (lsp/fix_command.cc)

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
      jobs: all.get<number>('check.jobs', 0),
    },
    completion: {
      enabled: all.get<boolean>('completion.enabled', true),
      maxTokens: all.get<number>('completion.maxTokens', 48),
      multiline: all.get<boolean>('completion.multiline', true),
      minConfidence: all.get<number>('completion.minConfidence', 0),
    },
    nextEdit: {
      enabled: all.get<boolean>('nextEdit.enabled', true),
      minProbability: all.get<number>('nextEdit.minProbability', 0),
    },
    model: { path: all.get<string>('model.path', '') },
  };
}

export class GraftClient implements vscode.Disposable {
  readonly output = vscode.window.createOutputChannel('Graft', { log: true });
  private readonly stateChanged = new vscode.EventEmitter<State>();
  readonly onStateChanged = this.stateChanged.event;
  private readonly status = new vscode.EventEmitter<StatusParams>();
  readonly onStatus = this.status.event;
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
    const name = vscode.workspace.getConfiguration('graft').get<string>('server.path', 'graft');
    const command = await findProgram(name);
    if (command === undefined) {
      this.stateChanged.fire(State.Stopped);
      this.ask(`Graft: the program "${name}" was not found. Build it (./scripts/build), then name it in graft.server.path.`);
      return;
    }
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
        // Without a check the server offers a disabled action; here the command asks for the check instead.
        provideCodeActions: async (document, range, context, token, next) => {
          const actions = await next(document, range, context, token);
          for (const action of actions ?? []) {
            if (!(action instanceof vscode.CodeAction) || action.title !== fixTitle || !action.disabled) continue;
            delete action.disabled;
            action.command = { title: fixTitle, command: 'graft.runFix', arguments: [{ uri: document.uri.toString() }] };
          }
          return actions;
        },
        // `graft.fix` is run by this plugin (progress, review), not by the generic command of the client library.
        executeCommand: (name, args, next) =>
          name === 'graft.fix' ? vscode.commands.executeCommand('graft.runFix', ...args) : next(name, args),
      },
    };
    const client = new LanguageClient('graft', 'Graft', server, options);
    this.client = client;
    client.onDidChangeState((change) => this.stateChanged.fire(change.newState));
    client.onNotification(statusChanged, (params) => this.status.fire(params)); // before the start: none is missed
    try {
      await client.start();
    } catch (problem) {
      this.ask(`Graft: "${command} lsp" did not start: ${problem instanceof Error ? problem.message : String(problem)}`);
    }
  }

  /** An error message with the ways out of it. */
  private ask(message: string): void {
    const open = 'Open Setting', again = 'Try Again';
    void vscode.window.showErrorMessage(message, open, again).then((choice) => {
      if (choice === open) void vscode.commands.executeCommand('workbench.action.openSettings', 'graft.server.path');
      if (choice === again) void this.restart();
    });
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
    this.status.dispose();
    this.output.dispose();
  }
}
