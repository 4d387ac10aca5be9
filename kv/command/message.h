// One Cap'n Proto message of one segment in a string: the frame around commands and answers.
// For kv alone.
#pragma once

#include <capnp/message.h>
#include <kj/array.h>
#include <kj/common.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn::kv::wire {

inline constexpr std::size_t kWordBytes = sizeof(capnp::word);

constexpr std::size_t blob_words(std::size_t bytes) {
  return (bytes + kWordBytes - 1) / kWordBytes;
}

/// Room for a message of exactly `words` words (root pointer included), built in place in the
/// string that is handed out: nothing is copied. Throws kj::Exception if more is asked for, which
/// is a mistake of the caller's sum.
class OneSegmentBuilder final : public capnp::MessageBuilder {
 public:
  /// `head`: bytes, whole words, that are left blank before it.
  explicit OneSegmentBuilder(std::size_t words, std::size_t head = 0);
  OneSegmentBuilder(const OneSegmentBuilder&) = delete;
  OneSegmentBuilder& operator=(const OneSegmentBuilder&) = delete;

  kj::ArrayPtr<capnp::word> allocateSegment(capnp::uint minimum_words) override;
  /// Ends the builder's use.
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;  // head, segment table, then the segment
  const std::size_t head_;
  bool handed_out_ = false;
};

/// The one segment inside `bytes`, aligned; a copy only where `bytes` is not.
class OneSegment {
 public:
  /// False: not one whole segment.
  [[nodiscard]] bool open(std::string_view bytes);
  [[nodiscard]] kj::ArrayPtr<const capnp::word> words() const { return words_; }
  /// No message of ours is deeper than a few structs, and none has a word that is read twice.
  [[nodiscard]] capnp::ReaderOptions limits() const;

 private:
  kj::ArrayPtr<const capnp::word> words_;
  kj::Array<capnp::word> copy_;
};

inline kj::ArrayPtr<const kj::byte> as_data(std::string_view s) {
  return {reinterpret_cast<const kj::byte*>(s.data()), s.size()};
}

inline std::string_view as_view(kj::ArrayPtr<const kj::byte> data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

}  // namespace cairn::kv::wire
