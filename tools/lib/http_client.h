// One kept-alive connection and plain, waiting calls: what a command line tool needs.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "tools/lib/http_message.h"

namespace cairn::tools {

/// What became of a request.
struct Exchange {
  std::optional<HttpResponse> response;
  std::string error;       // why there is no response
  bool connected = false;  // false: the server cannot have seen the request
};

class HttpClient {
 public:
  explicit HttpClient(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  ~HttpClient() { close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Connects if need be, sends, and waits for the answer until the deadline. Never sends twice.
  [[nodiscard]] Exchange send(const HttpRequest& request,
                              std::chrono::steady_clock::time_point deadline);
  /// As send(), for an answer of any length: its chunks go to the sink, and no time limit but
  /// between two pieces of it.
  [[nodiscard]] Exchange download(const HttpRequest& request, std::chrono::milliseconds idle,
                                  ResponseReader::Sink sink);
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  std::string connect(Deadline deadline);  // why not; empty: connected
  std::string write_all(const std::string& bytes, Deadline deadline);
  std::string read_answer(HttpResponse& response, bool to_head, Deadline deadline);
  void close();

  Endpoint endpoint_;
  int socket_ = -1;
  ResponseReader reader_;
  std::chrono::milliseconds idle_{0};  // of a download
};

/// Opens a non-blocking TCP connection; the answer is a descriptor that becomes writable once it is
/// made, or a negative number and `error`.
[[nodiscard]] int begin_connect(const Endpoint& endpoint, std::string& error);
/// What getsockopt(SO_ERROR) says of it, as text; empty: connected.
[[nodiscard]] std::string connect_result(int socket);

}  // namespace cairn::tools
