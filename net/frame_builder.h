// Inside net/: builds a Cap'n Proto message straight into the frame it will be sent in. The size is
// known beforehand, so the message has one segment and is never copied.
#pragma once

#include <capnp/generated-header-support.h>
#include <capnp/message.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "net/codec.h"
#include "net/frame.h"

namespace cairn::net {

/// Stream framing of a single segment: segment count - 1, segment words.
inline constexpr std::size_t kSegmentTableBytes = 8;

inline constexpr std::size_t words_of(std::size_t bytes) {
  return (bytes + 7) / 8;
}

inline constexpr std::size_t frame_bytes_of(std::size_t words) {
  return kFrameHeaderBytes + kSegmentTableBytes + words * sizeof(capnp::word);
}

/// What a root struct takes: its pointer and itself.
template <class Schema>
constexpr std::size_t root_words() {
  return 1 + capnp::sizeInWords<Schema>();
}

/// A list of structs has a tag word before its elements; an empty one isn't written at all.
template <class Schema>
constexpr std::size_t list_words(std::size_t count) {
  return count == 0 ? 0 : 1 + count * capnp::sizeInWords<Schema>();
}

class FixedSegmentBuilder final : public capnp::MessageBuilder {
 public:
  explicit FixedSegmentBuilder(kj::ArrayPtr<capnp::word> zeroed) : space_(zeroed) {}
  kj::ArrayPtr<capnp::word> allocateSegment(capnp::uint minimum_words) override {
    if (given_ || minimum_words > space_.size()) {
      throw std::logic_error("a frame's size was computed too small");
    }
    given_ = true;
    return space_;
  }

 private:
  kj::ArrayPtr<capnp::word> space_;
  bool given_ = false;
};

inline capnp::Data::Reader as_data(std::string_view bytes) {
  return {reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()};
}

/// Appends a frame of `type` whose payload `fill(root builder)` writes; `words` is its exact size.
template <class Schema, class Fill>
void append_frame(FrameType type, const Envelope& envelope, std::size_t words, std::string& out,
                  Fill&& fill) {
  if (frame_bytes_of(words) > kFrameBytesMax) throw std::length_error("frame above its cap");
  const std::size_t begin = out.size();
  if (begin % sizeof(capnp::word) != 0) {  // something else stands before: build it aside
    std::string aside;
    append_frame<Schema>(type, envelope, words, aside, fill);
    out += aside;
    return;
  }
  out.resize(begin + frame_bytes_of(words));  // zeroed, as Cap'n Proto demands
  char* const frame = out.data() + begin;
  char* const payload = frame + kFrameHeaderBytes;
  const auto segment_words = static_cast<std::uint32_t>(words);
  std::memcpy(payload + 4, &segment_words, sizeof segment_words);

  FixedSegmentBuilder builder(
      {reinterpret_cast<capnp::word*>(payload + kSegmentTableBytes), words});
  fill(builder.initRoot<Schema>());
  if (builder.getSegmentsForOutput()[0].size() != words) {
    throw std::logic_error("a frame's size was computed too large");
  }
  FrameHeader header;
  header.type = type;
  header.cluster_id = envelope.cluster_id;
  header.from = envelope.from;
  header.to = envelope.to;
  header.payload_bytes = static_cast<std::uint32_t>(frame_bytes_of(words) - kFrameHeaderBytes);
  seal_frame(header, frame);
}

}  // namespace cairn::net
