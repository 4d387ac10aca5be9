#include "tools/bench/native_target.h"

#include <utility>

#include "tools/bench/library_calls.h"

namespace cairn::tools::bench {

NativeTarget::NativeTarget(const Work& work, std::vector<std::string> endpoints,
                           std::size_t threads, kv::ClientOptions options)
    : work_(work),
      endpoints_(std::move(endpoints)),
      threads_(threads),
      options_(options),
      values_(work.value_size, work.seed) {}

std::string NativeTarget::open() {
  for (std::size_t i = 0; i < threads_; ++i) {
    auto client = kv::Client::connect(endpoints_, options_);
    if (client.has_error()) return client.error().message();
    clients_.push_back(std::move(*client));
  }
  return "";
}

void NativeTarget::call(std::size_t door, const Operation& operation, Done done) {
  library_call(clients_[door], work_, values_, operation, std::move(done));
}

}  // namespace cairn::tools::bench
