#include "http/chunk_reader.h"

#include <algorithm>

namespace cairn::http {
namespace {

constexpr std::uint8_t kDigitsMax = 7;  // no chunk of 256 MiB or more, and no overflow

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool ChunkReader::size_digit(char c) {
  if (c == '\r' && digits_ > 0) {
    state_ = State::kSizeLf;
    return true;
  }
  const int d = hex(c);
  if (d < 0 || digits_ == kDigitsMax) return false;
  size_ = size_ << 4 | static_cast<std::uint32_t>(d);
  ++digits_;
  return true;
}

bool ChunkReader::control_byte(char c) {
  switch (state_) {
    case State::kSize:
      return size_digit(c);
    case State::kSizeLf:
      state_ = size_ == 0 ? State::kEndCr : State::kData;
      return c == '\n';
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = State::kSize;
      digits_ = 0;
      return c == '\n';
    case State::kEndCr:  // anything else here would be a trailer
      state_ = State::kEndLf;
      return c == '\r';
    case State::kEndLf:
      done_ = true;
      return c == '\n';
    case State::kData:
      break;
  }
  return false;
}

ChunkReader::Result ChunkReader::feed(std::string_view& in, std::string& body,
                                      std::size_t body_bytes_max) {
  while (!in.empty()) {
    if (state_ == State::kData) {
      const std::size_t n = std::min<std::size_t>(size_, in.size());
      body.append(in.data(), n);
      in.remove_prefix(n);
      size_ -= static_cast<std::uint32_t>(n);
      if (size_ == 0) state_ = State::kDataCr;
      continue;
    }
    const char c = in.front();
    in.remove_prefix(1);
    if (!control_byte(c)) return Result::kMalformed;
    if (done_) return Result::kDone;
    if (state_ == State::kData && size_ > body_bytes_max - body.size()) return Result::kTooLarge;
  }
  return Result::kMore;
}

}  // namespace cairn::http
