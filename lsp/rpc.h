// SPDX-License-Identifier: Apache-2.0
// lsp/rpc.h: what the language server uses of rpc/, and how an error becomes one of LSP's codes.
#pragma once
#include "base/result.h"
#include "rpc/message.h"
#include "rpc/requests.h"
#include "rpc/streams.h"
#include "rpc/transport.h"
#include "rpc/workers.h"

namespace lsp {

using rpc::Job, rpc::Post, rpc::Workers;
using rpc::Message, rpc::RpcCode, rpc::RpcError;
using rpc::ProcessWatch, rpc::Transport;
using rpc::notification_text, rpc::request_text;
using rpc::Reply, rpc::Requests, rpc::Send;

RpcError rpc_error(const base::Error& error);

}  // namespace lsp
