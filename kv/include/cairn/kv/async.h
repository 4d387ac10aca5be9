// The store's calls with Asio completion tokens, and its loop for those who serve on it. Only
// programs that include this header need Asio.
//
//   cairn::kv::WriteOptions options;  // named: gcc 12 destroys a braced {} twice within co_await
//   co_await cairn::kv::async_put(store, "k", "v", options, boost::asio::use_awaitable);
//
// The handler has the signature void(Result<T>) and runs on its own associated executor (default:
// the store's loop).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <string>
#include <utility>

#include "cairn/kv/store.h"

namespace cairn::kv {

/// The executor of the store's loop thread; valid until the store is destroyed.
[[nodiscard]] boost::asio::any_io_executor loop_executor(const Store& store);

namespace detail {

template <class T, class Start, class Token>
auto initiate(const Store& store, Start start, Token&& token) {
  return boost::asio::async_initiate<Token, void(Result<T>)>(
      [loop = loop_executor(store)](auto handler, Start go) {
        auto executor = boost::asio::get_associated_executor(handler, loop);
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        auto work = boost::asio::make_work_guard(executor);
        go(Callback<T>([shared, executor, work](Result<T> r) mutable {
          boost::asio::dispatch(executor, [shared, r = std::move(r)]() mutable {
            auto h = std::move(*shared);
            h(std::move(r));
          });
        }));
      },
      token, std::move(start));
}

}  // namespace detail

template <class Token>
auto async_put(Store& store, std::string key, std::string value, WriteOptions options,
               Token&& token) {
  return detail::initiate<PutResult>(
      store,
      [&store, key = std::move(key), value = std::move(value),
       options = std::move(options)](Callback<PutResult> done) mutable {
        store.async_put(std::move(key), std::move(value), std::move(options), std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto async_remove(Store& store, std::string key, WriteOptions options, Token&& token) {
  return detail::initiate<RemoveResult>(
      store,
      [&store, key = std::move(key),
       options = std::move(options)](Callback<RemoveResult> done) mutable {
        store.async_remove(std::move(key), std::move(options), std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto async_write(Store& store, WriteBatch batch, WriteOptions options, Token&& token) {
  return detail::initiate<BatchResult>(
      store,
      [&store, batch = std::move(batch),
       options = std::move(options)](Callback<BatchResult> done) mutable {
        store.async_write(std::move(batch), std::move(options), std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto async_get(Store& store, std::string key, ReadOptions options, Token&& token) {
  return detail::initiate<ReadResult>(
      store,
      [&store, key = std::move(key),
       options = std::move(options)](Callback<ReadResult> done) mutable {
        store.async_get(std::move(key), std::move(options), std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto async_scan(Store& store, ScanOptions options, Token&& token) {
  return detail::initiate<ScanResult>(
      store,
      [&store, options = std::move(options)](Callback<ScanResult> done) mutable {
        store.async_scan(std::move(options), std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto async_remove_prefix(Store& store, std::string prefix, RemovePrefixOptions options,
                         Token&& token) {
  return detail::initiate<RemovePrefixResult>(
      store,
      [&store, prefix = std::move(prefix),
       options = std::move(options)](Callback<RemovePrefixResult> done) mutable {
        store.async_remove_prefix(std::move(prefix), std::move(options), std::move(done));
      },
      std::forward<Token>(token));
}

}  // namespace cairn::kv
