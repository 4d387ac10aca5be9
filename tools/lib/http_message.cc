#include "tools/lib/http_message.h"

#include <algorithm>
#include <charconv>

#include "tools/lib/units.h"

namespace cairn::tools {
namespace {

constexpr std::size_t kHeadMax = 64 << 10;
constexpr std::size_t kBodyMax = 256u << 20;
constexpr std::size_t kKeepConsumed = 64 << 10;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~' || c == '/';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool equal_ignoring_case(std::string_view text, std::string_view lower_text) {
  return text.size() == lower_text.size() &&
         std::equal(text.begin(), text.end(), lower_text.begin(),
                    [](char a, char b) { return lower(a) == b; });
}

}  // namespace

std::string Endpoint::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return name + ":" + std::to_string(port);
}

std::string Endpoint::url() const {
  return "http://" + authority();
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  auto port = parse_number(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":/[]@") != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::optional<std::string> parse_endpoints(std::string_view text,
                                           std::vector<Endpoint>& endpoints) {
  for (const std::string& part : split_list(text)) {
    auto endpoint = parse_endpoint(part);
    if (!endpoint) return "\"" + part + "\" is no endpoint, such as http://127.0.0.1:8001";
    endpoints.push_back(std::move(*endpoint));
  }
  if (endpoints.empty()) return "no endpoint is given";
  return std::nullopt;
}

std::string percent_encode(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    if (unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string HttpRequest::bytes(const Endpoint& endpoint) const {
  std::string out = method + " " + target + " HTTP/1.1\r\nHost: " + endpoint.authority() + "\r\n";
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
  if (!body.empty() || method == "PUT" || method == "POST") {
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return out + "\r\n" + body;
}

std::string_view HttpResponse::field(std::string_view lower_name) const {
  std::string_view rest = fields;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    if (line.size() > lower_name.size() && line[lower_name.size()] == ':' &&
        equal_ignoring_case(line.substr(0, lower_name.size()), lower_name)) {
      return trim(line.substr(lower_name.size() + 1));
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
  }
  return {};
}

void ResponseReader::clear() {
  buffer_.clear();
  at_ = 0;
  framing_ = Framing::kHead;
}

void ResponseReader::drop_consumed() {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > kKeepConsumed) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
}

ResponseReader::Outcome ResponseReader::next(HttpResponse& response, bool to_head) {
  for (;;) {
    Outcome outcome =
        framing_ == Framing::kHead ? read_head(partial_, to_head) : read_body(partial_);
    if (outcome != Outcome::kAnswer) return outcome;
    if (framing_ != Framing::kHead) continue;  // only the head was read
    if (partial_.status < 200) continue;       // 100 Continue and its like
    std::swap(response, partial_);
    drop_consumed();
    return Outcome::kAnswer;
  }
}

ResponseReader::Outcome ResponseReader::end(HttpResponse& response) {
  if (framing_ != Framing::kUntilEnd) return Outcome::kBroken;
  partial_.body.assign(buffer_, at_);
  clear();
  std::swap(response, partial_);
  return Outcome::kAnswer;
}

// Leaves framing_ at what the body is like; kHead if there is none.
ResponseReader::Outcome ResponseReader::read_head(HttpResponse& response, bool to_head) {
  const std::string_view all = std::string_view(buffer_).substr(at_);
  const auto end = all.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return all.size() > kHeadMax ? Outcome::kBroken : Outcome::kNeedMore;
  }
  const std::string_view head = all.substr(0, end);
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::uint64_t status = line.size() < 12 ? 0 : parse_number(line.substr(9, 3)).value_or(0);
  if (!line.starts_with("HTTP/1.") || status < 100) return Outcome::kBroken;
  response.status = static_cast<int>(status);
  response.body.clear();
  const std::size_t fields_at = std::min(head.size(), line.size() + 2);
  response.fields.assign(head, fields_at);
  at_ += end + 4;
  response.closes =
      line.starts_with("HTTP/1.0") || equal_ignoring_case(response.field("connection"), "close");
  if (to_head || status < 200 || status == 204 || status == 304) {
    framing_ = Framing::kHead;
  } else if (equal_ignoring_case(response.field("transfer-encoding"), "chunked")) {
    framing_ = Framing::kChunks;
  } else if (const std::string_view length = response.field("content-length"); !length.empty()) {
    auto value = parse_number(length);
    if (!value || *value > kBodyMax) return Outcome::kBroken;
    length_ = *value;
    framing_ = Framing::kLength;
  } else {
    response.closes = true;
    framing_ = Framing::kUntilEnd;
  }
  return Outcome::kAnswer;
}

ResponseReader::Outcome ResponseReader::read_body(HttpResponse& response) {
  if (framing_ == Framing::kChunks) return read_chunks(response);
  if (buffer_.size() - at_ > kBodyMax) return Outcome::kBroken;
  if (framing_ == Framing::kUntilEnd || buffer_.size() - at_ < length_) return Outcome::kNeedMore;
  response.body.assign(buffer_, at_, length_);
  at_ += length_;
  framing_ = Framing::kHead;
  return Outcome::kAnswer;
}

// Reads all chunks at once or none of them, but for a sink.
ResponseReader::Outcome ResponseReader::read_chunks(HttpResponse& response) {
  std::string body;
  std::size_t at = at_;
  for (;;) {
    const auto line_end = buffer_.find("\r\n", at);
    if (line_end == std::string::npos) break;
    std::size_t size = 0;
    auto [end, error] = std::from_chars(buffer_.data() + at, buffer_.data() + line_end, size, 16);
    if (error != std::errc{} || size > kBodyMax) return Outcome::kBroken;
    if (end != buffer_.data() + line_end && *end != ';' && *end != ' ') return Outcome::kBroken;
    at = line_end + 2;
    if (size == 0) {
      // Trailer fields, if any, end like a head.
      const auto stop = buffer_.compare(at, 2, "\r\n") == 0 ? at : buffer_.find("\r\n\r\n", at);
      if (stop == std::string::npos) break;
      at_ = stop == at ? at + 2 : stop + 4;
      response.body = std::move(body);
      framing_ = Framing::kHead;
      return Outcome::kAnswer;
    }
    if (buffer_.size() < at + size + 2) break;
    if (buffer_.compare(at + size, 2, "\r\n") != 0) return Outcome::kBroken;
    if (sink_ && response.status < 300) {
      if (!sink_(std::string_view(buffer_).substr(at, size))) return Outcome::kBroken;
      at_ = at + size + 2;
      drop_consumed();
      at = at_;
      continue;
    }
    body.append(buffer_, at, size);
    at += size + 2;
  }
  return buffer_.size() - at_ > kBodyMax ? Outcome::kBroken : Outcome::kNeedMore;
}

}  // namespace cairn::tools
