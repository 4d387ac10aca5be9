// An answer, and its form on the wire.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cairn/kv/store.h"

namespace cairn::http {

enum class ContentType : std::uint8_t { kJson, kProblem, kBytes, kMetrics };

struct Response {
  int status = 200;
  ContentType type = ContentType::kJson;
  std::string body;
  kv::Revision etag = 0;          // 0: none
  kv::Revision revision = 0;      // Cairn-Revision; 0: none
  std::uint32_t retry_after = 0;  // seconds; 0: none
  const char* allow = nullptr;
  bool replayed = false;
  /// The body comes from here, of a length that is not known; `body` is empty then. An error of the
  /// stream ends the connection without the end of the body, so that nobody takes it for whole.
  std::shared_ptr<kv::BackupStream> stream;
};

/// Appends head and body to `out`. `head_only`: the answer to HEAD (its Content-Length is that of
/// GET). `date` is an IMF-fixdate.
void append_response(std::string& out, const Response& response, std::string_view date,
                     bool head_only, bool close);

/// One piece of a streamed body; an empty one is its end.
void append_chunk(std::string& out, std::string_view piece);

/// Appends "Sun, 06 Nov 1994 08:49:37 GMT".
[[nodiscard]] std::string imf_date(std::int64_t unix_seconds);

}  // namespace cairn::http
