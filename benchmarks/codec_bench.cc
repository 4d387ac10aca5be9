// Peer frames: an append with its entries into bytes and back, as the hot path does it.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "net/codec.h"
#include "net/wire.h"

namespace cairn::net {
namespace {

constexpr Envelope kEnvelope{7, 1, 2};

std::vector<GroupMessage> append_of(std::size_t entries, std::size_t bytes) {
  raft::AppendRequest append;
  append.prev_index = 100;
  append.prev_term = 3;
  append.commit = 99;
  for (std::size_t i = 0; i < entries; ++i) {
    raft::Entry entry;
    entry.index = 101 + i;
    entry.term = 3;
    entry.kind = raft::EntryKind::kCommand;
    entry.data = std::make_shared<const std::string>(bytes, 'e');
    append.entries.push_back(std::move(entry));
  }
  return {{1, {1, 2, 3, std::move(append)}}};
}

/// Arguments: entries of the append, bytes of an entry.
void BM_EncodeAppend(benchmark::State& state) {
  const auto messages =
      append_of(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    encode_raft_batch(messages, 1, kEnvelope, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}
BENCHMARK(BM_EncodeAppend)->Args({1, 300})->Args({64, 300})->Args({16, 16'384});

void BM_DecodeAppend(benchmark::State& state) {
  const auto messages =
      append_of(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  std::string frame;
  encode_raft_batch(messages, 1, kEnvelope, frame);
  for (auto _ : state) {
    auto decoded = decode_frame(frame);
    if (!decoded) state.SkipWithError("the frame is refused");
    benchmark::DoNotOptimize(decoded);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(frame.size()));
}
BENCHMARK(BM_DecodeAppend)->Args({1, 300})->Args({64, 300})->Args({16, 16'384});

}  // namespace
}  // namespace cairn::net
