// Which key comes next: the same seed gives the same keys.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "tools/bench/generators.h"

namespace cairn::tools::bench {

enum class Distribution {
  kUniform,
  kZipfian,  // a few keys are hot, spread over the key space: YCSB's scrambled zipfian
  kLatest,   // keys put or inserted lately are hot, by a zipfian rank of their age
};

/// The keys of one lane. There are keys 0 .. keys - 1 at first; this lane inserts
/// first_insert, first_insert + step, and so on.
class KeyChooser {
 public:
  KeyChooser(Distribution distribution, std::uint64_t keys, std::uint64_t first_insert,
             std::uint64_t step);
  /// A key to overwrite. kLatest: they go round the key space.
  std::uint64_t to_put(Random& random);
  /// A key that is there: of the first ones, or (kLatest) inserted by this lane and acknowledged.
  std::uint64_t to_read(Random& random);
  /// A key that is not there yet.
  std::uint64_t to_insert();
  /// An insert has ended; before it has, no one looks for its key, nor for those after it.
  void insert_ended(std::uint64_t key);
  [[nodiscard]] std::uint64_t next_insert() const { return next_insert_; }

 private:
  std::uint64_t latest(Random& random);

  Distribution distribution_;
  std::uint64_t keys_;
  std::uint64_t first_insert_;
  std::uint64_t next_insert_;
  std::uint64_t step_;
  std::optional<Zipf> ages_;
  ScrambledZipf zipf_;
  std::uint64_t newest_ = 0;    // kLatest: of those that were put
  std::uint64_t inserted_ = 0;  // that many first inserts have ended
  std::deque<bool> later_;      // which of the next ones have
};

/// "k000000000000042": `size` characters.
void append_key(std::string& out, std::uint64_t key, std::size_t size);
/// Digits that the last key needs, with its letter.
[[nodiscard]] std::size_t key_size_min(std::uint64_t keys);

}  // namespace cairn::tools::bench
