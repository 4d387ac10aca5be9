#include "cairn/kv/async.h"

#include <boost/asio/system_executor.hpp>

#include "kv/host/store_impl.h"

namespace cairn::kv {

boost::asio::any_io_executor loop_executor(const Store& store) {
  Host& host = StoreAccess::host(store);
  // Without a loop a handler that names no executor of its own runs where its answer is given.
  if (host.stopped()) return boost::asio::system_executor();
  return host.loop().context().get_executor();
}

}  // namespace cairn::kv
