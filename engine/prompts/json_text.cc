// SPDX-License-Identifier: Apache-2.0
#include "engine/prompts/json_text.h"

#include <cstdio>

#include "base/json.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace engine {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  if (static_cast<unsigned char>(c) >= 0x20) {
    out += c;
    return;
  }
  char hex[8];
  std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  out += hex;
}

// Four hexadecimal digits at the front of `text`; -1 without them.
int32_t hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const int digit = base::hex_digit(c);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

class Reader {
 public:
  Reader(std::string_view in, bool repair) : in_(in), repair_(repair) {}

  base::Result<JsonText> read() {
    if (!value(0)) return base::corrupt(base::cat("byte ", at_, ": ", problem_));
    space();
    while (repair_ && at_ < in_.size() && (in_[at_] == '}' || in_[at_] == ']' || is_space(in_[at_]))) {
      repaired_ = true;
      ++at_;
    }
    if (at_ < in_.size()) return base::corrupt(base::cat("byte ", at_, ": there is more after the JSON value"));
    return JsonText{std::move(out_), repaired_};
  }

 private:
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }
  bool mend() {
    repaired_ |= repair_;
    return repair_;
  }
  void space() {
    while (at_ < in_.size() && is_space(in_[at_])) ++at_;
  }
  bool at_end() const { return at_ == in_.size(); }

  bool value(int depth) {
    space();
    if (at_end()) return fail("the JSON ends where a value is needed");
    if (depth > base::kMaxJsonDepth) return fail("the JSON is nested too deeply");
    const char c = in_[at_];
    if (c == '{') return group(depth, '}', true);
    if (c == '[') return group(depth, ']', false);
    if (c == '"') return string();
    if (c == '-' || is_digit(c)) return number();
    return literal();
  }

  bool group(int depth, char close, bool object) {
    out_ += in_[at_++];
    for (bool first = true;; first = false) {
      space();
      bool comma = false;
      while (!at_end() && in_[at_] == ',') {
        if ((comma || first) && !mend()) return fail("there is a comma too many");
        comma = true;
        ++at_;
        space();
      }
      if (at_end() || in_[at_] == close) {
        if (comma && !mend()) return fail("there is a comma too many");
        if (at_end() && !mend()) return fail(base::cat("a closing ", close, " is missing"));
        if (!at_end()) ++at_;
        out_ += close;
        return true;
      }
      // The other bracket closes a group further out: this one's own is missing.
      if (in_[at_] == '}' || in_[at_] == ']') return fail(base::cat("a closing ", close, " is missing"));
      if (!first && !comma && !mend()) return fail("a comma is missing");
      if (!first) out_ += ", ";
      if (object) {
        if (in_[at_] != '"') return fail("a key in double quotes is needed");
        if (!string()) return false;
        space();
        if (at_end() || in_[at_] != ':') return fail("a colon is needed after the key");
        ++at_;
        out_ += ": ";
      }
      if (!value(depth + 1)) return false;
    }
  }

  bool string() {
    ++at_;
    out_ += '"';
    while (!at_end()) {
      const char c = in_[at_];
      if (c == '"') {
        ++at_;
        out_ += '"';
        return true;
      }
      if (c == '\\') {
        if (!escape()) return false;
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20 && !mend()) return fail("a string holds a raw control character");
      const base::CodePoint point = base::decode_utf8(in_.substr(at_));
      if (!point.valid) {
        if (!mend()) return fail("a string is not UTF-8");
        base::append_utf8(out_, 0xFFFD);
      } else if (point.n_bytes == 1) {
        append_escaped(out_, c);
      } else {
        out_ += in_.substr(at_, static_cast<size_t>(point.n_bytes));
      }
      at_ += static_cast<size_t>(point.n_bytes);
    }
    return fail("the JSON ends inside a string");
  }

  bool escape() {
    if (at_ + 1 >= in_.size()) {
      at_ = in_.size();
      return fail("the JSON ends inside a string");
    }
    const char c = in_[at_ + 1];
    constexpr std::string_view kNames = "\"\\/bfnrt", kChars = "\"\\/\b\f\n\r\t";
    if (const size_t known = kNames.find(c); known != std::string_view::npos) {
      append_escaped(out_, kChars[known]);
      at_ += 2;
      return true;
    }
    if (c != 'u') {
      if (!mend()) return fail("a string holds an unknown escape");
      // \' is a quote; any other is a backslash that was not doubled.
      if (c != '\'') out_ += "\\\\";
      ++at_;
      return true;
    }
    const int32_t high = hex4(in_.substr(at_ + 2));
    if (high < 0) return fail("\\u needs four hexadecimal digits");
    at_ += 6;
    if (high >= 0xD800 && high < 0xDC00 && in_.substr(at_).starts_with("\\u")) {
      const int32_t low = hex4(in_.substr(at_ + 2));
      if (low >= 0xDC00 && low < 0xE000) {
        at_ += 6;
        base::append_utf8(out_, static_cast<uint32_t>(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
        return true;
      }
    }
    if (high >= 0xD800 && high < 0xE000) {
      if (!mend()) return fail("half of a surrogate pair");
      base::append_utf8(out_, 0xFFFD);
    } else if (high < 0x80) {
      append_escaped(out_, static_cast<char>(high));
    } else {
      base::append_utf8(out_, static_cast<uint32_t>(high));
    }
    return true;
  }

  bool number() {
    const size_t begin = at_;
    const auto digits = [&] {
      const size_t from = at_;
      while (!at_end() && is_digit(in_[at_])) ++at_;
      return at_ > from;
    };
    if (in_[at_] == '-') ++at_;
    const size_t whole = at_;
    if (!digits()) return fail("a number needs digits");
    if (in_[whole] == '0' && at_ - whole > 1) return fail("a number begins with 0");
    if (!at_end() && in_[at_] == '.') {
      ++at_;
      if (!digits()) return fail("a number needs digits after its point");
    }
    if (!at_end() && (in_[at_] == 'e' || in_[at_] == 'E')) {
      ++at_;
      if (!at_end() && (in_[at_] == '+' || in_[at_] == '-')) ++at_;
      if (!digits()) return fail("a number needs digits in its exponent");
    }
    out_ += in_.substr(begin, at_ - begin);
    return true;
  }

  bool literal() {
    struct Literal {
      std::string_view written, meant;
    };
    for (const auto& [written, meant] : {Literal{"true", "true"},
                                         {"false", "false"},
                                         {"null", "null"},
                                         {"True", "true"},
                                         {"False", "false"},
                                         {"None", "null"}}) {
      if (!in_.substr(at_).starts_with(written)) continue;
      if (written != meant && !mend()) break;
      at_ += written.size();
      out_ += meant;
      return true;
    }
    return fail("a JSON value is needed");
  }

  std::string_view in_;
  size_t at_ = 0;
  const bool repair_;
  bool repaired_ = false;
  std::string out_, problem_;
};

// The end of the value at the front of canonical `json`.
size_t value_end(std::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      if (!in_string && depth == 0) return i + 1;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    }
    if (depth == 0 && (c == ',' || c == ':')) return i;
  }
  return json.size();
}

}  // namespace

