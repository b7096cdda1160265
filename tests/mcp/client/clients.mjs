// SPDX-License-Identifier: Apache-2.0
// clients.mjs: the official clients of both generations, connected to `graft mcp` in a folder.
// Each has `wanted`, the revision that it is to speak, revision(), and server(), what the server says of itself.

const identity = { name: 'graft-test', version: '0' };
const launch = (graft, folder, env) => ({ command: graft, args: ['mcp'], cwd: folder, env, stderr: 'inherit' });

export async function connectWithHandshake(graft, folder, env) {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const client = new Client(identity, { capabilities: {} });
  const transport = new StdioClientTransport(launch(graft, folder, env));
  let revision;
  transport.setProtocolVersion = (agreed) => (revision = agreed);
  await client.connect(transport);
  const callTool = client.callTool.bind(client);
  client.callTool = (params, options) => callTool(params, undefined, options);
  return Object.assign(client, { wanted: '2025-11-25', revision: () => revision, server: () => client.getServerVersion() });
}

export async function connectModern(graft, folder, env) {
  const { Client } = await import('@modelcontextprotocol/client');
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const client = new Client(identity, { capabilities: {}, versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new StdioClientTransport(launch(graft, folder, env)));
  return Object.assign(client, {
    wanted: '2026-07-28',
    revision: () => client.getNegotiatedProtocolVersion(),
    server: () => client.getServerVersion(),
  });
}
