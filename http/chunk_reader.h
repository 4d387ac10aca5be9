// Decodes a chunked body, strictly: hex size, CRLF, data, CRLF; no extensions, no trailers. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/problem.h"

namespace cairn::http {

class ChunkReader {
 public:
  enum class Result { kMore, kDone, kMalformed, kTooLarge };

  /// Takes bytes from the front of `in`, appends data to `body`. Stops after the body's last byte.
  [[nodiscard]] Result feed(std::string_view& in, std::string& body, std::size_t body_bytes_max);
  void reset() { *this = ChunkReader(); }

 private:
  enum class State : std::uint8_t { kSize, kSizeLf, kData, kDataCr, kDataLf, kEndCr, kEndLf };
  [[nodiscard]] bool size_digit(char c);
  [[nodiscard]] bool control_byte(char c);  // all states but kData; false: malformed

  State state_ = State::kSize;
  std::uint8_t digits_ = 0;
  bool done_ = false;
  std::uint32_t size_ = 0;  // of this chunk: still to come in kData
};

}  // namespace cairn::http