base::Result<JsonText> canonical_json(std::string_view text, bool repair) {
  std::string_view inner = base::trim(text);
  bool fenced = false;
  if (repair && inner.starts_with("```")) {
    const size_t line = inner.find('\n');
    if (line != std::string_view::npos) {
      inner = base::trim(inner.substr(line + 1));
      if (inner.ends_with("```")) inner = base::trim(inner.substr(0, inner.size() - 3));
      fenced = true;
    }
  }
  auto json = Reader(inner, repair).read();
  if (json && fenced) json->repaired = true;
  return json;
}

bool is_json_string(std::string_view json) {
  return json.starts_with('"');
}

std::string json_string_value(std::string_view json) {
  std::string out;
  for (size_t i = 1; i + 1 < json.size(); ++i) {
    if (json[i] != '\\') {
      out += json[i];
      continue;
    }
    switch (json[++i]) {
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u':
        out += static_cast<char>(hex4(json.substr(i + 1)));  // canonical text has no others than control characters
        i += 4;
        break;
      default:
        out += json[i];
    }
  }
  return out;
}

std::vector<JsonMember> json_members(std::string_view object) {
  std::vector<JsonMember> members;
  for (size_t at = 1; at + 1 < object.size();) {
    const size_t key_end = at + value_end(object.substr(at));
    const size_t begin = key_end + 2;
    const size_t end = begin + value_end(object.substr(begin));
    members.push_back(
        {json_string_value(object.substr(at, key_end - at)), std::string(object.substr(begin, end - begin))});
    at = end + 2;
  }
  return members;
}

std::vector<std::string> json_elements(std::string_view array) {
  std::vector<std::string> elements;
  for (size_t at = 1; at + 1 < array.size();) {
    const size_t end = at + value_end(array.substr(at));
    elements.emplace_back(array.substr(at, end - at));
    at = end + 2;
  }
  return elements;
}

std::string indented_json(std::string_view json, int indent) {
  std::string out;
  int depth = 0;
  bool in_string = false;
  const auto line = [&] { (out += '\n').append(static_cast<size_t>(depth * indent), ' '); };
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      out += c;
      if (c == '\\') out += json[++i];
      if (c == '"') in_string = false;
      continue;
    }
    if ((c == '}' || c == ']') && out.back() != '{' && out.back() != '[') {
      --depth;
      line();
    } else if (c == '}' || c == ']') {
      --depth;
    }
    if (c == '"') in_string = true;
    if (c == ' ' && out.back() != ':') continue;  // behind a comma
    if ((out.ends_with('{') || out.ends_with('[')) && c != '}' && c != ']' &&
        (json[i - 1] == '{' || json[i - 1] == '['))
      line();
    out += c;
    if (c == '{' || c == '[') ++depth;
    if (c == ',') line();
  }
  return out;
}

const std::string* find_member(const std::vector<JsonMember>& members, std::string_view key) {
  for (auto member = members.rbegin(); member != members.rend(); ++member)  // the last of equal keys counts
    if (member->key == key) return &member->value;
  return nullptr;
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : base::to_valid_utf8(text)) {
    if (static_cast<unsigned char>(c) < 0x80)
      append_escaped(out, c);
    else
      out += c;
  }
  return out += '"';
}

}  // namespace engine
