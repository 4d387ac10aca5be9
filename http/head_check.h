// The strict check of a request's head that comes before Beast's parser: whatever two parsers might
// read in two ways is refused here. Pure; bytes in, a verdict out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "cairn/http/server.h"
#include "http/host_policy.h"
#include "http/problem.h"

namespace cairn::http {

/// Why a request is refused before it is one. The connection closes after the answer.
struct Refusal {
  Code code = Code::kBadRequest;
  const char* detail = "";
  bool is_write = false;  // the method, if it could be read, was one that writes
};

/// Finds the end of a head as bytes arrive. Refuses what no head may have, as soon as it is there:
/// a bare CR or LF, control bytes, too many bytes or fields.
class HeadScanner {
 public:
  explicit HeadScanner(const ServerOptions& limits) : limits_(&limits) {}

  enum class Result { kMore, kDone, kRefused };
  /// `in` begins with the head's first byte; what was there in the call before is unchanged.
  [[nodiscard]] Result scan(std::string_view in);
  /// After kDone: the head's size with its last empty line.
  [[nodiscard]] std::size_t size() const { return position_; }
  /// After kRefused.
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }
  void reset() { *this = HeadScanner(*limits_); }

 private:
  Result refuse(Code code, const char* detail);
  Result end_line();
  Result check_sizes(std::string_view in);

  const ServerOptions* limits_;
  std::size_t position_ = 0;
  std::size_t line_start_ = 0;
  std::size_t first_line_ = 0;  // its size with CRLF; 0: not yet complete
  std::size_t fields_ = 0;
  bool after_cr_ = false;
  Refusal refusal_;
};

/// What a head says about its message. The views point into the head.
struct CheckedHead {
  std::string_view method;
  std::string_view target;          // always in origin form
  std::string_view request_target;  // as it was sent
  bool http_1_0 = false;
  bool chunked = false;
  bool expect_continue = false;
  bool keep_alive = true;
  std::uint64_t content_length = 0;
};

struct HeadVerdict {
  CheckedHead head;
  std::optional<Refusal> refusal;  // then `head` means nothing
};

/// `head` is a whole head as HeadScanner found it.
[[nodiscard]] HeadVerdict check_head(std::string_view head, const ServerOptions& limits,
                                     const HostPolicy& policy);

/// Does this method ask for a change?
[[nodiscard]] bool is_write_method(std::string_view method) noexcept;

}  // namespace cairn::http
