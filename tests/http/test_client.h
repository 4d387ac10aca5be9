// A blocking client for the tests: sends any bytes, reads whole answers. Waits at most ten seconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace cairn::http {

struct Answer {
  int status = 0;                             // 0: the connection ended, or nothing came
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;

  [[nodiscard]] std::string field(const std::string& name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? std::string() : at->second;
  }
};

class Client {
 public:
  explicit Client(std::uint16_t port);
  ~Client();
  Client(Client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), unread_(std::move(other.unread_)) {}
  Client& operator=(Client&&) = delete;

  /// False: the server no longer takes bytes.
  bool send(std::string_view bytes);
  void finish_sending();
  /// `head_only`: the answer to a HEAD.
  [[nodiscard]] Answer read(bool head_only = false);
  /// Exactly this many bytes, or fewer at the end.
  [[nodiscard]] std::string read_bytes(std::size_t n);
  /// Waits for the end of the connection; true if it came without further bytes.
  [[nodiscard]] bool ended();
  /// Bytes or the end of the connection have come; does not wait longer than this.
  [[nodiscard]] bool readable_within(int milliseconds) const;

  Answer ask(std::string_view bytes) {
    send(bytes);
    return read();
  }

 private:
  bool more();
  [[nodiscard]] std::string read_chunks();
  int socket_;
  std::string unread_;
};

/// A request with Host and, for a body, its length. `fields` are whole lines with CRLF.
[[nodiscard]] std::string request(std::string_view method, std::string_view target,
                                  std::string_view body = {}, std::string_view fields = {});

}  // namespace cairn::http
