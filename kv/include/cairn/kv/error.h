// Errors of the store: values that say what the caller should do next.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace cairn::kv {

/// What went wrong, named after the caller's next move. The HTTP door sends the same names.
enum class Errc {
  // The request is at fault: change it.
  kBadRequest = 1,  // a parameter is out of range or contradicts another
  kKeyEmpty,
  kKeyTooLarge,          // over Options::key_bytes_max
  kTooLarge,             // value or batch over its limit
  kCrossPartition,       // a batch's keys live in different partitions: use a common {tag}
  kRevisionMismatch,     // the condition does not hold; Error::revision is the current one
  kIdempotencyMismatch,  // this idempotency key was used with another request
  // Try again, now or after Error::retry_after_ms.
  kOverloaded,    // a bound was met; nothing was done
  kNoLeader,      // no leader known, or no quorum: nothing was done
  kTimeout,       // a read did not get its answer in time
  kShuttingDown,  // this node is stopping: ask another
  kFenced,        // this node's disk failed: ask another, look at the disk
  kDiskFull,      // free some space; heals by itself
  // The outcome is not known: the write may or may not take effect. Repeat it only with the same
  // idempotency key, or look first.
  kOutcomeUnknown,
  // Opening a store.
  kLocked,         // another process (or Store) has this directory open
  kAddressInUse,   // Error::detail names the address
  kConfiguration,  // Error::detail names the option
  kCorrupt,        // Error::detail names file and offset: restore, or re-seed from peers
  kNewerFormat,    // written by a newer version
  kForeign,        // the directory or the peers belong to another cluster or node
  kWiped,          // this node's directory was lost or rolled back: its peers refuse it
  kIo,             // Error::detail has what the system said
  kInternal,       // a broken invariant: please report; this node has stopped serving
};

[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] boost::system::error_code make_error_code(Errc e) noexcept;
/// Stable lower-case name, e.g. "revision_mismatch".
[[nodiscard]] const char* name(Errc e) noexcept;
/// May the same request be sent again with a chance to succeed?
[[nodiscard]] bool retryable(Errc e) noexcept;

/// Did the write take effect? kNo is a promise: it never will.
enum class Committed {
  kNo,
  kYes,
  kUnknown,
  kPartial,  // of a series (remove_prefix): earlier steps yes, the last one unknown
};

/// An error with its circumstances.
struct Error {
  Errc code = Errc::kInternal;
  std::string detail;                    // for people; no key or value stands in it
  Committed committed = Committed::kNo;  // meaningful for writes
  std::uint64_t revision = 0;  // kRevisionMismatch: the key's current mod revision, 0 if absent
  std::uint32_t retry_after_ms = 0;

  Error() = default;
  Error(Errc c, std::string d = {}, Committed k = Committed::kNo)
      : code(c), detail(std::move(d)), committed(k) {}
  [[nodiscard]] std::string message() const;  // name and detail
};

/// Thrown only by Result<T>::value() on an error.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error e) : std::runtime_error(e.message()), error_(std::move(e)) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

[[noreturn]] void throw_exception_from_error(const Error& e, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace cairn::kv

template <>
struct boost::system::is_error_code_enum<cairn::kv::Errc> : std::true_type {};
