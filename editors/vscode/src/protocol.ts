// SPDX-License-Identifier: Apache-2.0
// The words beyond LSP; docs/editor-protocol.md is their definition.
import { NotificationType, Position, Range, RequestType, VersionedTextDocumentIdentifier, WorkspaceEdit } from 'vscode-languageclient/node';

export interface StatusParams {
  readonly phase: 'idle' | 'loading' | 'generating' | 'fixing' | 'failed';
  readonly detail: string;
}
export const statusChanged = new NotificationType<StatusParams>('graft/status');

export interface NextEditParams {
  readonly textDocument: VersionedTextDocumentIdentifier;
  readonly position: Position;
}
export interface NextEditResult {
  readonly version: number;
  /** The next one first; not overlapping. */
  readonly edits: readonly { readonly range: Range; readonly newText: string; readonly why: string; readonly probability: number }[];
}
export const nextEdit = new RequestType<NextEditParams, NextEditResult, void>('graft/nextEdit');

export interface CheckRun {
  readonly tree: string;
  readonly ending: string;
  readonly seconds: number;
  readonly output_tail?: string;
  /** How it ended, and the numbers of tests where the output tells them. */
  readonly words?: string;
}

/** Another change with which the check passed too: not proven, so without an edit. */
export interface Alternative {
  readonly summary: string;
  readonly patch: string;
  /** What was checked of it, and what not. */
  readonly checked: string;
}

export interface FixResult {
  readonly status: 'verified' | 'none' | 'already_passes';
  readonly summary: string;
  readonly proposer?: string;
  readonly patch?: string;
  readonly edit?: WorkspaceEdit;
  /** Why a verified repair comes without an edit. */
  readonly held_back?: string;
  readonly evidence: readonly CheckRun[];
  /** Of a verified repair: how much the check says about it, in one word and in a sentence. */
  readonly strength?: 'weak' | 'unclear' | 'fair';
  readonly words?: string;
  readonly alternatives?: readonly Alternative[];
  readonly checks: number;
  readonly seconds: number;
}
