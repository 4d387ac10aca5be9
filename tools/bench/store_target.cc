#include "tools/bench/store_target.h"

#include <utility>

namespace cairn::tools::bench {
namespace {

Outcome failed(const kv::Error& error) {
  return {Outcome::Result::kError, kv::name(error.code), error.committed == kv::Committed::kNo};
}

kv::ReadOptions read_options(Consistency consistency, const Operation& operation) {
  kv::ReadOptions options;
  if (operation.linearizable) return options;
  if (consistency == Consistency::kLease) options.consistency = kv::Consistency::kLease;
  if (consistency == Consistency::kEventual) options.consistency = kv::Consistency::kEventual;
  return options;
}

}  // namespace

StoreTarget::StoreTarget(const Work& work, std::string directory)
    : work_(work), directory_(std::move(directory)), values_(work.value_size, work.seed) {}

std::string StoreTarget::open() {
  kv::Options options;
  options.data_dir = directory_;
  auto store = kv::Store::open(std::move(options));
  if (store.has_error()) return store.error().message();
  store_.emplace(std::move(*store));
  return "";
}

void StoreTarget::call(std::size_t, const Operation& operation, Done done) {
  std::string key;
  append_key(key, operation.key, work_.key_size);
  switch (operation.action) {
    case Operation::Action::kPut: {
      std::string value;
      values_.append(value, operation);
      store_->async_put(std::move(key), std::move(value), {},
                        [done = std::move(done)](kv::Result<kv::PutResult> result) {
                          done(result.has_error() ? failed(result.error()) : Outcome{});
                        });
      return;
    }
    case Operation::Action::kGet:
      store_->async_get(std::move(key), read_options(work_.consistency, operation),
                        [done = std::move(done)](kv::Result<kv::ReadResult> result) {
                          Outcome outcome;
                          if (result.has_error()) {
                            outcome = failed(result.error());
                          } else if (!result->item) {
                            outcome.result = Outcome::Result::kAbsent;
                          } else {
                            outcome.stamp = read_stamp(result->item->value);
                          }
                          done(std::move(outcome));
                        });
      return;
    case Operation::Action::kScan:
      scan(operation, std::move(key), std::move(done));
      return;
  }
}

void StoreTarget::scan(const Operation& operation, std::string key, Done done) {
  kv::ScanOptions options;
  options.start = std::move(key);
  options.limit = operation.length;
  options.read = read_options(work_.consistency, operation);
  store_->async_scan(std::move(options),
                     [done = std::move(done)](kv::Result<kv::ScanResult> result) {
                       Outcome outcome;
                       if (result.has_error()) {
                         outcome = failed(result.error());
                       } else {
                         outcome.items = result->items.size();
                       }
                       done(std::move(outcome));
                     });
}

}  // namespace cairn::tools::bench
