#include "tools/bench/store_target.h"

#include <utility>

#include "tools/bench/library_calls.h"

namespace cairn::tools::bench {
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
  library_call(*store_, work_, values_, operation, std::move(done));
}

}  // namespace cairn::tools::bench
