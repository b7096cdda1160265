// SPDX-License-Identifier: Apache-2.0
// Where the `graft` program is, found before it is started: a missing program deserves a better message than ENOENT.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** The file that `name` (a name on PATH, an absolute path, or one from `~/`) stands for, or undefined if there is none. */
export async function findProgram(name: string): Promise<string | undefined> {
  const given = name.startsWith('~/') ? path.join(homedir(), name.slice(2)) : name;
  if (given.includes(path.sep)) return (await isProgram(given)) ? given : undefined;
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const file = path.join(folder, given);
    if (folder !== '' && (await isProgram(file))) return file;
  }
  return undefined;
}
