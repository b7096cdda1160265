// SPDX-License-Identifier: Apache-2.0
#include "lsp/frame.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/strings.h"

namespace lsp {
namespace {

constexpr std::string_view kContentLength = "content-length";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// RFC 9110, 5.1: a field name is a token. JSON that got between two frames has quotes and braces and is told apart
// here.
bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::optional<size_t> parse_length(std::string_view digits) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

void FrameReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (state_ == State::kBody || state_ == State::kSkipBody) {
      const size_t n = std::min(missing_, bytes.size());
      if (state_ == State::kBody) body_.append(bytes.substr(0, n));
      missing_ -= n;
      bytes.remove_prefix(n);
      if (missing_ > 0) continue;
      if (state_ == State::kBody) ready_.emplace_back(std::move(body_));
      body_ = {};
      state_ = State::kHeader;
      continue;
    }
    const size_t newline = bytes.find('\n');
    const bool complete = newline != std::string_view::npos;
    const size_t n = complete ? newline + 1 : bytes.size();
    // While looking for the next header the front of a long line of garbage is of no interest.
    for (std::string_view part = bytes.substr(0, n); !part.empty();) {
      const size_t room = kMaxHeaderLineBytes > line_.size() ? kMaxHeaderLineBytes - line_.size() : 0;
      line_.append(part.substr(0, room));
      part.remove_prefix(std::min(room, part.size()));
      if (part.empty()) break;
      if (state_ == State::kHeader) fault(base::cat("a header line is longer than ", kMaxHeaderLineBytes, " bytes"));
      line_.erase(0, line_.size() - std::min(line_.size(), kContentLength.size() + 32));
    }
    bytes.remove_prefix(n);
    if (!complete) continue;
    if (state_ == State::kHeader)
      end_header_line();
    else
      resync_line();
  }
}

std::optional<base::Result<std::string>> FrameReader::next() {
  if (ready_.empty()) return std::nullopt;
  auto first = std::move(ready_.front());
  ready_.pop_front();
  return first;
}

void FrameReader::end_header_line() {
  const std::string line(base::trim(std::exchange(line_, {})));
  if (line.empty()) return end_header();
  const size_t colon = line.find(':');
  if (colon == std::string::npos || !is_field_name(line.substr(0, colon)) || ++n_header_lines_ > kMaxHeaderLines) {
    line_ = line;
    fault("bytes between two frames that are no header");
    return resync_line();
  }
  if (lower(line.substr(0, colon)) != kContentLength) return;  // Content-Type says nothing that we could act on
  const auto length = parse_length(base::trim(std::string_view(line).substr(colon + 1)));
  if (!length || (content_length_ && content_length_ != length))
    return fault("Content-Length is not one decimal number");
  content_length_ = length;
}

void FrameReader::end_header() {
  if (n_header_lines_ == 0) return;  // blank lines between frames do no harm
  n_header_lines_ = 0;
  const auto length = std::exchange(content_length_, std::nullopt);
  if (!length) return fault("a header without Content-Length");
  missing_ = *length;
  if (*length > max_body_bytes_) {
    ready_.emplace_back(base::Error{base::ErrorCode::kExhausted, base::cat("a message of ", *length, " bytes; at most ",
                                                                           max_body_bytes_, " are taken")});
    state_ = State::kSkipBody;
    return;
  }
  if (missing_ == 0)
    ready_.emplace_back(std::string());
  else
    state_ = State::kBody;
}

void FrameReader::fault(std::string message) {
  ready_.emplace_back(base::corrupt("broken frame: " + message));
  content_length_.reset();
  n_header_lines_ = 0;
  state_ = State::kResync;
}

// A header may follow on the same line as the end of what did not belong to a frame.
void FrameReader::resync_line() {
  const std::string line = std::exchange(line_, {});
  const size_t at = lower(line).rfind(std::string(kContentLength) + ":");
  if (at == std::string::npos) return;
  state_ = State::kHeader;
  line_ = line.substr(at);
  end_header_line();
}

std::string frame(std::string_view body) {
  std::string out = base::cat("Content-Length: ", body.size(), "\r\n\r\n");
  out.append(body);
  return out;
}

}  // namespace lsp
