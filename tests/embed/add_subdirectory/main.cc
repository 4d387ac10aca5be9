// A program with an Asio loop of its own that has Cairn in its source tree: coroutines on its own
// context await a member's calls, and two stores live side by side.
#include <cairn/kv/async.h>
#include <cairn/kv/test_cluster.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <exception>
#include <string>

namespace {

namespace asio = boost::asio;
using cairn::kv::Store;

// Options have names here, or are made with parentheses: gcc 12 destroys twice what braces make of
// an aggregate inside a co_await expression.
asio::awaitable<bool> write_here_read_there(Store& here, Store& there) {
  const cairn::kv::WriteOptions write;
  auto put = co_await cairn::kv::async_put(here, "city", "Oslo", write, asio::use_awaitable);
  if (put.has_error() || !put->created) co_return false;
  auto got =
      co_await cairn::kv::async_get(there, "city", cairn::kv::ReadOptions(), asio::use_awaitable);
  if (got.has_error() || !got->item || got->item->value != "Oslo") co_return false;
  cairn::kv::ScanOptions all;
  auto scan = co_await cairn::kv::async_scan(there, all, asio::use_awaitable);
  if (scan.has_error() || scan->items.size() != 1) co_return false;
  auto removed = co_await cairn::kv::async_remove(there, "city", write, asio::use_awaitable);
  co_return removed.has_value() && removed->deleted;
}

}  // namespace

int main() {
  auto cluster = cairn::kv::TestCluster::start(3).value();
  asio::io_context context;
  bool ok = false;
  asio::co_spawn(context, write_here_read_there(cluster.node(1), cluster.node(3)),
                 [&ok](std::exception_ptr failure, bool result) { ok = !failure && result; });
  context.run();
  std::puts(ok ? "ok" : "failed: the awaited calls did not give what was written");
  return ok ? 0 : 1;
}
