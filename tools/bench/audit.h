// What the clients of a run did and saw, kept for its verdict: is each key's history linearizable
// (--check), and is what was acknowledged still there (--verify)?
//
// Memory is bounded: once a part holds too much, it goes on with half of the keys (chosen by a
// hash) and forgets the others. A key that is kept is kept whole, so the verdict on it stands.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/bench/work.h"

namespace cairn::tools::bench {

/// A put or get of one key, as a client saw it. Times are half nanoseconds of Clock.
struct Event {
  std::uint64_t key = 0;
  std::uint64_t stamp = 0;  // written or read; 0: absent, or a value that no run of ours wrote
  std::int64_t asked = 0;
  std::int64_t answered = 0;
  bool put = false;
  bool unknown = false;  // of a put: it may have taken effect, at any time since, or never
};

/// Half of the keys again and again, until what is kept fits.
class KeySample {
 public:
  [[nodiscard]] bool has(std::uint64_t key) const { return (fnv_hash(key) & mask_) == 0; }
  void halve() { mask_ = mask_ * 2 + 1; }
  void narrow_to(const KeySample& other) { mask_ |= other.mask_; }
  /// One key in so many is kept.
  [[nodiscard]] std::uint64_t one_in() const { return mask_ + 1; }

 private:
  std::uint64_t mask_ = 0;
};

/// A lane's part, through all phases. Used by one thread at a time.
class Witness {
 public:
  Witness(bool history, bool writes, std::uint64_t first_stamp)
      : keeps_history_(history), keeps_writes_(writes), next_stamp_(first_stamp) {}

  [[nodiscard]] std::uint64_t next_stamp() { return next_stamp_++; }
  void ended(const Operation& operation, const Outcome& outcome, Clock::time_point now);

  static constexpr std::size_t kEventsMax = 2'000'000;
  static constexpr std::size_t kKeysMax = 1'000'000;

 private:
  friend class Audit;
  struct Write {
    std::uint64_t stamp = 0;
    std::int64_t asked = 0;
    std::int64_t answered = 0;
  };
  // Those writes of a key after which no other one was begun and acknowledged: one of them it
  // holds.
  struct Last {
    std::vector<Write> acknowledged{};
    std::vector<std::uint64_t> unknown{};
  };
  static void add_write(Last& last, const Write& write);

  void note(const Event& event);
  void note_write(const Event& event);

  bool keeps_history_;
  bool keeps_writes_;
  std::uint64_t next_stamp_;
  KeySample event_keys_;
  std::vector<Event> events_;
  KeySample write_keys_;
  std::unordered_map<std::uint64_t, Last> writes_;
};

class Audit {
 public:
  /// `nonce` tells this run's stamps from those of others; 24 bits.
  Audit(bool check, bool verify, std::uint64_t nonce);
  /// The part of the lane with this index, made when first asked for. At most 256.
  Witness& witness(std::size_t lane);

  /// Of all lanes, in any order. `one_in`: only one key in so many was watched.
  [[nodiscard]] std::vector<Event> events(std::uint64_t* one_in) const;

  // --verify, once nothing is under way any more:

  /// The keys of which some write was acknowledged, in order.
  [[nodiscard]] std::vector<std::uint64_t> written_keys();
  /// Does a key that reads so hold one of its last writes? Any thread.
  [[nodiscard]] bool holds_last_write(std::uint64_t key, const Outcome& read) const;
  [[nodiscard]] bool verifies() const { return verify_; }
  [[nodiscard]] std::uint64_t verified_one_in() const { return last_keys_.one_in(); }

 private:
  bool check_;
  bool verify_;
  std::uint64_t nonce_;
  std::mutex mutex_;  // guards the list, not the witnesses
  std::vector<std::unique_ptr<Witness>> witnesses_;
  KeySample last_keys_;
  std::unordered_map<std::uint64_t, Witness::Last> last_;
};

}  // namespace cairn::tools::bench
