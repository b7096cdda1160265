// SPDX-License-Identifier: Apache-2.0
#include "mcp/revision.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace mcp {
namespace {

using base::Json;

constexpr std::array<std::string_view, 4> kWithHandshake = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

rpc::RpcError invalid_params(std::string message) {
  return {rpc::RpcCode::kInvalidParams, std::move(message)};
}

}  // namespace

Revision handshake_revision(std::string_view asked_for) {
  const auto found = std::find(kWithHandshake.begin(), kWithHandshake.end(), asked_for);
  return Revision(found == kWithHandshake.end() ? kWithHandshake.front() : *found);
}

const Json& meta_of(const Json& params) {
  static const Json none = Json::object();
  if (!params.is_object()) return none;
  const auto meta = params.find("_meta");
  return meta != params.end() && meta->is_object() ? *meta : none;
}

bool names_revision(const Json& params) {
  return meta_of(params).contains(kMetaVersion);
}

std::optional<rpc::RpcError> refuse_stateless(const Json& params) {
  const Json& meta = meta_of(params);
  const auto version = meta.find(kMetaVersion);
  if (version == meta.end() || !version->is_string())
    return invalid_params(base::cat("The request's _meta has no string ", kMetaVersion, "."));
  if (*version != kStatelessRevision) {
    const Json data = {{"supported", {kStatelessRevision}}, {"requested", *version}};
    return rpc::RpcError{rpc::RpcCode::kUnsupportedProtocolVersion, "Unsupported protocol version",
                         std::make_shared<const Json>(data)};
  }
  const auto capabilities = meta.find(kMetaCapabilities);
  if (capabilities == meta.end() || !capabilities->is_object())
    return invalid_params(base::cat("The request's _meta has no object ", kMetaCapabilities, "."));
  return std::nullopt;
}

}  // namespace mcp
