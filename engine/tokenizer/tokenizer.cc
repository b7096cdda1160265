// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/tokenizer.h"

#include "base/strings.h"
#include "engine/tokenizer/nfc.h"

namespace engine {
namespace {

constexpr size_t kMaxAddedTokenBytes = 1024;  // bounds the work of looking for one at every byte of a text

}  // namespace

base::Result<Tokenizer> Tokenizer::make(TokenizerParts parts) {
  Tokenizer t;
  t.parts_ = std::move(parts);
  const auto n = static_cast<Token>(t.parts_.entries.size());
  for (size_t i = 0; i < t.parts_.added.size(); ++i) {
    const AddedToken& added = t.parts_.added[i];
    if (added.id < 0 || added.id >= n)
      return base::corrupt(base::cat("added token ", i, " has the id ", added.id, " of ", n));
    if (added.text.empty() || added.text.size() > kMaxAddedTokenBytes)
      return base::invalid(base::cat("added token ", added.id, " has ", added.text.size(), " bytes; 1 to ",
                                     kMaxAddedTokenBytes, " are supported"));
    if (t.parts_.nfc && added.second_pass && to_nfc(added.text) != added.text)
      return base::invalid(base::cat("added token ", added.id, " is not in Unicode's form C and would never be found"));
    std::string& entry = t.parts_.entries[static_cast<size_t>(added.id)];
    if (!entry.empty() && entry != added.text)
      return base::corrupt(base::cat("added token ", i, " has the id ", added.id, ", which is another token's"));
    entry = added.text;
    t.insert(added.second_pass ? t.second_pass_ : t.first_pass_, i);
  }
  std::vector<bool> is_added(t.parts_.entries.size());
  for (const AddedToken& added : t.parts_.added) is_added[static_cast<size_t>(added.id)] = true;
  t.byte_tokens_.fill(-1);
  for (const bool take_added : {false, true}) {  // an added "\n" is not the vocabulary's entry for that byte
    for (Token id = 0; id < n; ++id) {
      const std::string& entry = t.parts_.entries[static_cast<size_t>(id)];
      if (is_added[static_cast<size_t>(id)] != take_added || entry.empty()) continue;
      if (Token& byte = t.byte_tokens_[static_cast<uint8_t>(entry[0])]; entry.size() == 1 && byte < 0) byte = id;
      if (t.parts_.ignore_merges && !take_added) t.whole_pieces_.emplace(entry, id);
    }
  }
  for (size_t byte = 0; byte < 256; ++byte)
    if (t.byte_tokens_[byte] < 0)
      return base::invalid(
          base::cat("the vocabulary has no token for byte ", byte, "; Graft reads byte-level BPE only"));
  const auto entry = [&](Token id) -> const std::string& { return t.parts_.entries[static_cast<size_t>(id)]; };
  for (size_t rank = 0; rank < t.parts_.merges.size(); ++rank) {
    const Merge& m = t.parts_.merges[rank];  // ids of entries, by construction
    if (entry(m.result).size() != entry(m.left).size() + entry(m.right).size() ||
        !entry(m.result).starts_with(entry(m.left)) || !entry(m.result).ends_with(entry(m.right)))
      return base::corrupt(base::cat("merge ", rank, " makes token ", m.result, ", which is not the bytes of ", m.left,
                                     " and ", m.right, " together"));
  }
  t.merges_ = MergeTable(t.parts_.merges);
  return t;
}

void Tokenizer::insert(Trie& trie, size_t added_index) {
  uint32_t node = 0;
  const std::string& text = parts_.added[added_index].text;
  trie.first[static_cast<uint8_t>(text[0])] = true;
  for (const char c : text) {
    const auto fresh = static_cast<uint32_t>(trie.added.size());
    const auto [child, inserted] = trie.children.emplace(uint64_t{node} << 8 | static_cast<uint8_t>(c), fresh);
    if (inserted) trie.added.push_back(-1);
    node = child->second;
  }
  trie.added[node] = static_cast<int32_t>(added_index);
}

const AddedToken* Tokenizer::longest_match(const Trie& trie, std::string_view text) const {
  const AddedToken* found = nullptr;
  uint32_t node = 0;
  for (const char c : text) {
    const auto child = trie.children.find(uint64_t{node} << 8 | static_cast<uint8_t>(c));
    if (child == trie.children.end()) break;
    node = child->second;
    if (trie.added[node] >= 0) found = &parts_.added[static_cast<size_t>(trie.added[node])];
  }
  return found;
}

// Leftmost, then longest. A special token that must stay text still hides shorter ones inside it, as in the source.
template <typename Plain>
void Tokenizer::split_off_added(const Trie& trie, std::string_view text, bool parse_special, std::vector<Token>& out,
                                Plain plain) const {
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    const AddedToken* found = trie.first[static_cast<uint8_t>(text[i])] ? longest_match(trie, text.substr(i)) : nullptr;
    if (found == nullptr) {
      ++i;
      continue;
    }
    if (!found->special || parse_special) {
      plain(text.substr(start, i - start));
      out.push_back(found->id);
      start = i + found->text.size();
    }
    i += found->text.size();
  }
  plain(text.substr(start));
}

std::vector<Token> Tokenizer::encode(std::string_view text, bool parse_special) const {
  std::vector<Token> out;
  if (parts_.entries.empty()) return out;  // made by nobody: text is no tokens
  split_off_added(first_pass_, text, parse_special, out, [&](std::string_view between) {
    parts_.nfc ? encode_second_pass(to_nfc(between), parse_special, out)
               : encode_second_pass(between, parse_special, out);
  });
  return out;
}

void Tokenizer::encode_second_pass(std::string_view text, bool parse_special, std::vector<Token>& out) const {
  split_off_added(second_pass_, text, parse_special, out, [&](std::string_view plain) { encode_plain(plain, out); });
}

void Tokenizer::encode_plain(std::string_view text, std::vector<Token>& out) const {
  std::vector<Token> symbols;
  std::unordered_map<std::string_view, std::pair<size_t, size_t>>
      seen;  // words repeat: where in `out` one begins, its tokens
  for (const std::string_view piece : pre_tokenize(parts_.splits, text)) {
    const auto [before, fresh] = seen.try_emplace(piece, out.size(), 0);
    if (!fresh) {
      for (size_t i = 0; i < before->second.second; ++i) out.push_back(out[before->second.first + i]);
      continue;
    }
    if (parts_.ignore_merges) {
      if (const auto whole = whole_pieces_.find(std::string(piece)); whole != whole_pieces_.end()) {
        out.push_back(whole->second);
        before->second.second = 1;
        continue;
      }
    }
    symbols.clear();
    for (const char c : piece) symbols.push_back(byte_tokens_[static_cast<uint8_t>(c)]);
    merge_pairs(merges_, symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
    before->second.second = symbols.size();
  }
}

std::string_view Tokenizer::bytes_of(Token token) const {
  const auto index = static_cast<size_t>(static_cast<uint32_t>(token));
  return index < parts_.entries.size() ? std::string_view(parts_.entries[index]) : std::string_view();
}

std::string Tokenizer::decode(std::span<const Token> tokens) const {
  std::string text;
  for (const Token token : tokens) text += bytes_of(token);
  return text;
}

std::optional<Token> Tokenizer::added_token(std::string_view text) const {
  for (const AddedToken& added : parts_.added)
    if (added.text == text) return added.id;
  return std::nullopt;
}

}  // namespace engine
