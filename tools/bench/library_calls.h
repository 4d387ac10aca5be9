// An operation as a call of the library: a store in this process and a client of the native door
// have the same verbs.
#pragma once

#include <string>
#include <utility>

#include "cairn/kv/store.h"
#include "tools/bench/driver.h"
#include "tools/bench/keys.h"
#include "tools/bench/values.h"

namespace cairn::tools::bench {

inline Outcome failed_outcome(const kv::Error& error) {
  return {Outcome::Result::kError, kv::name(error.code), error.committed == kv::Committed::kNo};
}

inline kv::ReadOptions read_options(Consistency consistency, const Operation& operation) {
  kv::ReadOptions options;
  if (operation.linearizable) return options;
  if (consistency == Consistency::kLease) options.consistency = kv::Consistency::kLease;
  if (consistency == Consistency::kEventual) options.consistency = kv::Consistency::kEventual;
  return options;
}

template <class Library>
void library_put(Library& library, std::string key, std::string value, CallTarget::Done done) {
  library.async_put(std::move(key), std::move(value), {},
                    [done = std::move(done)](const kv::Result<kv::PutResult>& result) {
                      done(result.has_error() ? failed_outcome(result.error()) : Outcome{});
                    });
}

template <class Library>
void library_get(Library& library, std::string key, kv::ReadOptions options,
                 CallTarget::Done done) {
  library.async_get(std::move(key), options,
                    [done = std::move(done)](const kv::Result<kv::ReadResult>& result) {
                      Outcome outcome;
                      if (result.has_error()) {
                        outcome = failed_outcome(result.error());
                      } else if (!result->item) {
                        outcome.result = Outcome::Result::kAbsent;
                      } else {
                        outcome.stamp = read_stamp(result->item->value);
                      }
                      done(std::move(outcome));
                    });
}

template <class Library>
void library_scan(Library& library, std::string key, std::uint64_t length, kv::ReadOptions read,
                  CallTarget::Done done) {
  kv::ScanOptions options;
  options.start = std::move(key);
  options.limit = static_cast<std::uint32_t>(length);
  options.read = read;
  library.async_scan(std::move(options),
                     [done = std::move(done)](const kv::Result<kv::ScanResult>& result) {
                       Outcome outcome;
                       if (result.has_error()) {
                         outcome = failed_outcome(result.error());
                       } else {
                         outcome.items = result->items.size();
                       }
                       done(std::move(outcome));
                     });
}

template <class Library>
void library_call(Library& library, const Work& work, const ValuePool& values,
                  const Operation& operation, CallTarget::Done done) {
  std::string key;
  append_key(key, operation.key, work.key_size);
  switch (operation.action) {
    case Operation::Action::kPut: {
      std::string value;
      values.append(value, operation);
      return library_put(library, std::move(key), std::move(value), std::move(done));
    }
    case Operation::Action::kGet:
      return library_get(library, std::move(key), read_options(work.consistency, operation),
                         std::move(done));
    case Operation::Action::kScan:
      return library_scan(library, std::move(key), operation.length,
                          read_options(work.consistency, operation), std::move(done));
  }
}

}  // namespace cairn::tools::bench
