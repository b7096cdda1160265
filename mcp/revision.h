// SPDX-License-Identifier: Apache-2.0
// mcp/revision.h: the protocol's revisions: which are spoken, what each of them has, and which one a request speaks.
//
// Source   MCP 2025-11-25, "Lifecycle: Version Negotiation"; MCP 2026-07-28, "Versioning and Compatibility" and
//          "Overview: _meta".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "rpc/message.h"

namespace mcp {

// A revision is named by its date, so that a later one compares greater.
class Revision {
 public:
  explicit Revision(std::string_view name) : name_(name) {}
  const std::string& name() const { return name_; }
  bool stateless() const { return name_ >= "2026-07-28"; }           // no handshake: each request says what it speaks
  bool structured_results() const { return name_ >= "2025-06-18"; }  // outputSchema, structuredContent, title
  bool annotations() const { return name_ >= "2025-03-26"; }         // of tools; words in progress notifications too
  bool batches() const { return name_ == "2025-03-26"; }             // came with this one and went with the next

 private:
  std::string name_;
};

inline constexpr std::string_view kStatelessRevision = "2026-07-28";

// What `initialize` is answered with: the revision asked for where it has a handshake and is known, else the newest
// that has one.
Revision handshake_revision(std::string_view asked_for);

// The members of "_meta" that 2026-07-28 defines for every request.
inline constexpr const char* kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr const char* kMetaCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr const char* kMetaServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr const char* kMetaSubscription = "io.modelcontextprotocol/subscriptionId";

// "_meta" of a request's params; an empty object where there is none.
const base::Json& meta_of(const base::Json& params);
// Whether the request says by itself which revision it speaks.
bool names_revision(const base::Json& params);
// Why such a request cannot be served: a required member is missing or of the wrong type (-32602), or its revision is
// not spoken here without a handshake (-32022).
std::optional<rpc::RpcError> refuse_stateless(const base::Json& params);

}  // namespace mcp
