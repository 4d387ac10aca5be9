#include "http/head_check.h"

#include <algorithm>
#include <array>

namespace cairn::http {
namespace {

constexpr std::size_t kMethodBytesMax = 24;
constexpr std::size_t kRequestLineSlack = kMethodBytesMax + sizeof "  HTTP/1.1\r\n";
constexpr std::size_t kLengthDigitsMax = 18;  // below 2^63

// Bytes that may stand in a head besides CR and LF.
constexpr std::array<bool, 256> head_bytes() {
  std::array<bool, 256> t{};
  for (std::size_t c = 0x20; c < 256; ++c) t[c] = c != 0x7F;
  t['\t'] = true;
  return t;
}
constexpr std::array<bool, 256> kHeadByte = head_bytes();

constexpr std::array<bool, 256> token_bytes() {
  std::array<bool, 256> t{};
  for (std::size_t c = '0'; c <= '9'; ++c) t[c] = true;
  for (std::size_t c = 'a'; c <= 'z'; ++c) t[c] = true;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) t[c] = true;
  for (const char c :
       {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    t[static_cast<unsigned char>(c)] = true;
  }
  return t;
}
constexpr std::array<bool, 256> kTokenByte = token_bytes();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kTokenByte[static_cast<unsigned char>(c)];
  });
}

bool is_target_byte(char c) {
  return c > 0x20 && c < 0x7F && c != '#';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Looks at one head, line by line. Each step returns false once refused.
class Checker {
 public:
  Checker(const ServerOptions& limits, const HostPolicy& policy)
      : limits_(limits), policy_(policy) {}

  HeadVerdict run(std::string_view head) {
    std::string_view line = take_line(head);
    if (request_line(line)) {
      while (!head.empty()) {
        line = take_line(head);
        if (line.empty()) break;
        if (!field(line)) return std::move(verdict_);
      }
      conclude();
    }
    return std::move(verdict_);
  }

 private:
  // The scanner has seen that every line ends with CRLF.
  static std::string_view take_line(std::string_view& head) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 1, head.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }

  bool refuse(Code code, const char* detail) {
    verdict_.refusal = Refusal{code, detail, is_write_method(out().method)};
    return false;
  }
  bool bad(const char* detail) { return refuse(Code::kBadRequest, detail); }
  CheckedHead& out() { return verdict_.head; }

  bool request_line(std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return bad("the request line has no target");
    const std::string_view method = line.substr(0, space);
    if (method.size() > kMethodBytesMax || !is_token(method)) return bad("the method is malformed");
    out().method = method;
    line.remove_prefix(space + 1);
    const std::size_t last = line.find(' ');
    if (last == std::string_view::npos) return bad("the request line has no HTTP version");
    out().request_target = line.substr(0, last);
    const std::string_view version = line.substr(last + 1);
    if (version == "HTTP/1.0") {
      out().http_1_0 = true;
      out().keep_alive = false;
    } else if (version != "HTTP/1.1") {
      return bad("the HTTP version is neither 1.1 nor 1.0");
    }
    return target(out().request_target);
  }

  bool target(std::string_view text) {
    if (text.size() > limits_.target_bytes_max) {
      return refuse(Code::kUriTooLong, "the request target is too long");
    }
    if (!std::all_of(text.begin(), text.end(), is_target_byte)) {
      return bad("the request target has bytes that must be percent-encoded");
    }
    constexpr std::string_view kScheme = "http://";
    if (equal_no_case(text.substr(0, kScheme.size()), kScheme)) {
      text.remove_prefix(kScheme.size());
      const std::size_t slash = text.find('/');
      if (slash == std::string_view::npos) return bad("the request target has no path");
      authority_ = text.substr(0, slash);
      text.remove_prefix(slash);
    }
    if (text.empty() || text.front() != '/') return bad("the request target is not a path");
    out().target = text;
    return true;
  }

  bool field(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') return bad("a header field is folded");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header field has no colon");
    const std::string_view name = line.substr(0, colon);
    if (!is_token(name)) return bad("a header field's name is malformed");
    const std::string_view value = trim(line.substr(colon + 1));
    switch (name.size()) {
      case 4:
        return !equal_no_case(name, "host") || host(value);
      case 6:
        if (equal_no_case(name, "origin")) return origin(value);
        return !equal_no_case(name, "expect") || expect(value);
      case 10:
        return !equal_no_case(name, "connection") || connection(value);
      case 14:
        return !equal_no_case(name, "content-length") || content_length(value);
      case 17:
        return !equal_no_case(name, "transfer-encoding") || transfer_encoding(value);
      default:
        return true;
    }
  }

  bool host(std::string_view value) {
    if (host_) return bad("Host stands twice");
    host_ = value;
    return true;
  }

  bool origin(std::string_view value) {
    if (origin_) return bad("Origin stands twice");
    origin_ = value;
    return true;
  }

  bool expect(std::string_view value) {
    if (!equal_no_case(value, "100-continue")) return bad("Expect is not 100-continue");
    out().expect_continue = true;
    return true;
  }

  bool connection(std::string_view value) {
    while (!value.empty()) {
      const std::size_t comma = std::min(value.find(','), value.size());
      if (equal_no_case(trim(value.substr(0, comma)), "close")) out().keep_alive = false;
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return true;
  }

  bool content_length(std::string_view value) {
    if (has_length_) return bad("Content-Length stands twice");
    has_length_ = true;
    if (value.empty()) return bad("Content-Length is empty");
    if (value.size() > kLengthDigitsMax) return bad("Content-Length is out of range");
    std::uint64_t n = 0;
    for (const char c : value) {
      if (c < '0' || c > '9') return bad("Content-Length is not a number");
      n = n * 10 + static_cast<std::uint64_t>(c - '0');
    }
    out().content_length = n;
    return true;
  }

  bool transfer_encoding(std::string_view value) {
    if (out().chunked) return bad("Transfer-Encoding stands twice");
    if (!equal_no_case(value, "chunked")) return bad("Transfer-Encoding is not exactly chunked");
    out().chunked = true;
    return true;
  }

  void conclude() {
    CheckedHead& head = out();
    if (head.chunked && has_length_) {
      return (void)bad("both Transfer-Encoding and Content-Length");
    }
    if (head.chunked && head.http_1_0) return (void)bad("Transfer-Encoding in HTTP/1.0");
    if (head.http_1_0) head.expect_continue = false;  // 1.0 knows no interim answer
    if (!host_) return (void)bad("Host is missing");
    if (authority_ && !equal_no_case(*authority_, *host_)) {
      return (void)bad("the request target and Host name different hosts");
    }
    switch (policy_.host(*host_)) {
      case HostVerdict::kAllowed:
        break;
      case HostVerdict::kMalformed:
        return (void)bad("Host is malformed");
      case HostVerdict::kForeign:
        return (void)refuse(Code::kMisdirected,
                            "Host must be an IP address, localhost or a configured name");
    }
    if (origin_ && !policy_.origin_allowed(*origin_, *host_)) {
      return (void)refuse(Code::kOriginRefused, "pages of that origin may not use this server");
    }
    if (head.content_length > limits_.body_bytes_max) {
      return (void)refuse(Code::kTooLarge, "the body is over the limit");
    }
  }

  const ServerOptions& limits_;
  const HostPolicy& policy_;
  HeadVerdict verdict_;
  std::optional<std::string_view> host_, origin_, authority_;
  bool has_length_ = false;
};

}  // namespace

