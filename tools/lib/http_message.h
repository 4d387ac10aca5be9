// HTTP/1.1 from the client's side: endpoints, requests as bytes, answers out of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::tools {

struct Endpoint {
  std::string host;  // without brackets
  std::uint16_t port = 0;

  [[nodiscard]] std::string authority() const;  // host:port, as Host has it
  [[nodiscard]] std::string url() const;
};

/// "http://host:port" or "host:port", an IPv6 address in brackets.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);
/// A list with commas; an error names the entry that is none.
[[nodiscard]] std::optional<std::string> parse_endpoints(std::string_view text,
                                                         std::vector<Endpoint>& endpoints);

/// Everything but unreserved characters and '/', so that any bytes can be a key in a path or query.
[[nodiscard]] std::string percent_encode(std::string_view bytes);

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

  [[nodiscard]] std::string bytes(const Endpoint& endpoint) const;
};

struct HttpResponse {
  int status = 0;
  std::string fields;  // as they came, a line each, without the first line
  std::string body;
  bool closes = false;  // no further answer comes on this connection

  /// The value of the first field with this name (written in lower case); empty: none.
  [[nodiscard]] std::string_view field(std::string_view lower_name) const;
};

/// Cuts a stream of bytes into answers.
class ResponseReader {
 public:
  void feed(const char* data, std::size_t size) { buffer_.append(data, size); }
  enum class Outcome { kNeedMore, kAnswer, kBroken };
  /// The next answer, if all of it is there. `to_head`: it answers a HEAD and has no body.
  Outcome next(HttpResponse& response, bool to_head = false);
  /// The connection has ended: an answer without a length ends here.
  Outcome end(HttpResponse& response);
  void clear();
  /// Chunks of a good answer go here instead of into its body, each as it comes. False: broken.
  using Sink = std::function<bool(std::string_view)>;
  void set_sink(Sink sink) { sink_ = std::move(sink); }

 private:
  Outcome read_head(HttpResponse& response, bool to_head);
  Outcome read_body(HttpResponse& response);
  Outcome read_chunks(HttpResponse& response);
  void drop_consumed();

  enum class Framing { kHead, kLength, kChunks, kUntilEnd };
  std::string buffer_;
  std::size_t at_ = 0;  // consumed so far
  Framing framing_ = Framing::kHead;
  std::size_t length_ = 0;
  HttpResponse partial_;
  Sink sink_;
};

}  // namespace cairn::tools
