#include "kv/command/message.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "kv/command/little_endian.h"

namespace cairn::kv::wire {
namespace {

constexpr int kNestingMax = 8;
// The reader counts the root pointer more than once.
constexpr std::size_t kTraversalSlackWords = 8;

}  // namespace

OneSegmentBuilder::OneSegmentBuilder(std::size_t words, std::size_t head)
    : bytes_(head + (words + 1) * kWordBytes, '\0'), head_(head) {
  // Longer than any string's inner buffer, so it lies on the heap, aligned for a word.
  store_le(static_cast<std::uint32_t>(words), bytes_.data() + head + sizeof(std::uint32_t));
}

kj::ArrayPtr<capnp::word> OneSegmentBuilder::allocateSegment(capnp::uint minimum_words) {
  const std::size_t words = (bytes_.size() - head_) / kWordBytes - 1;
  KJ_REQUIRE(!handed_out_ && minimum_words <= words, "the message is larger than its sum");
  handed_out_ = true;
  return {reinterpret_cast<capnp::word*>(bytes_.data() + head_ + kWordBytes), words};
}

bool OneSegment::open(std::string_view bytes) {
  if (bytes.size() < 2 * kWordBytes || bytes.size() % kWordBytes != 0) return false;
  const std::size_t words = bytes.size() / kWordBytes - 1;
  if (load_le<std::uint32_t>(bytes.data()) != 0) return false;
  if (load_le<std::uint32_t>(bytes.data() + sizeof(std::uint32_t)) != words) return false;
  const char* segment = bytes.data() + kWordBytes;
  if (reinterpret_cast<std::uintptr_t>(segment) % alignof(capnp::word) == 0) {
    words_ = {reinterpret_cast<const capnp::word*>(segment), words};
    return true;
  }
  copy_ = kj::heapArray<capnp::word>(words);
  std::memcpy(copy_.begin(), segment, words * kWordBytes);
  words_ = copy_;
  return true;
}

capnp::ReaderOptions OneSegment::limits() const {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words_.size() + kTraversalSlackWords;
  options.nestingLimit = kNestingMax;
  return options;
}

}  // namespace cairn::kv::wire
