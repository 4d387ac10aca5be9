// What a run does: its operations, and what all of its phases share.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/keys.h"

namespace cairn::tools::bench {

using Clock = std::chrono::steady_clock;

enum class Consistency { kLinearizable, kLease, kEventual };

/// What an operation counts as. kModify is a get and then a put of the same key.
enum class Kind { kGet, kPut, kInsert, kScan, kModify };
constexpr std::size_t kKinds = 5;
[[nodiscard]] const char* kind_name(Kind kind);

/// A workload: how many per mille of its operations are of each kind.
struct Mix {
  std::string_view name;
  std::array<unsigned, kKinds> per_mille;
  Distribution distribution;
  std::string_view about;

  [[nodiscard]] unsigned share(Kind kind) const {
    return per_mille[static_cast<std::size_t>(kind)];
  }
};
[[nodiscard]] const std::vector<Mix>& mixes();
[[nodiscard]] const Mix* find_mix(std::string_view name);

struct Work {
  const Mix* mix = find_mix("put");
  Distribution distribution = Distribution::kUniform;
  std::uint64_t keys = 100'000;
  std::size_t key_size = 16;
  std::size_t value_size = 256;
  std::uint64_t scan_length = 100;                       // a scan asks for 1 .. so many items
  Consistency consistency = Consistency::kLinearizable;  // of reads
  bool absent_is_error = true;                           // a get of a key that was loaded
  std::uint64_t seed = 1;
};

/// A phase ends after so many operations or so much time, whichever is given.
struct Phase {
  enum class What {
    kMeasure,
    kLoad,    // put each key once, in order
    kVerify,  // get each of `keys` once
  } what = What::kMeasure;
  std::uint64_t operations = UINT64_MAX;
  Clock::duration duration = Clock::duration::max();
  double rate =
      0;  // operations a second in all, begun on time whatever became of others; 0: closed
  std::uint64_t round = 0;         // makes the key choice of repeated phases differ
  std::uint64_t first_insert = 0;  // the first key that no phase before has inserted; 0: none has
  const std::vector<std::uint64_t>* keys = nullptr;
};

/// One request, or one of the two of a read-modify-write.
struct Operation {
  /// What is asked of the server.
  enum class Action : std::uint8_t { kGet, kPut, kScan };
  Action action = Action::kGet;
  Kind kind = Kind::kGet;
  bool linearizable = false;  // of a read: whatever the run's consistency is
  std::uint32_t length = 0;   // of a scan
  std::uint64_t key = 0;
  std::uint64_t value = 0;  // which of the values made ahead
  std::uint64_t stamp = 0;  // written into the value's first bytes; 0: nothing is
  Clock::time_point due;    // when it should have begun
  Clock::time_point began;
  Clock::time_point asked;  // when this request was made
};

/// What became of a request.
struct Outcome {
  enum class Result { kOk, kAbsent, kError } result = Result::kOk;
  std::string code{};       // of an error
  bool undone = false;      // of a put's error: it is promised never to take effect
  std::uint64_t stamp = 0;  // that the value read begins with; 0: none, or not looked for
  std::uint64_t items = 0;  // that a scan returned
};

}  // namespace cairn::tools::bench
