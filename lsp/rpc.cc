// SPDX-License-Identifier: Apache-2.0
#include "lsp/rpc.h"

namespace lsp {

RpcError rpc_error(const base::Error& error) {
  switch (error.code) {
    case base::ErrorCode::kCancelled:
      return {RpcCode::kRequestCancelled, error.message};
    case base::ErrorCode::kInvalidArgument:
      return {RpcCode::kInvalidParams, error.message};
    case base::ErrorCode::kInternal:
      return {RpcCode::kInternalError, error.message};
    default:
      return {RpcCode::kRequestFailed, error.message};
  }
}

}  // namespace lsp