bool is_write_method(std::string_view method) noexcept {
  return method == "PUT" || method == "DELETE" || method == "POST" || method == "PATCH";
}

HeadScanner::Result HeadScanner::refuse(Code code, const char* detail) {
  refusal_ = Refusal{code, detail, false};
  return Result::kRefused;
}

HeadScanner::Result HeadScanner::end_line() {
  if (first_line_ == 0) {
    first_line_ = position_;
  } else if (++fields_ > limits_->fields_max) {
    return refuse(Code::kHeaderTooLarge, "there are too many header fields");
  }
  line_start_ = position_;
  return Result::kMore;
}

HeadScanner::Result HeadScanner::check_sizes(std::string_view in) {
  if (first_line_ == 0) {
    const std::string_view begin = in.substr(0, kMethodBytesMax + 1);
    if (position_ > kMethodBytesMax && begin.find(' ') == std::string_view::npos) {
      return refuse(Code::kBadRequest, "the method is malformed");
    }
    if (position_ > limits_->target_bytes_max + kRequestLineSlack) {
      return refuse(Code::kUriTooLong, "the request target is too long");
    }
  } else if (position_ - first_line_ > limits_->head_bytes_max + 2) {
    return refuse(Code::kHeaderTooLarge, "the header fields are too large");
  }
  return Result::kMore;
}

HeadScanner::Result HeadScanner::scan(std::string_view in) {
  while (position_ < in.size()) {
    if (after_cr_) {
      if (in[position_] != '\n') return refuse(Code::kBadRequest, "a CR stands alone");
      after_cr_ = false;
      ++position_;
      if (position_ - line_start_ == 2) {
        if (first_line_ == 0) return refuse(Code::kBadRequest, "the request line is empty");
        const Result sizes = check_sizes(in);
        return sizes == Result::kMore ? Result::kDone : sizes;
      }
      if (const Result r = end_line(); r != Result::kMore) return r;
      continue;
    }
    while (position_ < in.size() && kHeadByte[static_cast<unsigned char>(in[position_])]) {
      ++position_;
    }
    if (const Result r = check_sizes(in); r != Result::kMore) return r;
    if (position_ == in.size()) break;
    if (in[position_] == '\n') return refuse(Code::kBadRequest, "an LF stands alone");
    if (in[position_] != '\r') return refuse(Code::kBadRequest, "a control byte in the head");
    after_cr_ = true;
    ++position_;
  }
  return Result::kMore;
}

HeadVerdict check_head(std::string_view head, const ServerOptions& limits,
                       const HostPolicy& policy) {
  return Checker(limits, policy).run(head);
}

}  // namespace cairn::http
